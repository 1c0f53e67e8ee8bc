"""``python -m benchmarks.rhythm``: check the rhythm on real histories and write the figures into docs/rhythm.md."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from benchmarks.rhythm.customers import JOURNEY_FILE, Trade, complete_journey, cut_off, online_retail
from benchmarks.rhythm.report import page, scored
from schemas.lifecycle import RhythmOptions
from streams.campaigns import load_campaigns
from streams.errors import CuepointError
from streams.replay.online_retail import read_online_retail
from streams.replay.online_retail_files import find_file

LOOK_IN = (Path("data"), Path("../shared/data"))
PAGE = Path("docs/rhythm.md")
CAMPAIGNS = Path("campaigns")
DRAWS = 500
EXIT_NOT_RUN = 1
ONLINE_RETAIL = {
    90: [date(2011, month, 1) for month in (5, 6, 7, 8, 9)],
    180: [date(2011, month, 1) for month in (4, 5, 6)],
}
"""Horizon in days -> cut-offs. The history ends on 2011-12-09, so each horizon ends within it."""
COMPLETE_JOURNEY = {90: [date(2017, month, 1) for month in (6, 7, 8, 9)]}


def sections(folders: list[Path], rhythm: RhythmOptions, draws: int) -> dict[str, str]:
    """Name of each block of the page -> its tables; a data set that is not there says NOT RUN."""
    found: dict[str, str] = {}
    retail = next((file for folder in folders if (file := find_file(folder)) is not None), None)
    found |= _of("online retail", retail and online_retail(read_online_retail(retail)), ONLINE_RETAIL, rhythm, draws)
    journey = next((path for folder in folders if (path := folder / JOURNEY_FILE).is_file()), None)
    return found | _of("complete journey", journey and complete_journey(journey), COMPLETE_JOURNEY, rhythm, draws)


def _of(
    name: str, trades: Mapping[str, Trade] | None, plan: Mapping[int, list[date]], rhythm: RhythmOptions, draws: int
) -> dict[str, str]:
    if trades is None:
        return {f"{name} {horizon}": "NOT RUN: the data set is not there." for horizon in plan}
    return {
        f"{name} {horizon}": page([scored(cut_off(dict(trades), day, horizon), rhythm) for day in days], draws)
        for horizon, days in plan.items()
    }


def write(path: Path, blocks: Mapping[str, str]) -> None:
    """Put each block between its marks on the page."""
    text = path.read_text(encoding="utf-8")
    for name, block in blocks.items():
        marked = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not marked.search(text):
            raise CuepointError(f"{path} has no block <!-- measured: {name} -->; put it and <!-- end --> there")
        text = marked.sub(lambda match, block=block: f"{match[1]}\n{block}\n\n{match[2]}", text)  # type: ignore[misc]
    path.write_text(text, encoding="utf-8")


def main() -> int:
    """Returns 1 when a data set was missing; its block then stays as it is."""
    parser = argparse.ArgumentParser(prog="benchmarks.rhythm", description=__doc__)
    parser.add_argument("--data", type=Path, action="append", help="folder with the data sets; may be given again")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"drawings of the bootstrap (default {DRAWS})")
    arguments = parser.parse_args()
    try:
        campaign = next(c for c in load_campaigns(CAMPAIGNS).campaigns if c.occasion == "reactivation")
        rhythm = RhythmOptions.model_validate(campaign.options)
        blocks = sections(arguments.data or list(LOOK_IN), rhythm, arguments.draws)
        ran = {name: block for name, block in blocks.items() if not block.startswith("NOT RUN")}
        write(PAGE, ran)
    except CuepointError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for name, block in blocks.items():
        print(f"{name}\n\n{block}\n")
    return 0 if len(ran) == len(blocks) else EXIT_NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
