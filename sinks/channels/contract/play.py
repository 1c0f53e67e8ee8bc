"""Plays the script against a running service on a broker, and listens to its answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from sinks.channels.clients import group_of, trigger_consumer
from sinks.channels.contract.rules import RULES, Heard, Judge, heard
from sinks.channels.contract.script import Record, Script
from streams.errors import BrokerError, InputError
from streams.security import client_options
from streams.settings import Settings
from streams.tools import consumer, partitions_of
from streams.topics_admin import describe, ensure_topics
from streams.wire import partition_of

PIPELINE_TOPICS = ("control", "customer-events", "decisions")
"""A prefix that has one of them is a pipeline's."""
POLL_MS = 200
BLOCK_MS_MAX = 180_000
"""How long a write may wait: a broker that never saw a transaction first makes the topic of their states."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    channel: str
    group: str | None = None
    """The service's consumer group; None: that of the kit."""
    timeout_s: float = 60.0
    """How long an answer may take."""
    settle_s: float = 3.0
    """How long is listened for answers that must not come."""
    skip: frozenset[str] = frozenset()
    sent: Path | None = None
    """File to which the service appends the decision id of each message that has left."""
    brand: str = "contract-test"
    market: str = "GB"
    on_live_prefix: bool = False


@dataclass
class Result:
    """What became of each rule: its problems, or why it was not run."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Every rule was run, but for those that the user skipped, and is kept."""
        return not any(self.problems.values()) and not self.not_run


def contract_test(settings: Settings, wish: Wish, say: Callable[[str], None] = lambda _: None) -> Result:
    """Play every rule that is not skipped. Raises InputError for a prefix that is live, BrokerError."""
    make_topics(settings, wish)
    now_ms = time.time_ns() // 1_000_000
    script = Script(f"{now_ms:x}", settings.topic_prefix, wish.brand, wish.market, now_ms)
    with consumer(settings) as listener, _player(settings, wish.channel) as play:
        run = _Run(settings, wish, script, listener)
        say("first round: sends, duplicates, a cancel before its send, one too late, orders of three customers")
        if "committed" not in wish.skip:
            play(script.aborted(), False)
        play(script.first(), True)
        run.wait()
        if not run.answers:
            raise InputError(
                f"Nothing was answered on {settings.topic('channel-feedback')} within {wish.timeout_s:g} s: start the "
                f"service of {wish.channel} with topic prefix {settings.topic_prefix}, reading from the earliest "
                "offset, or allow it more with --timeout-s."
            )
        say("second round: repeated sends, cancels after the answers")
        play(script.second(), True)
        run.wait()
        if "rebalance" not in wish.skip:
            say("a second member joins the group, and leaves")
            run.rebalance(play)
            run.wait()
        if "unreadable" not in wish.skip:
            say("records that are no triggers")
            play(script.unreadable(), True)
            run.wait()
        run.listen(wish.settle_s)
        return run.result()


def make_topics(settings: Settings, wish: Wish) -> list[str]:
    """Create what is missing of the topics of the test; returns those. Raises as ``check_prefix`` does."""
    check_prefix(settings, wish)
    return ensure_topics(settings, [f"triggers.{wish.channel}", "channel-feedback", "channel-dead-letters"])


def check_prefix(settings: Settings, wish: Wish) -> None:
    """Raise InputError when the prefix is a pipeline's and the user did not say that this is meant."""
    found = describe(settings, PIPELINE_TOPICS)
    if not found:
        return
    name = next(iter(found))
    if not wish.on_live_prefix:
        raise InputError(
            f"--prefix {settings.topic_prefix}: there is a topic {name}, so this is a pipeline's prefix, and its "
            "service would send. Take another prefix for the test and the service under test; or, if that service "
            "sends nothing to customers contract-test-…, say --on-live-prefix with --brand."
        )
    if wish.brand == Wish.brand:
        raise InputError(
            "--on-live-prefix needs --brand, a brand of that pipeline: answers of another brand are quarantined there, "
            "and too many of them stop intake."
        )


