"""The log of one run, read again by fresh groups in other ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from streams.ordered import POSITION_KEY
from streams.settings import Settings
from streams.tools import producer, read_all
from tests.faults.figures import Figures, figures
from tests.faults.kit import Pipeline, fault_settings
from tests.faults.retailer import Retailer
from tests.faults.scenarios import Ground, scenario
from tests.faults.verdict import Verdict, compare

Row = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""Key, value, headers."""
Log = dict[int, list[Row]]
"""Partition -> records in their order."""


@dataclass(frozen=True)
class Way:
    """How a log is read: workers of decide, most records a round, most steps a transaction."""

    workers: int
    records_max: int
    steps_max: int


WAYS = (Way(1, 5_000, 20_000), Way(2, 200, 200), Way(4, 25, 25))


@dataclass
class First:
    """The run that wrote the log."""

    figures: Figures
    end_ms: int
    inputs: dict[str, Log]
    log: Log
    decisions: Log


@dataclass
class Again:
    """What a fresh group made of a log."""

    log: Log
    decisions: Log
    transactions: int
    """Of decide."""
    restarts: list[str]


def run_first(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer) -> First:
    """One run through all stages. Nothing is handed over, as in any replay."""
    settings = fault_settings(broker, prefix, directory, batch_records_max=1_000, transaction_steps_max=1_000)
    with Pipeline(settings, sink=False) as pipeline:
        with pipeline.feeding(retailer, hand_over=False) as feed:
            pass
        row = figures(pipeline, retailer, [], compare(pipeline, retailer, sink=False))
        inputs = {topic: read_log(pipeline, topic) for topic in STAGES["intake"].inputs}
        log, decisions = read_log(pipeline, "customer-events"), read_log(pipeline, "decisions")
        return First(row, feed.end_ms, inputs, log, decisions)


def run_decide(broker: LocalBroker, prefix: str, directory: Path, first: First, way: Way) -> Again:
    """Decide alone, from the beginning of the same ``customer-events``."""
    settings = _settings(broker, prefix, directory, way)
    pipeline = Pipeline(settings, {"intake": 0, "identity": 0, "decide": way.workers}, sink=False)
    return _run(pipeline, first, {"customer-events": first.log})


def run_all(broker: LocalBroker, prefix: str, directory: Path, first: First, way: Way) -> Again:
    """All stages, from the same input topics."""
    settings = _settings(broker, prefix, directory, way)
    return _run(Pipeline(settings, way.workers, sink=False), first, first.inputs)


def _settings(broker: LocalBroker, prefix: str, directory: Path, way: Way) -> Settings:
    changes = {"batch_records_max": way.records_max, "transaction_steps_max": way.steps_max}
    return fault_settings(broker, prefix, directory, **changes)


def _run(pipeline: Pipeline, first: First, topics: dict[str, Log]) -> Again:
    for topic, log in topics.items():
        write_log(pipeline.settings, topic, log)
        assert read_log(pipeline, topic) == log, f"the copy of {topic} differs"
    with pipeline:
        pipeline.wait(lambda: pipeline.slowest_clock() >= first.end_ms, "everything is decided")
        log, decisions = read_log(pipeline, "customer-events"), read_log(pipeline, "decisions")
        return Again(log, decisions, transactions(pipeline), list(pipeline.restarts))


def read_log(pipeline: Pipeline, topic: str) -> Log:
    """Every committed record of a topic."""
    log: Log = {number: [] for number in range(pipeline.settings.partitions)}
    for record in read_all(pipeline.client, pipeline.settings, topic):
        log[record.partition].append((record.key, record.value, tuple(record.headers)))
    return log


def write_log(settings: Settings, topic: str, log: Log) -> None:
    """The same records, in the same order, in the same partitions."""
    with producer(settings) as client:
        for number, rows in log.items():
            for key, value, headers in rows:
                client.send(settings.topic(topic), value, key, list(headers), partition=number)


def transactions(pipeline: Pipeline) -> int:
    """Committed transactions of decide: each wrote its position once."""
    records = read_all(pipeline.client, pipeline.settings, "decide-changelog")
    return sum(1 for record in records if record.key == POSITION_KEY)


def rows(log: Log) -> Counter[Row]:
    """The records of all partitions, in no order."""
    return Counter(row for records in log.values() for row in records)


@scenario("replay")
def replay(ground: Ground) -> Figures:
    """The same log by three groups: a byte that differs, or is elsewhere, is wrong."""
    first = run_first(ground.broker, ground.prefix, ground.directory / "first", ground.retailer)
    found = Verdict(first.figures.records_in, first.figures.lost, first.figures.duplicated, first.figures.wrong)
    transactions_by_workers = {}
    for number, way in enumerate(WAYS):
        again = run_decide(ground.broker, f"{ground.prefix}-{number}", ground.directory / str(number), first, way)
        _expect(found, again.decisions.items(), first.decisions)
        transactions_by_workers[way.workers] = again.transactions
    notes = {"transactions_by_workers": transactions_by_workers}
    return Figures(
        found.records_in, found.lost, found.duplicated, found.wrong, 0, 0, examples=found.examples, notes=notes
    )


def _expect(found: Verdict, decisions: Iterable[tuple[int, list[Row]]], wanted: Log) -> None:
    for number, records in decisions:
        found.expect("decision", Counter(records), Counter(wanted[number]))
        found.wrong += records != wanted[number] and Counter(records) == Counter(wanted[number])
