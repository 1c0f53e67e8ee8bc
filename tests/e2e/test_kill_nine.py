"""Workers are killed with signal 9 in the middle of a replay: nothing is lost, nothing is doubled."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from streams.simulate.retailer import START_MS
from tests.e2e import kit
from tests.e2e.retailer import DAYS, make_retailer
from tests.oracle.builders import DAY

SEED = 9
KILLS_OF_EACH_STAGE = 2


@pytest.mark.parametrize("state_store", ["memory", "rocksdb"])
def test_nothing_is_lost_or_doubled(
    broker: LocalBroker, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_store: str
) -> None:
    monkeypatch.setenv("CUEPOINT_INSTANCE_ID", "only-worker")
    settings = kit.small_settings(
        broker,
        prefix,
        tmp_path,
        replay_ahead_ms=3 * DAY,
        batch_records_max=100,
        transaction_steps_max=100,
        state_store=state_store,
        state_cache_mb=0,
    )
    retailer = make_retailer(tmp_path)
    with kit.Pipeline(settings) as pipeline, kit.Clocks(settings) as clocks:
        with pipeline.replaying(retailer.history, retailer.campaigns, "--hand-over") as replay:
            killed_at = kill_workers(pipeline, clocks, replay)
        expected = retailer.expected.decisions
        decisions, triggers = pipeline.decisions(), pipeline.triggers()
        aborted = kit.aborted_records(settings, ("identity-events", "customer-events", "decisions"))
        print(f"\n{len(killed_at)} kills, {aborted} records of aborted transactions, {len(triggers)} triggers")
        assert len(pipeline.restarts) == len(killed_at) == KILLS_OF_EACH_STAGE * len(STAGES)
        assert kit.without_hand_over(decisions) == kit.without_hand_over(expected)
        assert Counter(decision["decision_id"] for decision in handed_over(decisions, "sent")) == Counter(
            trigger["decision_id"] for trigger in triggers if trigger["action"] == "send"
        )
        assert Counter(decision["decision_id"] for decision in handed_over(decisions, "cancelled")) == Counter(
            trigger["decision_id"] for trigger in triggers if trigger["action"] == "cancel"
        )
        assert max(Counter((trigger["decision_id"], trigger["action"]) for trigger in triggers).values()) == 1
        assert handed_over(decisions, "sent")


def kill_workers(pipeline: kit.Pipeline, clocks: kit.Clocks, replay: subprocess.Popen[bytes]) -> list[int]:
    """Kill a worker whenever the slowest clock passes the next of some random moments; returns where it was."""
    random = Random(SEED)
    victims = [stage for stage in STAGES for _ in range(KILLS_OF_EACH_STAGE)]
    random.shuffle(victims)
    share = DAYS / (len(victims) + 1)
    killed_at: list[int] = []
    for number, victim in enumerate(victims):
        moment = START_MS + round((number + random.random()) * share * DAY)
        clocks.wait(pipeline, moment)
        assert replay.poll() is None, "the replay ended before the kills did"
        reached = clocks.slowest()
        assert reached is not None
        assert not killed_at or reached > killed_at[-1], "no progress between two kills"
        assert reached < START_MS + DAYS * DAY, "everything was done before the kill"
        pipeline.kill(victim)
        killed_at.append(reached)
    return killed_at


def handed_over(decisions: list[dict[str, object]], outcome: str) -> list[dict[str, object]]:
    """Decisions of this outcome that went to a channel."""
    return [decision for decision in decisions if decision["outcome"] == outcome and decision["handed_over"]]
