"""A live pipeline is moved from two partitions to three with the command line, as its pages say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.base import to_ms
from streams.replay.control import now
from streams.settings import Settings
from streams.tools import consumer, read_progress
from streams.topics_admin import delete_topics
from streams.up import Fleet
from tests.e2e import kit
from tests.e2e.shop import SECOND, Now, campaign, shop_campaigns
from tests.oracle.builders import DAY, History

AFTER_MS = 75 * SECOND
"""The reminder: due after the move, and not before."""
PEOPLE = [f"person-{number}" for number in range(5)]
BUYER = PEOPLE[0]
REST = ("identity", "decide", "capacity")


@pytest.fixture
def moved(settings: Settings, prefix: str) -> Iterator[Settings]:
    """Where it goes; its topics are deleted at the end."""
    new = settings.model_copy(
        update={"topic_prefix": f"{prefix}-3", "partitions": 3, "state_dir": settings.state_dir / "moved"}
    )
    yield new
    delete_topics(new, prefix=new.topic_prefix)


@contextmanager
def running(settings: Settings, *stages: str) -> Iterator[Fleet]:
    with Fleet(settings, {stage: ["worker", stage] for stage in stages}) as fleet:
        yield fleet


def until(condition: Callable[[], Any], what: str, *fleets: Fleet, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        for fleet in fleets:
            fleet.watch()
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.2)


def customers(settings: Settings) -> int:
    with consumer(settings) as client:
        return sum(row.customers for (stage, _), row in read_progress(client, settings).items() if stage == "decide")


def test_timers_and_unread_records_are_carried_to_the_new_partitions(
    settings: Settings, moved: Settings, tmp_path: Path
) -> None:
    pipeline = kit.Pipeline(settings)
    pipeline._fleets.clear()
    move = ("repartition", "--to", 3, "--new-prefix", moved.topic_prefix)
    try:
        with running(settings, *REST) as rest:
            with running(settings, "intake") as intake:
                replayed = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
                told = History()
                told.product(to_ms(replayed) - DAY, "phone", [])
                for person in PEOPLE:
                    told.profile(to_ms(replayed) - DAY, person)
                history = kit.write_lines(tmp_path / "history", told.sources)
                kit.write_campaigns(
                    tmp_path / "campaigns",
                    shop_campaigns(campaign("cart", "cart_abandoned", AFTER_MS, valid_for=DAY)),
                )
                campaigns = tmp_path / "campaigns"
                kit.succeed(settings, "replay", history, "--campaigns", campaigns, "--until", replayed.date())
                kit.succeed(settings, "go-live")
                live, at = Now(), kit.now_ms()
                for person in PEOPLE:
                    live.cart(at, {"phone": 1}, f"cart-{person}", customer_id=person)
                pipeline.send("web-sessions", *live.sources["web-sessions"])
                until(
                    lambda: (
                        sum(b"cart.updated" in record.value for record in pipeline.read("customer-events"))
                        == len(PEOPLE)
                    ),
                    "intake has read the carts",
                    intake,
                    rest,
                )
            bought = Now()
            bought.order(kit.now_ms(), {"phone": 1}, "order", customer_id=BUYER)
            pipeline.send("orders", *bought.sources["orders"])  # while intake is stopped
            until(lambda: kit.command(settings, *move, "--dry-run").returncode == 0, "the others are at rest", rest)
            refused = kit.command(settings, *move)
            assert (refused.returncode, "still has" in refused.stderr) == (2, True), refused.stderr
        before = customers(settings)
        kept = len(pipeline.read("decide-changelog"))
        until(lambda: kit.command(settings, *move).returncode == 0, "the old workers are members no more")
        assert pipeline.triggers() == []
        assert len(pipeline.read("decide-changelog")) == kept, "the old topics are as they were"
        again = kit.command(settings, *move)
        assert "name a prefix that has never been used" in again.stderr

        after = kit.Pipeline(moved)
        after._fleets.clear()
        try:
            with running(moved, "intake", *REST) as fleet:
                until(lambda: len(after.triggers()) >= len(PEOPLE) - 1, "the reminders", fleet)
                decided = after.decisions()
            assert customers(moved) == before == len(PEOPLE)
            assert {row["customer_id"] for row in after.triggers()} == set(PEOPLE) - {BUYER}
            assert sum(row["outcome"] == "sent" for row in decided) == len(PEOPLE) - 1
            assert not any(row["customer_id"] == BUYER and row["outcome"] == "sent" for row in decided)
        finally:
            after._client.close()
    finally:
        pipeline._client.close()
        delete_topics(settings, prefix=settings.topic_prefix)
