"""What follows what is judged by fetch position, since offsets of transactional topics have holes."""

from __future__ import annotations

import pytest

from streams.errors import SettingsError
from streams.runtime.failpoints import parse_failpoints
from streams.runtime.inbox import Batch, Inbox
from streams.task import Record


def record(offset: int) -> Record:
    return Record("numbers", 0, offset, 0, b"k", b"v", ())


@pytest.fixture
def inbox() -> Inbox:
    return Inbox("inbox-test", "numbers", 0, 3)


def test_a_hole_between_offsets_is_no_hole_between_fetches(inbox: Inbox) -> None:
    assert inbox.accept(Batch(0, 3, [record(0), record(1)], 0))
    assert inbox.accept(Batch(3, 4, [], 0))
    assert inbox.accept(Batch(4, 5, [record(4)], 0))
    assert [waiting.offset for waiting in inbox.drain()] == [0, 1, 4]
    assert inbox.next_offset == 5


@pytest.mark.parametrize("begin", [1, 3])
def test_a_batch_that_overlaps_or_leaves_a_hole_is_refused(inbox: Inbox, begin: int) -> None:
    assert inbox.accept(Batch(0, 2, [record(0), record(1)], 0))
    refused = Batch(begin, 9, [record(begin)], 0)
    assert not inbox.accept(refused)
    again = inbox.read_again(refused)
    assert again is not None
    assert again.offset == 2


def test_a_refusal_asks_for_one_seek_and_one_behind_that_seek_for_another(inbox: Inbox) -> None:
    refused = Batch(5, 6, [record(5)], inbox.begin_seek().number)
    first = inbox.read_again(refused)
    assert first is not None
    assert inbox.read_again(refused) is None
    second = inbox.read_again(refused._replace(seek=first.number))
    assert second is not None
    assert second.number > first.number


def test_a_full_or_held_inbox_wants_no_more_and_a_held_one_gives_nothing(inbox: Inbox) -> None:
    assert inbox.open
    inbox.accept(Batch(0, 3, [record(0), record(1), record(2)], 0))
    assert not inbox.open
    inbox.held = True
    assert inbox.drain() == []
    inbox.held = False
    assert len(inbox.drain()) == 3
    assert inbox.open


def test_failpoints_are_parsed_and_unknown_names_refused() -> None:
    assert parse_failpoints("before_commit:3, after_fence") == {"before_commit": 3, "after_fence": 1}
    assert parse_failpoints("") == {}
    with pytest.raises(SettingsError, match="after_lunch"):
        parse_failpoints("after_lunch")
