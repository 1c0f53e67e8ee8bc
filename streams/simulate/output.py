"""The files of a simulation: replay files in order of arrival, the ground truth, and what it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from streams.errors import InputError
from streams.simulate.feed import Feed

TRUTH_FILE = "truth.jsonl"
SUMMARY_FILE = "simulation.json"


@dataclass(frozen=True)
class Simulation:
    """What was written. ``labels``: per source, which of its facts are real and which synthetic."""

    label: str
    seed: int
    brand: str
    origin: str
    lines: dict[str, int]
    imperfections: dict[str, int]
    truth: dict[str, int]
    labels: dict[str, str]
    report: dict[str, int]


def write_files(
    directory: Path, feed: Feed, seed: int, origin: str, labels: dict[str, str], report: dict[str, int]
) -> Simulation:
    """Write everything below ``directory``; raises InputError when that fails."""
    kinds: dict[str, int] = {}
    for fact in feed.truth:
        kinds[fact["kind"]] = kinds.get(fact["kind"], 0) + 1
    simulation = Simulation(
        label="synthetic",
        seed=seed,
        brand=feed.brand,
        origin=origin,
        lines={source: len(lines) for source, lines in feed.lines.items()},
        imperfections=dict(sorted(feed.counts.items())),
        truth=dict(sorted(kinds.items())),
        labels=labels,
        report=report,
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for source, lines in feed.lines.items():
            lines.sort()
            with (directory / f"{source}.jsonl").open("wb") as file:
                file.writelines(raw + b"\n" for _, _, raw in lines)
        _write_json_lines(directory / TRUTH_FILE, feed.truth)
        text = msgspec.json.format(msgspec.json.encode(asdict(simulation)), indent=2)
        (directory / SUMMARY_FILE).write_bytes(text + b"\n")
    except OSError as error:
        raise InputError(f"{directory} cannot be written ({error.strerror}); choose another directory") from error
    return simulation


def _write_json_lines(path: Path, facts: list[dict[str, Any]]) -> None:
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(fact) + b"\n" for fact in facts)