class _Run:
    """The answers so far, and the way to more."""

    def __init__(self, settings: Settings, wish: Wish, script: Script, listener: KafkaConsumer) -> None:
        self.answers: list[Heard] = []
        self._settings = settings
        self._wish = wish
        self._script = script
        self._listener = listener
        self._not_run: dict[str, str] = {}
        self._waited = 0
        places = partitions_of(listener, settings, "channel-feedback")
        listener.assign(places)
        listener.seek_to_end(*places)
        for place in places:
            listener.position(place)

    def wait(self) -> None:
        """Until every case that was played since the last wait is answered, or the time is over."""
        until = time.monotonic() + self._wish.timeout_s
        while self._judge(self._waited).waits_for() and time.monotonic() < until:
            self.listen(POLL_MS / 1000)
        self._waited = len(self._script.cases)

    def listen(self, seconds: float) -> None:
        """Take what is said for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for records in self._listener.poll(timeout_ms=max(1, int(left * 1000))).values():
                said = (heard(record.key, record.value) for record in records)
                self.answers += [answer for answer in said if answer is not None]

    def rebalance(self, play: Callable[[Iterable[Record], bool], None]) -> None:
        """Join the service's group, take partitions, read nothing, leave; meanwhile sends come."""
        burst = self._script.burst()
        group = self._wish.group or group_of(self._settings, self._wish.channel)
        play(burst[: len(burst) // 2], True)
        rest = iter(burst[len(burst) // 2 :])
        try:
            member = trigger_consumer(self._settings, self._wish.channel, group)
            try:
                member.subscribe([self._settings.topic(f"triggers.{self._wish.channel}")])
                until = time.monotonic() + self._wish.timeout_s
                while not member.assignment() and time.monotonic() < until:
                    member.poll(timeout_ms=POLL_MS, max_records=1)
                    play(islice(rest, 1), True)
                if not member.assignment():
                    self._not_run["rebalance"] = f"a second member of group {group} got no partition"
            finally:
                member.close(autocommit=False)
        except KafkaError as error:
            self._not_run["rebalance"] = (
                f"a second member could not join group {group}: {type(error).__name__}: {error}"
            )
        play(rest, True)

    def result(self) -> Result:
        """The verdicts."""
        judge, wish = self._judge(), self._wish
        ran = [rule for rule in RULES if rule not in wish.skip and rule not in self._not_run]
        return Result({rule: judge.problems(rule) for rule in ran}, dict(self._not_run))

    def _judge(self, first: int = 0) -> Judge:
        about = {"brand": self._wish.brand, "market": self._wish.market, "channel": self._wish.channel}
        return Judge(self._script.cases[first:], self.answers, about, self._effects())

    def _effects(self) -> Counter[str] | None:
        path = self._wish.sent
        if path is None:
            return None
        return Counter(path.read_text(encoding="utf-8").split()) if path.exists() else Counter()


@contextmanager
def _player(settings: Settings, channel: str) -> Iterator[Callable[[Iterable[Record], bool], None]]:
    """Writes records in one transaction, as decide does; False aborts it."""
    topic = settings.topic(f"triggers.{channel}")
    partitions = describe(settings, [f"triggers.{channel}"])[topic].partitions
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        transactional_id=f"{settings.topic_prefix}-contract-test-{channel}",
        max_block_ms=BLOCK_MS_MAX,
        linger_ms=5,
        **client_options(settings),
    )

    def play(records: Iterable[Record], commit: bool) -> None:
        producer.begin_transaction()
        for one in records:
            place = partition_of(one.customer, partitions)
            producer.send(topic, one.value, one.customer.encode(), list(one.headers), partition=place)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()

    try:
        producer.init_transactions()
        yield play
    except KafkaError as error:
        raise BrokerError(
            f"The triggers could not be written to {topic} on {settings.bootstrap_servers} ({type(error).__name__}: "
            f"{error}); ask for the right to write there, or use another --prefix."
        ) from error
    finally:
        producer.close()
