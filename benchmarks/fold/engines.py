"""The engines: what each promises, how often it commits, what it needs, and how its process is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fold import kafka_streams
from benchmarks.fold.progress import Run

ROOT = Path(__file__).parents[2]
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine as the benchmark knows it.

    ``changelog``: name of its changelog topic, made of ``{name}`` (of the run), ``{topics}`` (what its topics begin
    with) and ``{input}``. ``makes_changelog``: it creates that topic itself. ``missing``: why it cannot run here, or
    None. ``backlog_max``: largest size it is run at.
    """

    key: str
    name: str
    guarantee: str
    cadence: str
    interval_ms: int
    changelog: str
    makes_changelog: bool
    command: Callable[[Run], list[str]]
    missing: Callable[[], str | None]
    backlog_max: int = 10_000_000

    @property
    def title(self) -> str:
        """Name and guarantee, as rows have it."""
        return f"{self.name}, {self.guarantee}"


def bench_environment_missing() -> str | None:
    """Why the Python engines beside ours, and the probe, cannot run."""
    installed = BENCH_PYTHON.parents[1] / ".installed"
    return None if installed.exists() else f"{installed.parent} is not complete: `make bench` installs it"


def _python(module: str) -> Callable[[Run], list[str]]:
    return lambda run: [str(BENCH_PYTHON), "-m", f"benchmarks.fold.{module}", run.as_argument()]


def _ours(run: Run) -> list[str]:
    return [sys.executable, "-m", "benchmarks.fold.ours", run.as_argument()]


def _cuepoint(key: str, name: str, cadence: str, interval_ms: int) -> Engine:
    return Engine(key, name, "exactly once", cadence, interval_ms, "{topics}-changelog", False, _ours, lambda: None)


def _quix(interval_ms: int, spoken: str) -> Engine:
    return Engine(
        f"quix-{interval_ms}",
        f"Quix Streams, {spoken}",
        "exactly once",
        f"checkpoint every {spoken}",
        interval_ms,
        "changelog__{name}--{input}--default",
        True,
        _python("quix"),
        bench_environment_missing,
    )


def _kafka_streams(interval_ms: int, spoken: str) -> Engine:
    return Engine(
        f"kafka-streams-{interval_ms}",
        f"Kafka Streams, {spoken}",
        "exactly once",
        f"commit.interval.ms {interval_ms}",
        interval_ms,
        "{name}-customers-changelog",
        True,
        kafka_streams.command,
        kafka_streams.missing,
    )


OURS = _cuepoint("ours", "Cuepoint", "a transaction a round (default settings)", 0)
OURS_100_MS = _cuepoint("ours-100", "Cuepoint, 100 ms", "at most 2,000 records a transaction", 100)
BARE_LOOP = Engine(
    "bare-loop",
    "bare loop",
    "at least once",
    "flush and offsets every 1 s",
    1_000,
    "{topics}-changelog",
    False,
    _python("bare_loop"),
    bench_environment_missing,
)
STOCK_FAUST = Engine(
    "stock-faust",
    "stock Faust",
    "at least once",
    "offsets every 2.8 s",
    2_800,
    "{name}-customers-changelog",
    True,
    _python("stock_faust"),
    bench_environment_missing,
    backlog_max=200_000,
)
QUIX_100_MS = _quix(100, "100 ms")
QUIX_1_S = _quix(1_000, "1 s")
KAFKA_STREAMS_100_MS = _kafka_streams(100, "100 ms")
KAFKA_STREAMS_1_S = _kafka_streams(1_000, "1 s")

ENGINES = (OURS, OURS_100_MS, BARE_LOOP, STOCK_FAUST, QUIX_100_MS, QUIX_1_S, KAFKA_STREAMS_100_MS, KAFKA_STREAMS_1_S)
