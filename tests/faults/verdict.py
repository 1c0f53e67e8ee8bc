"""What a run has lost, doubled or got wrong, by all who read it: the topics' committed records, and DuckDB."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from schemas.topics import CHANNELS, MARK_KEY
from sinks.snapshots import LATEST
from streams.tools import read_all, read_progress
from tests.faults.kit import Pipeline
from tests.faults.retailer import Retailer, outcomes

EXAMPLES_MAX = 5
KEPT: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("decisions", "decisions", {name: name for name in ("decision_id", "outcome", "reason")}),
    ("customer-events", "customer_events", {"id": "event_id", "type": "type", "customer": "customer_id"}),
)
"""Topic, table that has its records, and fields with the columns that have them."""
FATES = ("accepted", "duplicate", "guest", "ignored", "quarantined")


@dataclass
class Verdict:
    """Counts of one run; ``examples`` says of each kind of difference what it is."""

    records_in: int
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    decisions: int = 0
    triggers: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or wrong."""
        return not (self.lost or self.duplicated or self.wrong)

    def expect(self, what: str, found: Counter[Any], expected: Counter[Any]) -> None:
        """Compare two multisets: missing ones are lost, known ones too often are doubled, unknown ones are wrong."""
        lost, more = expected - found, found - expected
        doubled = Counter({key: count for key, count in more.items() if key in expected})
        strange = more - doubled
        self.lost += lost.total()
        self.duplicated += doubled.total()
        self.wrong += strange.total()
        for kind, counts in (("lost", lost), ("doubled", doubled), ("wrong", strange)):
            self.examples += [f"{what} {kind}: {key} ({n})" for key, n in list(counts.items())[:EXAMPLES_MAX]]


def compare(pipeline: Pipeline, retailer: Retailer, *, sink: bool = True) -> Verdict:
    """Compare a run that has ended with the oracle and the backtest, and topics and tables with each other.

    ``sink``: stop the sink, let it catch up, and look into DuckDB and the published snapshot too.
    """
    verdict = Verdict(retailer.lines)
    decisions = _values(pipeline, "decisions")
    triggers = [trigger for channel in CHANNELS for trigger in _values(pipeline, f"triggers.{channel}")]
    verdict.decisions, verdict.triggers = len(decisions), len(triggers)
    verdict.expect("decision against the oracle", outcomes(decisions), retailer.oracle)
    _contents(verdict, decisions, retailer.backtest.decisions)
    _hand_over(verdict, decisions, triggers)
    _fates(verdict, pipeline, retailer)
    if sink:
        pipeline.drain_sink()
        for path in (pipeline.settings.duckdb_path, pipeline.settings.snapshot_dir / LATEST):
            _tables(verdict, pipeline, path)
    return verdict


def _values(pipeline: Pipeline, topic: str) -> list[dict[str, Any]]:
    records = read_all(pipeline.client, pipeline.settings, topic)
    return [json.loads(record.value) for record in records if record.key != MARK_KEY]


def _contents(verdict: Verdict, decisions: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Records that the oracle knows, with other content than the backtest gives them."""
    found, wanted = ({_content(one) for one in rows} for rows in (decisions, expected))
    known = set(outcomes(expected))
    strange = [one for one in found - wanted if _outcome_of(one) in known]
    verdict.wrong += len(strange)
    verdict.examples += [f"content wrong: {one}" for one in strange[:EXAMPLES_MAX]]


def _content(decision: dict[str, Any]) -> str:
    """All fields but whether it was handed over: that depends on how far the clock moved at once."""
    return json.dumps({**decision, "handed_over": None}, sort_keys=True)


def _outcome_of(content: str) -> tuple[str, str, str]:
    decision = json.loads(content)
    return decision["decision_id"], decision["outcome"], decision["reason"]


def _hand_over(verdict: Verdict, decisions: list[dict[str, Any]], triggers: list[dict[str, Any]]) -> None:
    """Each decision that says so has one trigger, and each trigger such a decision."""
    actions = {"sent": "send", "cancelled": "cancel"}
    handed = Counter((one["decision_id"], actions[one["outcome"]]) for one in decisions if one["handed_over"])
    expected = Counter(dict.fromkeys(handed, 1))
    verdict.expect("trigger", Counter((one["decision_id"], one["action"]) for one in triggers), expected)


def _fates(verdict: Verdict, pipeline: Pipeline, retailer: Retailer) -> None:
    """Per source: what came in was received once, and is accounted for once."""
    found: Counter[tuple[str, str]] = Counter()
    accounted: Counter[str] = Counter()
    for row in read_progress(pipeline.client, pipeline.settings).values():
        for source, counts in row.counts.items():
            fates = counts.model_dump()
            found.update({(source, fate): fates[fate] for fate in ("received", "ignored", "quarantined")})
            accounted[source] += sum(fates[fate] for fate in FATES)
    backtest = retailer.backtest.counts.by_source
    wanted = Counter({place: backtest.get(place[0], {}).get(place[1], 0) for place in found})
    wanted.update({(source, "received"): 0 for source in backtest})
    verdict.expect("input", +found, +wanted)
    received = Counter({source: counts.get("received", 0) for source, counts in backtest.items()})
    verdict.expect("input accounted for", +accounted, +received)


def _tables(verdict: Verdict, pipeline: Pipeline, path: Path) -> None:
    """Every committed record is in its table once, and none of those who were erased."""
    events = [record for record in read_all(pipeline.client, pipeline.settings, "customer-events") if record.value]
    erased = {record.key for record in events if json.loads(record.value).get("type") == "customer.erased"}
    with duckdb.connect(str(path), read_only=True) as database:
        for topic, table, fields in KEPT:
            columns = ", ".join(("kafka_partition", "kafka_offset", *fields.values()))
            rows = database.execute(f"SELECT {columns} FROM raw.{table}").fetchall()
            expected = Counter(
                (record.partition, record.offset, *(json.loads(record.value)[name] for name in fields))
                for record in read_all(pipeline.client, pipeline.settings, topic)
                if record.key != MARK_KEY and record.key not in erased
            )
            verdict.expect(f"row of {path.name} {table}", Counter(rows), expected)
