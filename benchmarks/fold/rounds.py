"""The fold over a backlog: every engine once a round, rounds one after the other, medians and ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.fold.engines import (
    BARE_LOOP,
    ENGINES,
    KAFKA_STREAMS_1_S,
    KAFKA_STREAMS_100_MS,
    OURS,
    OURS_100_MS,
    QUIX_1_S,
    QUIX_100_MS,
    STOCK_FAUST,
    Engine,
)
from benchmarks.fold.lab import Backlog, Lab
from benchmarks.fold.talk import EngineError
from benchmarks.rows import Options, Row, measured, not_run

SIZES = (200_000, 1_000_000)
SIZES_QUICK = (40_000,)
LARGE, ROUNDS_MAX_LARGE = 1_000_000, 3
"""A round over a large backlog takes three minutes: fewer of them, so that the whole benchmark stays within an hour."""
WARM_UP_EVENTS = 20_000
AHEAD = "ratio > 1"
PAIRS = (
    (OURS, STOCK_FAUST),
    (OURS, BARE_LOOP),
    (OURS_100_MS, QUIX_100_MS),
    (OURS_100_MS, KAFKA_STREAMS_100_MS),
    (OURS, QUIX_1_S),
    (OURS, KAFKA_STREAMS_1_S),
)
"""Who is held against whom. Who commits every 100 ms meets a Cuepoint that commits as often."""
AIMS = {
    (200_000, STOCK_FAUST.key): "ratio >= 18",
    (200_000, BARE_LOOP.key): "ratio >= 0.8",
    (1_000_000, BARE_LOOP.key): "ratio >= 0.75",
    **{(size, engine.key): AHEAD for size in SIZES for _, engine in PAIRS[2:]},
}
"""By size and engine: what the ratio to it has to reach. Other sizes (``--events``) are for information."""

Round = dict[str, Backlog]


def rows(lab: Lab, options: Options) -> list[Row]:
    """All rows of all sizes. A first round over few events warms the broker and does not count."""
    sizes = (options.events,) if options.events else SIZES_QUICK if options.quick else SIZES
    out: dict[str, str] = {engine.key: why for engine in ENGINES if (why := engine.missing())}
    play(lab, WARM_UP_EVENTS, 1, out, lambda line: options.say(f"warm-up: {line}"))
    found: list[Row] = []
    for size in sizes:
        rounds = min(options.rounds, ROUNDS_MAX_LARGE) if size >= LARGE else options.rounds
        found += rows_of_size(size, play(lab, size, rounds, out, options.say), out)
    return found


def play(lab: Lab, size: int, rounds: int, out: dict[str, str], say: Callable[[str], None]) -> list[Round]:
    """Measured rounds. An engine that fails is put ``out`` with the reason, and takes part no more.

    The order turns by one each round, so that no engine always runs in the wake of the same other one.
    """
    played: list[Round] = []
    for number in range(rounds):
        entrants = [engine for engine in ENGINES if size <= engine.backlog_max]
        turn = number % len(entrants)
        results: Round = {}
        for engine in entrants[turn:] + entrants[:turn]:
            if engine.key in out:
                continue
            try:
                result = results[engine.key] = lab.backlog(engine, size)
            except EngineError as error:
                out[engine.key] = str(error)
                say(f"fold {size:,}, round {number + 1}: {engine.name}: {error}")
            else:
                say(f"fold {size:,}, round {number + 1} of {rounds}: {engine.name} {result.events_per_s:,.0f} events/s")
        played.append(results)
    return played


def rows_of_size(size: int, played: Sequence[Round], out: dict[str, str]) -> list[Row]:
    """Rows of one size: each engine by itself, Cuepoint against each, where the processor time went."""
    entrants = [engine for engine in ENGINES if size <= engine.backlog_max]
    found = [_engine_row(size, engine, played, out) for engine in entrants]
    found += [_ratio_row(size, subject, engine, played, out) for subject, engine in PAIRS if engine in entrants]
    found += [_cpu_row(size, engine, played) for engine in entrants if engine.key not in out]
    return found + [_transactions_row(size, engine, played) for engine in (OURS, OURS_100_MS) if engine.key not in out]


def _engine_row(size: int, engine: Engine, played: Sequence[Round], out: dict[str, str]) -> Row:
    name = f"fold {size:,}: {engine.title}"
    if engine.key in out:
        return not_run(name, out[engine.key])
    results = [results[engine.key] for results in played]
    speeds = [result.events_per_s for result in results]
    gap_ms, gap_ms_max = (median(getattr(result, field) for result in results) for field in ("gap_ms", "gap_ms_max"))
    writes = median(result.changelog_records for result in results)
    note = (
        f"{engine.cadence}; measured {gap_ms:,.0f} ms apart, at most {gap_ms_max:,.0f}; "
        f"{writes:,.0f} changelog records; {max(result.peak_mib for result in results):,.0f} MiB"
    )
    return measured(name, median(speeds), "events/s", spread=(min(speeds), max(speeds)), note=note)


def _ratio_row(size: int, subject: Engine, engine: Engine, played: Sequence[Round], out: dict[str, str]) -> Row:
    name = f"fold {size:,}: {subject.name} against {engine.name}"
    aim = AIMS.get((size, engine.key), "")
    missing = next((out[key] for key in (subject.key, engine.key) if key in out), None)
    if missing is not None:
        return not_run(name, missing, aim)
    ours = [results[subject.key].events_per_s for results in played]
    ratios = [results[subject.key].events_per_s / results[engine.key].events_per_s for results in played]
    return measured(
        name,
        median(ours),
        "events/s",
        against=engine.title,
        ratio=median(ratios),
        reach=aim,
        spread=(min(ours), max(ours)),
        note=f"ratio {min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds",
    )


def _cpu_row(size: int, engine: Engine, played: Sequence[Round]) -> Row:
    results = [results[engine.key] for results in played]
    spent = [result.cpu_s / size * 1e6 for result in results]
    broker = median(result.broker_cpu_s / size * 1e6 for result in results)
    return measured(
        f"fold {size:,}: processor time of {engine.name}",
        median(spent),
        "CPU µs an event",
        spread=(min(spent), max(spent)),
        note=f"and the broker {broker:.1f} µs",
    )


def _transactions_row(size: int, engine: Engine, played: Sequence[Round]) -> Row:
    counts = [results[engine.key].commits for results in played]
    return measured(
        f"fold {size:,}: transactions of {engine.name}",
        median(counts),
        "transactions",
        spread=(min(counts), max(counts)),
        note=f"{size / median(counts):,.0f} events each",
    )
