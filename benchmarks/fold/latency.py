"""The fold live: milliseconds from ``produce()`` to the decision in a consumer, at 1,000 events a second."""

from __future__ import annotations

from statistics import median

from benchmarks.fold.engines import KAFKA_STREAMS_100_MS, OURS, QUIX_100_MS, STOCK_FAUST, Engine
from benchmarks.fold.lab import LIVE_RATE, Lab
from benchmarks.fold.talk import EngineError
from benchmarks.rows import Options, Row, measured, not_run

ENGINES = (OURS, QUIX_100_MS, KAFKA_STREAMS_100_MS, STOCK_FAUST)
AIMS = {"p50_ms": "value <= 40", "p99_ms": "value <= 100"}
"""For Cuepoint; the others are there to compare."""
ROUNDS_MAX = 2
WARM_UP_S, SECONDS = 10.0, 20.0
QUICK_WARM_UP_S, QUICK_SECONDS = 5.0, 8.0


def rows(lab: Lab, options: Options) -> list[Row]:
    """p50 and p99 of each engine; medians over at most two interleaved rounds."""
    warm_up_s, seconds = (QUICK_WARM_UP_S, QUICK_SECONDS) if options.quick else (WARM_UP_S, SECONDS)
    out: dict[str, str] = {engine.key: why for engine in ENGINES if (why := engine.missing())}
    found: dict[str, list[dict[str, float]]] = {engine.key: [] for engine in ENGINES}
    for number in range(min(options.rounds, ROUNDS_MAX)):
        for engine in ENGINES:
            if engine.key in out:
                continue
            try:
                result = lab.latency(engine, warm_up_s, seconds)
            except EngineError as error:
                out[engine.key] = str(error)
                options.say(f"fold latency, round {number + 1}: {engine.name}: {error}")
                continue
            found[engine.key].append(result)
            options.say(
                f"fold latency, round {number + 1}: {engine.name} p50 {result['p50_ms']:.0f} ms, "
                f"p99 {result['p99_ms']:.0f} ms"
            )
    return [row for engine in ENGINES for row in _rows(engine, found[engine.key], out.get(engine.key))]


def _rows(engine: Engine, results: list[dict[str, float]], missing: str | None) -> list[Row]:
    rows = []
    for field, aim in AIMS.items():
        name = f"fold latency {field.removesuffix('_ms')}: {engine.title}"
        reach = aim if engine is OURS else ""
        if missing is not None:
            rows.append(not_run(name, missing, reach))
            continue
        values = [result[field] for result in results]
        note = (
            f"{engine.cadence}; {LIVE_RATE:,} events/s, {results[0]['samples']:.0f} decisions a round, "
            f"worst {max(result['max_ms'] for result in results):,.0f} ms"
        )
        spread = (min(values), max(values))
        rows.append(measured(name, median(values), "ms", reach=reach, spread=spread, note=note))
    return rows
