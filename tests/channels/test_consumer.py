"""A channel service on a real broker: each message once, nothing cancelled or too old, every answer valid."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from schemas.decisions import Trigger
from sinks.channels import Bounced, ChannelConsumer, Handler, Message, Outcome, Refused, Retry, logical_clock
from sinks.channels.answers import answer, feedback_id
from sinks.channels.clients import group_of
from sinks.channels.dead_letters import RUN_MAX, read_dead_letters
from sinks.channels.handler import Clock
from streams.errors import BrokerError, ChannelError, SettingsError
from streams.settings import Settings
from tests.channels.kit import Recorder, answers, statuses, trigger
from tests.sinks.builders import DAY, T0, FakeRecord, decision_id
from tests.sinks.pipeline import ROOT, produce

pytestmark = pytest.mark.timeout(600)
PATIENCE_S = 180.0
"""On a busy machine a round takes seconds; nothing here is faster for waiting less."""
_SEND_AND_DIE = """
import os, signal, sys
from sinks.channels import ChannelConsumer, Handler, logical_clock
from streams.settings import Settings

class Mail(Handler):
    def send(self, message):
        with open(sys.argv[2], "a") as sent:
            sent.write(message.trigger.decision_id + "\\n")
        return "delivered"

consumer = ChannelConsumer(Settings.model_validate_json(sys.argv[1]), "email", Mail(), clock=logical_clock)
if sys.argv[3] == "before_answers":
    consumer._answers.flush = lambda: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "before_commit":
    consumer._commit = lambda: os.kill(os.getpid(), signal.SIGKILL)
taken = 0
while taken < 40:
    taken += consumer.poll_once()
