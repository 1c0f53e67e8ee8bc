"""What a soak has shown, as rows: nothing lost or doubled, memory flat, lag bounded."""

from __future__ import annotations

from benchmarks.pipeline.outcome import Verdict
from benchmarks.pipeline.watch import Sample, Watcher, settled, slope, thinned
from benchmarks.rows import Row, measured, not_run

WARM_UP_S = 600.0
AFTER_RESTART_S = 120.0
SEGMENT_S_MIN = 240.0
"""A process has to have lived so long undisturbed for its memory to say something."""
GROWTH_PERCENT_MAX = 3
"""Of resident memory in 10 minutes."""
LAG_S_MAX = 60


def rows(watcher: Watcher, verdict: Verdict, rate: float) -> list[Row]:
    """The soak's table."""
    kills = f"{len(watcher.kills)} kills -9, {verdict.expected:,} decisions expected"
    return [
        measured("soak: load", rate, "lines/s", note=f"{watcher.samples[-1].at_s / 60:.1f} minutes"),
        measured("soak: decisions lost", verdict.lost, "", reach="value <= 0", note=kills),
        measured("soak: decisions duplicated", verdict.duplicated, "", reach="value <= 0", note=kills),
        measured("soak: decisions wrong", verdict.wrong, "", reach="value <= 0", note=kills),
        *(memory(watcher.samples, name) for name in watcher.samples[0].rss_mib),
        _lag(watcher.samples, rate),
    ]


def memory(samples: list[Sample], name: str) -> Row:
    """Growth of a process's resident memory after the warm-up, in percent in ten minutes."""
    what = f"soak: memory growth of {name}"
    reach = f"value <= {GROWTH_PERCENT_MAX}"
    life = settled(samples, name, WARM_UP_S, AFTER_RESTART_S)
    if not life or life[-1].at_s - life[0].at_s < SEGMENT_S_MIN:
        return not_run(what, f"no {SEGMENT_S_MIN / 60:.0f} minutes of one process after the warm-up: run longer", reach)
    points = [(sample.at_s, sample.rss_mib[name]) for sample in life]
    per_s = slope(thinned(points))
    middle = sorted(mib for _, mib in points)[len(points) // 2]
    note = (
        f"{per_s * 60:+.2f} MiB a minute at {middle:,.0f} MiB, over {(life[-1].at_s - life[0].at_s) / 60:.1f} minutes"
    )
    return measured(what, per_s * 600 / middle * 100, "% in 10 min", reach=reach, note=note)


def _lag(samples: list[Sample], rate: float) -> Row:
    lags = [sum(sample.lag.values()) / rate + sample.behind_s for sample in samples]
    last = lags[len(lags) * 9 // 10 :]
    note = f"restarts included; in the last tenth at most {max(last):.1f} s"
    return measured("soak: most lag of all stages", max(lags), "s of input", reach=f"value <= {LAG_S_MAX}", note=note)
