"""The same deaths without transactions do harm, and the comparison sees it; aborted transactions are counted right."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from kafka import KafkaProducer

from deploy.local.broker import LocalBroker
from streams.settings import Settings
from streams.topics_admin import ensure_topics
from tests.faults.aborted import aborted_transactions
from tests.faults.deaths import with_outputs_only
from tests.faults.kit import WORKERS
from tests.faults.retailer import Retailer
from tests.faults.runs import run_failpoints
from tests.faults.verdict import Verdict


def test_without_transactions_the_same_deaths_lose_or_double(
    broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer
) -> None:
    plan = with_outputs_only(WORKERS)
    found = run_failpoints(broker, prefix, tmp_path, retailer, plan, transactions=False)
    print(f"\n{found}")
    assert found.kills == len(plan)
    assert found.lost + found.duplicated > 0
    assert found.aborted == 0


def test_what_is_missing_is_lost_what_is_there_twice_is_doubled_and_what_is_strange_is_wrong() -> None:
    verdict = Verdict(records_in=4)
    verdict.expect("decision", Counter(a=1, b=3, d=1), Counter(a=1, b=1, c=1))
    assert (verdict.lost, verdict.duplicated, verdict.wrong) == (1, 2, 1)
    assert verdict.examples == ["decision lost: c (1)", "decision doubled: b (2)", "decision wrong: d (1)"]
    assert not verdict.clean


def test_aborted_transactions_are_counted_once_and_by_stage(settings: Settings) -> None:
    ensure_topics(settings, ["decisions"])
    options = {"bootstrap_servers": settings.bootstrap_servers, "transactional_id": f"{settings.topic_prefix}-decide-0"}
    left_open = KafkaProducer(**options)
    left_open.init_transactions()
    for end in (left_open.commit_transaction, left_open.abort_transaction, left_open.commit_transaction, None):
        left_open.begin_transaction()
        left_open.send(settings.topic("decisions"), b"one")
        left_open.flush()
        if end is not None:
            end()
    successor = KafkaProducer(**options)
    successor.init_transactions()
    successor.close()
    left_open.close()
    assert aborted_transactions(settings) == {"decide": 2}
