"""A shadow beside the live stages on a real broker: what it decides, and that it writes to its own topics only."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from schemas.base import to_ms
from schemas.topics import SHADOW, TOPICS
from streams.errors import InputError
from streams.replay.control import now
from streams.settings import Settings
from streams.tools import consumer, latest_values, partitions_of
from streams.topics_admin import delete_topics
from streams.up import Fleet
from streams.what_if.shadow_report import shadow_difference
from streams.wire import partition_of
from tests.e2e import kit
from tests.e2e.shop import REMINDER_MS, SECOND, Now, campaign, shop_campaigns
from tests.oracle.builders import DAY, History

pytestmark = pytest.mark.timeout(900)  # on a busy machine every start of a process takes its time

CART = campaign("cart", "cart_abandoned", REMINDER_MS)
LATER = campaign("cart", "cart_abandoned", 2 * REMINDER_MS)
SECOND_CART = campaign("other", "cart_abandoned", REMINDER_MS, channels=["push"])


class Shadow:
    """The shadow's worker as a process."""

    def __init__(self, settings: Settings, campaigns: Path) -> None:
        self.settings = settings
        self._restarts: list[str] = []
        self._fleet = Fleet(settings, {"shadow": ["shadow", "--campaigns", str(campaigns)]}, self._restarts.append)

    def __enter__(self) -> Shadow:
        self._fleet.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._fleet.stop()

    def kill(self) -> None:
        """Kill -9, and start it again."""
        (child,) = self._fleet.children
        assert child.process is not None
        child.process.kill()
        child.process.wait()
        self._fleet.watch()

    def wait(self, moment: int, timeout_s: float = 240) -> None:
        """Until it has decided everything before a moment, in all partitions."""
        deadline = time.monotonic() + timeout_s
        while self.clock() < moment:
            self._fleet.watch()
            assert time.monotonic() < deadline, f"the shadow's clock stands at {self.clock()}, not {moment}"
            time.sleep(0.5)

    def clock(self) -> int:
        with consumer(self.settings) as client:
            if self.settings.topic("shadow-progress") not in client.topics():
                return 0
            rows = [json.loads(value) for value in latest_values(client, self.settings, "shadow-progress").values()]
        return min((row["clock"] or 0 for row in rows), default=0) if len(rows) == kit.PARTITIONS else 0


def in_other_partition(customer: str) -> str:
    """An anonymous id whose visitor lives in another partition than the customer."""
    here = partition_of(customer, kit.PARTITIONS)
    return next(f"v{n}" for n in range(99) if partition_of(f"anon:v{n}", kit.PARTITIONS) != here)


def past(until: int) -> History:
    """Four customers who may be written to, one of them with a cart that is due just when the history ends."""
    history = History()
    for customer in ("c1", "c2", "c3", "c4"):
        history.profile(until - 30 * DAY, customer, reach=("email", "push"))
    history.cart(until - DAY, {"a": 1}, "old", customer_id="c1")
    return history


def shopping(pipeline: kit.Pipeline, name: str) -> int:
    """A cart that stays, one that is ordered, and one of a visitor who is a customer then, elsewhere. When it was."""
    at, live, visitor = kit.now_ms(), Now(), in_other_partition("c3")
    live.cart(at, {"a": 1}, f"{name}-left", customer_id="c1")
    live.cart(at, {"b": 1}, f"{name}-bought", customer_id="c2")
    live.order(at + 1, {"b": 1}, f"{name}-order", customer_id="c2")
    live.cart(at, {"c": 1}, f"{name}-visit", anonymous_id=visitor)
    live.identified(at + 2, "c3", anonymous_id=visitor)
    for source, records in live.sources.items():
        pipeline.send(source, *records)
    return at


def ends(client: KafkaConsumer, settings: Settings) -> dict[TopicPartition, int]:
    """The end of every partition of every topic that is no shadow's; control records of transactions count."""
    return {
        place: end
        for name in TOPICS
        for place, end in client.end_offsets(partitions_of(client, settings, name)).items()
    }


def words(records: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row[name] for name in ("decision_id", "outcome", "reason", "decided_at")) for row in records)


def test_a_shadow_decides_beside_the_live_stages_and_writes_to_its_own_topics_only(
    settings: Settings, tmp_path: Path
) -> None:
    until = to_ms(now().replace(hour=0, minute=0, second=0, microsecond=0)) - DAY
    first, second = tmp_path / "campaigns", tmp_path / "next"
    kit.write_campaigns(first, shop_campaigns(CART))
    kit.write_campaigns(second, shop_campaigns(CART))
    with kit.Pipeline(settings) as pipeline:
        history = kit.write_lines(tmp_path / "history", past(until).sources)
        pipeline.replay(history, first, "--until", f"{now():%Y-%m-%d}")
        kit.succeed(settings, "go-live")
        with pytest.raises(InputError, match="There is no shadow yet; start one with: cuepoint shadow --campaigns"):
            shadow_difference(settings, None, None, 14)

        with Shadow(settings, second) as shadow, kit.Clocks(settings) as clocks:
            shadow.wait(kit.now_ms())
            at = shopping(pipeline, "same")
            shadow.kill()
            clocks.wait(pipeline, at + 2 * REMINDER_MS + SECOND)
            shadow.wait(at + 2 * REMINDER_MS + SECOND)
            difference, changes = shadow_difference(settings, None, None, 14)
        live = [row for row in pipeline.decisions() if row["episode"].startswith("same")]
        mine = [json.loads(record.value) for record in pipeline.read("shadow-decisions")]
        assert words(mine) == words(live) != Counter(), "killed once, and every decision is there once"
        assert {row["episode"] for row in mine if row["outcome"] == "sent"} == {"same-left", "same-visit"}
        assert not any(row["handed_over"] for row in mine)
        assert any(row["handed_over"] for row in live)
        assert changes == []
        assert difference.is_nothing
        assert difference.before == len({row["decision_id"] for row in live})

        kit.write_campaigns(second, shop_campaigns(LATER, SECOND_CART))
        with kit.Clocks(settings) as clocks:
            at = shopping(pipeline, "next")
            clocks.wait(pipeline, at + 2 * REMINDER_MS + SECOND)
        for fleet in pipeline._fleets:
            fleet.stop()
        with consumer(settings) as client:
            before = ends(client, settings)
            with Shadow(settings, second) as shadow:
                shadow.wait(at + 2 * REMINDER_MS + SECOND)
            assert ends(client, settings) == before, "nobody but the shadow was there to write"
        made = [json.loads(record.value) for record in pipeline.read("shadow-decisions")][len(mine) :]
        found = {(row["campaign"], row["episode"]) for row in made if row["outcome"] == "sent"}
        assert {place for place in found if place[1] == "next-left"} == {("cart", "next-left"), ("other", "next-left")}
        report = kit.succeed(
            settings, "shadow", "report", "--out", tmp_path / "shadow.duckdb", "--page", tmp_path / "shadow.html"
        )
        assert "    steps.1.after: 2000 -> 4000" in report
        assert "+ campaign other added" in report
        assert "cart: sent (due), at another time or on another channel" in report
        assert "other: not decided -> sent (due)" in report
        assert (tmp_path / "shadow.duckdb").is_file()
        assert "the shadow in place of the live set" in (tmp_path / "shadow.html").read_text()

        deleted = delete_topics(settings, prefix=settings.topic_prefix, only=[topic.name for topic in SHADOW])
        assert deleted == [settings.topic(topic.name) for topic in SHADOW]
