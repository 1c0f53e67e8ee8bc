"""Where the processor time of each stage goes, by kind of work: kept for the file of the run, shown as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.pipeline.decide import Run
from benchmarks.pipeline.sampler import KINDS
from benchmarks.rows import Options

SECTION = "profile"
FUNCTIONS_KEPT = 25
Profile = Mapping[str, Mapping[str, Any]]
"""Stage -> ``events``, ``us_per_event`` (all kinds together), ``shares`` and ``functions`` (name -> share)."""


def keep(options: Options, run: Run) -> None:
    """Add a run's profiles to the facts of this benchmark; the first of a stage counts."""
    kept = options.facts.setdefault(SECTION, {})
    for stage, found in run.profiles.items():
        kept.setdefault(stage, summary(found, run.events))


def summary(found: Mapping[str, Mapping[str, float]], events: int) -> dict[str, Any]:
    """Shares of processor time, most first, from the seconds that the sampler has booked."""
    total = sum(found["kinds"].values())

    def shares(of: str, most: int) -> dict[str, float]:
        return {name: round(seconds / total, 4) for name, seconds in list(found[of].items())[:most]}

    return {
        "events": events,
        "us_per_event": round(total / events * 1e6, 2),
        "shares": shares("kinds", len(KINDS)),
        "functions": shares("functions", FUNCTIONS_KEPT),
    }


def as_markdown(profile: Profile) -> str:
    """The table of docs/performance.md: a line a kind of work, a column a stage, in microseconds an event."""
    stages = list(profile)
    lines = ["| kind of work | " + " | ".join(stages) + " |", "|---|" + "---:|" * len(stages)]
    for kind in KINDS:
        found = [profile[stage]["shares"].get(kind, 0.0) for stage in stages]
        if any(found):
            cells = (_cell(share, profile[stage]["us_per_event"]) for share, stage in zip(found, stages, strict=True))
            lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    totals = (f"{profile[stage]['us_per_event']:.1f} µs" for stage in stages)
    return "\n".join([*lines, "| all | " + " | ".join(totals) + " |"])


def _cell(share: float, us_per_event: float) -> str:
    return f"{share * us_per_event:.1f} µs ({share:.0%})" if share else ""
