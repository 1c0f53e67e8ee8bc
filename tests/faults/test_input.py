"""Input that is doubled, disordered, late, poisoned, of wrong clocks, or missing: decided as the rule book says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from deploy.local.broker import LocalBroker
from streams.settings import Settings
from streams.tools import producer
from tests.e2e import kit as e2e
from tests.e2e.shop import REMINDER_MS, Now, campaign, shop_campaigns
from tests.faults.input_run import run_soiled
from tests.faults.input_soiled import NEVER_HEARD
from tests.faults.retailer import Retailer
from tests.faults.verdict import FATES
from tests.oracle import oracle_decisions

FAULTS = {
    "copy",
    "disorder",
    "late",
    "fast clock",
    "slow clock",
    "poison",
    "year 2099",
    "partition silent",
    "source silent",
    "source fell silent",
}


def test_a_soiled_replay_is_decided_as_the_oracle_decides_it(
    broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer
) -> None:
    run = run_soiled(broker, prefix, tmp_path, retailer, sink=False)
    print(f"\n{run.figures}\nfaults: {dict(run.faults)}\nfates: {run.fates}")
    assert run.figures.clean, run.figures.examples
    assert run.faults.keys() == FAULTS
    assert run.in_silent_partition == 0
    assert NEVER_HEARD not in run.fates
    fates = sum(run.fates.values(), Counter())
    assert fates["quarantined"] == run.faults["poison"] + run.faults["year 2099"]
    assert fates["duplicate"] >= run.faults["copy"]
    assert fates["late"] >= run.faults["late"]
    assert fates["ignored"]
    results = Counter(outcome for _, outcome, _ in run.retailer.oracle.elements())
    assert results["cancelled"]
    assert results["regretted"]


def test_a_live_partition_and_a_live_source_that_say_nothing_hold_nobody_up(
    broker: LocalBroker, prefix: str, tmp_path: Path
) -> None:
    """Everything comes in partition 0 of two sources; its customers are in all partitions of decide."""
    settings = e2e.small_settings(broker, prefix, tmp_path, partitions=4, lateness_ms_default=2_000)
    content, live = shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)), Now()
    e2e.write_campaigns(tmp_path / "campaigns", content)
    customers = [f"c{number}" for number in range(16)]
    with e2e.Pipeline(settings) as pipeline:
        e2e.succeed(settings, "campaigns", "publish", tmp_path / "campaigns")
        e2e.succeed(settings, "go-live")
        for customer in customers:
            live.profile(e2e.now_ms(), customer)
            live.cart(e2e.now_ms(), {"phone": 1}, f"cart-{customer}", customer_id=customer)
        send(settings, live, partition=0)
        pipeline.wait(lambda: len(pipeline.triggers()) >= len(customers), "all reminders")
        decisions, counts = pipeline.decisions(), pipeline.counts()
        assert not pipeline.restarts
    lateness = dict.fromkeys(live.sources, settings.lateness_ms_default)
    expected = oracle_decisions(live.sources, content.campaigns, content.brands, lateness)
    assert e2e.outcomes(decisions) == expected
    assert len(decisions) == len(customers)
    for source, row in counts.items():
        assert row["received"] == sum(row[fate] for fate in FATES), source


def send(settings: Settings, live: Now, partition: int) -> None:
    """All records, to one partition of their topics."""
    with producer(settings) as client:
        for source, records in live.sources.items():
            for record in records:
                value = json.dumps(record).encode()
                client.send(settings.topic(source), value, key=record["customer_id"].encode(), partition=partition)