consumer.close()
"""


def consume(settings: Settings, handler: Handler, count: int, clock: Clock = logical_clock) -> None:
    """Run a service until it has read so many triggers, and no other, and all have ended."""
    with ChannelConsumer(settings, "email", handler, clock=clock) as channel:
        drain(channel, count)


def drain(channel: ChannelConsumer, count: int) -> None:
    taken, until = 0, time.monotonic() + PATIENCE_S
    while (taken < count or channel.busy) and time.monotonic() < until:
        taken += channel.poll_once()
    assert (taken, channel.busy) == (count, False)


def test_a_message_goes_out_once_however_often_it_comes(topics: Settings) -> None:
    handler = Recorder()
    produce(topics, "triggers.email", [trigger("a"), trigger("a"), trigger("b")])
    consume(topics, handler, 3)
    produce(topics, "triggers.email", [trigger("a")])
    consume(topics, handler, 1)
    assert handler.sent == [decision_id("a"), decision_id("b")]
    events = answers(topics)
    assert statuses(events) == {(decision_id(n), status, None) for n in "ab" for status in ("accepted", "delivered")}
    assert len({(event.event_id, event.occurred_at) for event in events}) == 4, "a repeated answer is the same"


def test_what_is_cancelled_expired_or_bounced_is_answered_so(topics: Settings) -> None:
    def reply(one: Message) -> None:
        if one.trigger.decision_id != decision_id("bad"):
            raise AssertionError(f"{one} must not go out")
        raise Bounced("mailbox full", permanent=False)

    def clock(one: Message) -> int:
        return T0 + 2 * DAY if one.trigger.decision_id == decision_id("late") else T0

    sends = [trigger("gone"), trigger("gone", "cancel"), trigger("early", "cancel"), trigger("early")]
    produce(topics, "triggers.email", [*sends, trigger("late"), trigger("bad")])
    consume(topics, Recorder(reply), 6, clock)
    events = answers(topics)
    assert statuses(events) == {
        *((decision_id(name), "accepted", None) for name in ("gone", "early", "late", "bad")),
        (decision_id("gone"), "dropped", "cancelled"),
        (decision_id("early"), "dropped", "cancelled"),
        (decision_id("late"), "dropped", "expired"),
        (decision_id("bad"), "bounced", "mailbox full"),
    }
    assert [event.permanent for event in events if event.status == "bounced"] == [False]


def test_what_is_no_trigger_is_a_dead_letter_and_what_a_later_version_adds_is_ignored(topics: Settings) -> None:
    newer = trigger("newer")
    newer = newer._replace(value=newer.value[:-1] + b',"colour":"red"}')
    odd_time = trigger("odd", valid_until="2026-01-01")
    bad = [FakeRecord(0, 0, T0, b"k", b"{"), FakeRecord(0, 0, T0, b"k", None), odd_time]
    produce(topics, "triggers.email", [*bad, newer])
    handler = Recorder()
    consume(topics, handler, 4)
    assert handler.sent == [decision_id("newer")]
    letters = list(read_dead_letters(topics, "email"))
    assert sorted((letter.reason, letter.value) for letter in letters if letter.value) == sorted(
        [("unreadable", b"{"), ("unreadable", odd_time.value)]
    )
    assert len(letters) == 3


def test_a_message_that_is_tried_again_holds_up_its_customer_only(topics: Settings) -> None:
    tries: list[str] = []

    def reply(one: Message) -> None:
        tries.append(one.trigger.decision_id)
        if one.trigger.decision_id == decision_id("a1") and len(tries) < 6:
            raise Retry("451 greylisted")
        if one.trigger.decision_id == decision_id("x"):
            raise RuntimeError("no such template")

    sends = [trigger("a1"), trigger("a2"), trigger("x", customer_id="c2"), trigger("b", customer_id="c3")]
    produce(topics, "triggers.email", sends)
    handler = Recorder(reply)
    consume(topics, handler, 4)
    order = [one for one in handler.sent if one in (decision_id("a1"), decision_id("a2"))]
    assert order == [decision_id("a1"), decision_id("a2")]
    assert handler.sent[0] == decision_id("b"), "another customer does not wait"
    assert tries.count(decision_id("x")) == 8
    (letter,) = read_dead_letters(topics)
    assert (letter.reason, letter.problem) == ("gave_up", "given up after 8 tries: RuntimeError: no such template")
    assert (decision_id("x"), "dropped", letter.problem) in statuses(answers(topics))


def test_what_waits_is_not_committed_and_comes_again(topics: Settings) -> None:
    def never(one: Message) -> None:
        if one.trigger.decision_id == decision_id("a"):
            raise Retry("no route", after_s=3_600)

    produce(topics, "triggers.email", [trigger("a"), trigger("b", customer_id="c1x"), trigger("c", customer_id="c2")])
    with ChannelConsumer(topics, "email", Recorder(never), clock=logical_clock) as channel:
        taken, until = 0, time.monotonic() + PATIENCE_S
        while taken < 3 and time.monotonic() < until:
            taken += channel.poll_once()
        assert (taken, channel.busy) == (3, True)
    handler = Recorder()
    with ChannelConsumer(topics, "email", handler, clock=logical_clock) as channel:
        while not handler.sent and time.monotonic() < until:
            channel.poll_once()
    assert handler.sent == [decision_id("a")], "what had ended is not sent again"


def test_one_dead_letter_after_the_other_stops_the_service(topics: Settings) -> None:
    def refuse(_: Message) -> None:
        raise Refused("401 wrong token")

    produce(topics, "triggers.email", [trigger(f"d{number}") for number in range(RUN_MAX + 5)])
    with pytest.raises(ChannelError, match=r"gave up 2\d messages in a row, the last one because of: 401 wrong token"):
        consume(topics, Recorder(refuse), RUN_MAX + 5)


@pytest.mark.parametrize("point", ["before_answers", "before_commit"])
def test_a_kill_neither_loses_nor_repeats_a_message(topics: Settings, tmp_path: Path, point: str) -> None:
    produce(topics, "triggers.email", [trigger(f"d{number}") for number in range(40)])
    codes = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _SEND_AND_DIE, topics.model_dump_json(), tmp_path / "sent", when],
            cwd=ROOT,
            check=False,
            timeout=PATIENCE_S,
        ).returncode
        for when in (point, "never")
    ]
    assert codes == [-9, 0]
    sent = (tmp_path / "sent").read_text().splitlines()
    assert sorted(sent) == sorted(decision_id(f"d{number}") for number in range(40))
    ids = {event.event_id for event in answers(topics)}
    assert ids == {feedback_id(one, status) for one in sent for status in ("accepted", "delivered")}


def test_a_second_member_takes_over_in_the_middle_and_nothing_goes_twice(topics: Settings) -> None:
    """The service is slow; another member joins, takes partitions, and leaves without reading."""
    produce(topics, "triggers.email", [trigger(f"d{n}", customer_id=f"c{n}") for n in range(60)])

    def slow(_: Message) -> None:
        time.sleep(0.05)

    handler = Recorder(slow)
    with ChannelConsumer(topics, "email", handler, clock=logical_clock) as channel:
        thread = threading.Thread(target=channel.run)
        thread.start()
        until = time.monotonic() + PATIENCE_S
        intruder = KafkaConsumer(
            topics.topic("triggers.email"),
            bootstrap_servers=topics.bootstrap_servers,
            group_id=group_of(topics, "email"),
            enable_auto_commit=False,
        )
        try:
            while not intruder.assignment() and time.monotonic() < until:
                intruder.poll(timeout_ms=100)
            assert intruder.assignment(), "the group was rebalanced"
        finally:
            intruder.close()
        while len(handler.sent) < 60 and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        channel.stop()
        thread.join()
    assert sorted(handler.sent) == sorted(decision_id(f"d{number}") for number in range(60))


def test_stop_ends_the_run(topics: Settings) -> None:
    with ChannelConsumer(topics, "email", Recorder()) as channel:
        threading.Timer(0.5, channel.stop).start()
        assert channel.run() == 0


def test_accepted_messages_end_later_and_what_customers_do_is_reported(topics: Settings) -> None:
    class Later(Recorder):
        def tick(self, outbox: object) -> None:
            for waiting in channel.outbox.accepted():
                if waiting.decision_id == decision_id("a"):
                    channel.outbox.end(waiting.decision_id, "delivered", T0 + 1, "row 1")
                    channel.outbox.report(waiting.decision_id, "opened", T0 + 2)

    def accept(_: Message) -> Outcome:
        return "accepted"

    handler = Later(accept)
    with ChannelConsumer(topics, "email", handler, clock=logical_clock) as channel:
        produce(topics, "triggers.email", [trigger("a"), trigger("b")])
        drain(channel, 2)
        produce(topics, "triggers.email", [trigger("b", "cancel"), trigger("a", "cancel")])
        drain(channel, 2)
    assert handler.taken_back == [(decision_id("b"), "accepted"), (decision_id("a"), "delivered")]
    assert statuses(answers(topics)) == {
        (decision_id("a"), "accepted", None),
        (decision_id("b"), "accepted", None),
        (decision_id("a"), "delivered", "row 1"),
        (decision_id("a"), "opened", None),
        (decision_id("b"), "dropped", "cancelled"),
    }


def test_an_unknown_channel_and_missing_topics_are_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="no channel 'fax'; channels are email"):
        ChannelConsumer(settings, "fax", Recorder())
    with pytest.raises(BrokerError, match=r"triggers\.email is missing.*cuepoint topics apply"):
        ChannelConsumer(settings, "email", Recorder())


def test_an_unknown_customer_is_named_by_the_identifier() -> None:
    one = Trigger.model_validate_json(trigger("a", customer_id="anon:x").value or b"")
    event = answer(one, "onsite", "delivered", T0)
    assert event is not None
    assert (event.customer_id, event.anonymous_id) == (None, "x")
    assert answer(one.model_copy(update={"market": None}), "onsite", "delivered", T0) is None
