"""Whether a message may go, and what is remembered of it; which offsets may be committed, and who waits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from sinks.channels import Entry, Message, Refused, Retry, SqliteStore, logical_clock
from sinks.channels.flights import Flight, Offsets, Waiting
from sinks.channels.sending import Again, Done, Sender
from sinks.channels.store import ACCEPTED, SENDING
from streams.errors import PlatformError
from streams.settings import Settings
from tests.channels.kit import Recorder, message
from tests.sinks.builders import T0, decision_id


def sender(store: SqliteStore, handler: Recorder, **settings: object) -> Sender:
    """A sender of the e-mail channel, by the clock of the decisions."""
    return Sender(Settings.model_validate(settings), "email", handler, store, logical_clock)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "store.sqlite")


def note(store: SqliteStore, name: str, status: str, noted_ms: int = T0) -> None:
    entry = Entry(decision_id(name), status, None, True, T0, T0, "shop", "GB", "c1")
    store.put(entry, noted_ms)


@pytest.mark.parametrize(
    ("delivery", "sent", "status"), [("at_least_once", 1, "delivered"), ("at_most_once", 0, "unknown")]
)
def test_what_was_being_sent_when_the_process_died(store: SqliteStore, delivery: str, sent: int, status: str) -> None:
    note(store, "a", SENDING)
    handler = Recorder()
    done = sender(store, handler, channel_delivery=delivery).send(message("a"), 1)
    assert isinstance(done, Done)
    assert (len(handler.sent), done.entry.status) == (sent, status)
    assert (done.gave_up is not None) is (sent == 0)


def test_a_handler_that_says_it_did_not_leave_is_asked_again_in_both_modes(store: SqliteStore) -> None:
    def fails(_: Message) -> None:
        raise Retry("451", after_s=5)

    for delivery in ("at_least_once", "at_most_once"):
        one = sender(store, Recorder(fails), channel_delivery=delivery, channel_backoff_s=2, channel_attempts_max=4)
        assert [one.send(message(delivery), number) for number in (1, 2, 3)] == [Again(5), Again(5), Again(8)]
        last = one.send(message(delivery), 4)
        assert isinstance(last, Done)
        assert (last.entry.status, last.gave_up) == ("dropped", "given up after 4 tries: 451")


def test_an_unexpected_failure_at_most_once_is_never_repeated(store: SqliteStore) -> None:
    def fails(_: Message) -> None:
        raise RuntimeError("connection lost after DATA")

    done = sender(store, Recorder(fails), channel_delivery="at_most_once").send(message("a"), 1)
    assert isinstance(done, Done)
    assert (done.entry.status, done.gave_up) == ("unknown", "RuntimeError: connection lost after DATA")


def test_tries_wait_longer_and_longer_up_to_a_bound(store: SqliteStore) -> None:
    def fails(_: Message) -> None:
        raise RuntimeError("no")

    one = sender(store, Recorder(fails), channel_backoff_s=1, channel_backoff_s_max=5, channel_attempts_max=9)
    assert [one.send(message("a"), number) for number in range(1, 6)] == [
        Again(1),
        Again(2),
        Again(4),
        Again(5),
        Again(5),
    ]


def test_a_refused_message_is_dropped_and_nobody_is_unreachable(store: SqliteStore) -> None:
    def refuse(_: Message) -> None:
        raise Refused("no template")

    done = sender(store, Recorder(refuse)).send(message("a"), 1)
    assert isinstance(done, Done)
    assert (done.entry.status, done.entry.detail, done.gave_up) == ("dropped", "refused: no template", "no template")


def test_a_cancel_reaches_what_was_taken_and_the_first_word_stays(store: SqliteStore) -> None:
    handler = Recorder()
    one = sender(store, handler)
    for name, status in (("sent", "delivered"), ("waits", ACCEPTED), ("gone", "dropped")):
        note(store, name, status)
    found = {name: one.cancel(message(name, action="cancel")) for name in ("sent", "waits", "gone", "never")}
    assert {name: entry and (entry.status, entry.detail) for name, entry in found.items()} == {
        "sent": None,
        "waits": ("dropped", "cancelled"),
        "gone": None,
        "never": None,
    }
    assert handler.taken_back == [(decision_id("sent"), "delivered"), (decision_id("waits"), ACCEPTED)]


def test_the_store_forgets_what_cannot_come_again_but_nothing_that_waits(store: SqliteStore) -> None:
    for number, status in enumerate(("delivered", ACCEPTED, "delivered")):
        note(store, f"d{number}", status, noted_ms=number)
    store.cancel(decision_id("x"), 0)
    store.cancel(decision_id("y"), 5)
    store.forget(2)
    known = [store.get(decision_id(f"d{number}")) is not None for number in range(3)]
    assert known == [False, True, True]
    assert (store.cancelled(decision_id("x")), store.cancelled(decision_id("y"))) == (False, True)


def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match=r"file/store\.sqlite"):
        SqliteStore(tmp_path / "file" / "store.sqlite")
    newer = SqliteStore(tmp_path / "newer.sqlite")
    newer._database.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(PlatformError, match="layout 99 is newer"):
        SqliteStore(tmp_path / "newer.sqlite")


def test_offsets_are_committed_up_to_the_first_that_has_not_ended() -> None:
    offsets = Offsets()
    for offset in (3, 4, 7):
        offsets.begin(0, offset)
    offsets.end(0, 4)
    assert offsets.committable() == {0: 3}
    offsets.end(0, 3)
    assert (offsets.committable(), offsets.all_ended(0)) == ({0: 7}, False)
    offsets.end(0, 7)
    assert (offsets.committable(), offsets.all_ended(0)) == ({0: 8}, True)
    offsets.forget([0])
    offsets.end(0, 7)
    assert offsets.committable() == {}


def test_customers_wait_for_themselves_only_and_lost_partitions_are_forgotten() -> None:
    def flight(customer: str, name: str, due: float, partition: int = 0) -> Flight:
        return Flight(message(name, customer_id=customer), SimpleNamespace(partition=partition), 1, due)

    waiting = Waiting()
    first, behind, other = flight("a", "a1", 5), flight("a", "a2", 0), flight("b", "b1", 9, partition=1)
    for one in (first, behind, other):
        waiting.add(one)
    assert (len(waiting), "a" in waiting, "c" in waiting, waiting.next_due()) == (3, True, False, 5)
    assert waiting.due(4) == []
    assert waiting.due(5) == [first]
    assert waiting.pop("a") is behind
    assert waiting.pop("a") is None
    waiting.forget([1])
    assert (len(waiting), waiting.next_due()) == (0, None)
