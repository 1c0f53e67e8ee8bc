"""A customer out of a folder of history: the backtest, with everybody else left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from streams.backtest import Backtest, Line, end_of_run
from streams.campaigns import CampaignSet
from streams.errors import InputError
from streams.explain.recording import Decision, Recording, settled, until_of
from streams.explain.watched import Watched
from streams.replay.memory import cycle_collection_paused


def from_history(
    customer: str,
    read_lines: Callable[[], Iterable[Line]],
    campaigns: CampaignSet,
    lateness_ms: Callable[[str], int],
    at: int | None,
    latest_end: int,
    origin: str,
    decisions_file: Path | None = None,
) -> Recording:
    """The customer as the files tell him.

    ``at``: as of this time; else to the end of a backtest. ``decisions_file``: what ``cuepoint backtest --out`` wrote
    of the same files. Raises InputError when that cannot be read.
    """
    runs: list[tuple[list[Decision], int]] = []

    def read(wanted: frozenset[str]) -> Watched:
        fold = Watched(wanted)
        run = Backtest(campaigns, lateness_ms, None if at is None else at + 1, latest_end, fold)
        arrived = 0
        with cycle_collection_paused():
            for source, arrived, value in read_lines():
                run.feed(source, arrived, value)
            runs.append((run.finish().decisions, end_of_run(arrived, None if at is None else at + 1, latest_end)))
        return fold

    current, fold = settled(customer, read)
    decided, until = runs[-1]
    recorded = None if decisions_file is None else _recorded(decisions_file, fold.wanted, until)
    return Recording(customer, current, origin, until, fold, decided, recorded)


def _recorded(path: Path, wanted: frozenset[str], until: int) -> list[Decision]:
    try:
        lines = path.read_bytes().splitlines()
        return until_of((msgspec.json.decode(line) for line in lines if line), wanted, until)
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as decisions ({error}); name the file that cuepoint backtest --out wrote."
        ) from error
