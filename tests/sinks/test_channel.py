"""A channel service on a real broker: each message once, nothing cancelled or too old, every answer valid."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from schemas.base import rfc3339
from schemas.cloudevents import trigger_headers
from schemas.customers import FeedbackEvent
from schemas.decisions import Trigger
from sinks.channel import Bounced, ChannelConsumer, Message, logical_clock
from sinks.channel_store import ChannelStore
from sinks.feedback import answer, feedback_id
from streams.errors import PlatformError, SettingsError
from streams.settings import Settings
from streams.topics_admin import ensure_topics
from tests.sinks.builders import DAY, T0, FakeRecord, decision_id
from tests.sinks.pipeline import ROOT, produce

pytestmark = pytest.mark.timeout(120)
_SEND_AND_DIE = """
import os, signal, sys
from sinks.channel import ChannelConsumer, logical_clock
from streams.settings import Settings

def handler(trigger):
    with open(sys.argv[2], "a") as sent:
        sent.write(trigger.decision_id + "\\n")

consumer = ChannelConsumer(Settings.model_validate_json(sys.argv[1]), "email", handler, clock=logical_clock)
if sys.argv[3] == "before_answers":
    consumer._answer = lambda events: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "before_commit":
    consumer._commit = lambda: os.kill(os.getpid(), signal.SIGKILL)
consumer.run(idle_s_max=2)
consumer.close()
"""


@pytest.fixture
def topics(settings: Settings) -> Iterator[Settings]:
    ensure_topics(settings, ["triggers.email", "channel-feedback"])
    return settings


def trigger(name: str, action: str = "send", **fields: Any) -> FakeRecord:
    values = {
        "action": action,
        "decision_id": decision_id(name),
        "brand": "shop",
        "market": "GB",
        "customer_id": "c1",
        "campaign": "cart",
        "occasion": "cart_abandoned",
        "step": 1,
        "reason": "due",
        "valid_from": rfc3339(T0),
        "valid_until": rfc3339(T0 + DAY),
        **fields,
    }
    value = Trigger.model_validate(values).model_dump_json().encode()
    return FakeRecord(0, 0, T0, b"c1", value, trigger_headers("p", values))


def answers(settings: Settings) -> list[FeedbackEvent]:
    """Everything on channel-feedback, valid all of it."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(settings.topic("channel-feedback"), n) for n in range(settings.partitions)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        end, found = consumer.end_offsets(partitions), []
        while any(consumer.position(partition) < end[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                found += [FeedbackEvent.model_validate_json(record.value) for record in records]
        return found
    finally:
        consumer.close()


def statuses(settings: Settings) -> set[tuple[str | None, str, str | None]]:
    return {(event.decision_id, event.status, event.detail) for event in answers(settings)}


def test_a_message_goes_out_once_however_often_it_comes(topics: Settings) -> None:
    sent: list[str] = []
    produce(topics, "triggers.email", [trigger("a"), trigger("a"), trigger("b")])
    with ChannelConsumer(topics, "email", lambda one: sent.append(one.decision_id), clock=logical_clock) as channel:
        assert channel.run(idle_s_max=2) == 3
    assert sent == [decision_id("a"), decision_id("b")]
    assert statuses(topics) == {(decision_id(n), status, None) for n in "ab" for status in ("accepted", "delivered")}
    with ChannelConsumer(topics, "email", lambda one: sent.append(one.decision_id), clock=logical_clock) as again:
        assert again.run(idle_s_max=2) == 0, "the offsets were committed"


def test_what_is_cancelled_expired_or_bounced_is_answered_so(topics: Settings) -> None:
    late = decision_id("late")

    def handler(one: Trigger) -> None:
        if one.decision_id != decision_id("bad"):
            raise AssertionError(f"{one} must not go out")
        raise Bounced("mailbox full", permanent=False)

    def clock(message: Message) -> int:
        return T0 + 2 * DAY if message.trigger.decision_id == late else T0

    produce(
        topics,
        "triggers.email",
        [trigger("gone"), trigger("gone", "cancel"), trigger("late"), trigger("bad"), FakeRecord(0, 0, T0, b"k", b"{")],
    )
    with ChannelConsumer(topics, "email", handler, clock=clock) as channel:
        assert channel.run(idle_s_max=2) == 4
    assert statuses(topics) == {
        *((decision_id(name), "accepted", None) for name in ("gone", "late", "bad")),
        (decision_id("gone"), "dropped", "cancelled"),
        (late, "dropped", "expired"),
        (decision_id("bad"), "bounced", "mailbox full"),
    }
    assert [event.permanent for event in answers(topics) if event.status == "bounced"] == [False]


@pytest.mark.parametrize("point", ["before_answers", "before_commit"])
def test_a_kill_neither_loses_nor_repeats_a_message(topics: Settings, tmp_path: Path, point: str) -> None:
    produce(topics, "triggers.email", [trigger(f"d{number}") for number in range(40)])
    settings = topics.model_copy(update={"session_timeout_s": 6.0})
    codes = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _SEND_AND_DIE, settings.model_dump_json(), tmp_path / "sent", when],
            cwd=ROOT,
            check=False,
            timeout=60,
        ).returncode
        for when in (point, "never")
    ]
    assert codes == [-9, 0]
    sent = (tmp_path / "sent").read_text().splitlines()
    assert sorted(sent) == sorted(decision_id(f"d{number}") for number in range(40))
    ids = {event.event_id for event in answers(topics)}
    assert ids == {feedback_id(one, status) for one in sent for status in ("accepted", "delivered")}


def test_stop_ends_the_run(topics: Settings) -> None:
    with ChannelConsumer(topics, "email", lambda _: None) as channel:
        threading.Timer(0.5, channel.stop).start()
        assert channel.run() == 0


def test_an_unknown_channel_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="no channel 'fax'; channels are email"):
        ChannelConsumer(Settings(), "fax", lambda _: None)


def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match=r"file/store\.sqlite"):
        ChannelStore(tmp_path / "file" / "store.sqlite")


def test_an_unknown_customer_is_named_by_the_identifier() -> None:
    one = Trigger.model_validate_json(trigger("a", customer_id="anon:x").value or b"")
    event = answer(one, "onsite", "delivered", T0)
    assert event is not None
    assert (event.customer_id, event.anonymous_id) == (None, "x")
    assert answer(one.model_copy(update={"market": None}), "onsite", "delivered", T0) is None
