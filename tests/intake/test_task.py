"""The intake task: modes, marks, alignment, quarantine, control, counts."""

from __future__ import annotations

import hashlib

import pytest

from schemas.base import from_ms, rfc3339
from schemas.catalog import LiveMode, ReplayMode
from schemas.quarantine import QUARANTINE_PREFIX_BYTES
from schemas.topics import MARK_KEY, RECORD_BYTES_MAX_INPUT
from streams.intake.stamp import REPLAY_HEADER, arrived_at, arrived_header, replay_header
from streams.intake.task import ALIGN_AHEAD_MS, INBOX_MAX, SOURCES, IntakeTask
from streams.progress import BEGINNING
from streams.table import MemoryTable
from streams.task import Effects, Out, Record
from streams.wire import decode_envelope
from tests.intake.kit import (
    ALL,
    BRANDS,
    LATENESS_MS,
    NOON,
    PARTITIONS,
    REPLAY,
    Feed,
    encoded,
    envelopes,
    event,
    give,
    good_records,
    marks,
    new_task,
    reasons,
    started,
    state_of,
)
from tests.oracle.builders import DAY

GOOD = good_records()
ORDER = GOOD["orders"]
LIVE = LiveMode(kind="live", from_time=from_ms(NOON))


def order_at(at: int, number: int = 1) -> dict[str, object]:
    return event(ORDER, event_id=f"order-{number}", order_id=f"o{number}", occurred_at=rfc3339(at))


def quarantined(effects: Effects) -> Out:
    (out,) = (out for out in effects.records if out.topic == "quarantine")
    return out


def test_before_the_mode_is_known_nothing_is_read_or_marked() -> None:
    feed, task = Feed(), new_task()
    assert task.held() == frozenset(SOURCES)
    effects = give(task, feed.control(BRANDS), feed.add("orders", ORDER, replayed=(NOON, NOON)))
    assert not envelopes(effects)
    assert not marks(effects)
    effects = give(task, feed.control(REPLAY))
    assert [envelope.id for envelope in envelopes(effects)] == [ORDER["event_id"]]
    assert task.held() == frozenset()


@pytest.mark.parametrize(
    ("order", "data"),
    [
        (ReplayMode(kind="replay", sources=[], hand_over=True), {"kind": "replay", "hand_over": True}),
        (LIVE, {"kind": "live", "from": NOON}),
    ],
)
def test_the_mode_goes_to_every_partition(order: ReplayMode | LiveMode, data: dict[str, object]) -> None:
    effects = give(new_task(), Feed().control(order))
    sent = [out for out in effects.records if out.topic == "customer-events" and out.key != MARK_KEY]
    assert [out.partition for out in sent] == list(range(PARTITIONS))
    assert all(decode_envelope(out.value or b"").data == data for out in sent)


def test_a_replay_stamps_by_its_headers_and_marks_after_the_data() -> None:
    feed = Feed()
    task = started(feed, REPLAY)
    first = give(task, *feed.marks(NOON))
    assert [mark.until for mark in marks(first)] == [dict.fromkeys(SOURCES, NOON)]
    late = feed.add("orders", order_at(NOON - 5), replayed=(NOON + 10, NOON + 7))
    effects = give(task, late, *feed.marks(NOON + 20))
    (envelope,) = envelopes(effects)
    assert (envelope.at, envelope.eff) == (NOON - 5, NOON + 7)
    for topic in ("customer-events", "identity-events"):
        for partition in range(PARTITIONS):
            keys = [out.key for out in effects.records if (out.topic, out.partition) == (topic, partition)]
            assert keys[-1] == MARK_KEY
            assert keys.count(MARK_KEY) == 1


def test_what_is_complete_never_goes_back() -> None:
    feed = Feed()
    task = started(feed, REPLAY)
    give(task, *feed.marks(NOON))
    early = feed.add("orders", order_at(NOON - DAY), replayed=(NOON - DAY, NOON - DAY))
    effects = give(task, early)
    assert [envelope.eff for envelope in envelopes(effects)] == [NOON]
    assert not marks(effects)


def test_a_replay_marks_only_when_the_slowest_source_moves() -> None:
    feed = Feed()
    task = started(feed, REPLAY)
    give(task, *feed.marks(NOON))
    assert not marks(give(task, feed.mark("orders", NOON + 1)))
    others = [feed.mark(source, NOON + 2) for source in SOURCES if source != "orders"]
    (mark,) = marks(give(task, *others))
    assert (min(mark.until.values()), mark.task, mark.of) == (NOON + 1, 0, PARTITIONS)


def test_a_source_far_ahead_waits_for_the_slowest() -> None:
    feed = Feed()
    task = started(feed, REPLAY)
    give(task, *feed.marks(NOON))
    give(task, feed.mark("orders", NOON + ALIGN_AHEAD_MS + 1))
    ahead = feed.add("orders", ORDER, replayed=(NOON, NOON))
    effects = give(task, ahead)
    assert not envelopes(effects)
    assert not effects.more
    assert envelopes(give(task, *[feed.mark(source, NOON + 1) for source in SOURCES if source != "orders"]))


def test_a_full_inbox_wants_no_more() -> None:
    feed = Feed()
    task = started(feed, REPLAY)
    give(task, *feed.marks(NOON), feed.mark("orders", NOON + ALIGN_AHEAD_MS + 1))
    record = feed.add("orders", ORDER, replayed=(NOON, NOON))
    task.take("orders", [record] * (INBOX_MAX + 1))
    task.step(10)
    assert task.held() == {"orders"}


def test_live_a_source_is_complete_until_its_newest_record_less_its_lateness() -> None:
    feed = Feed()
    task = started(feed, LIVE)
    effects = give(task, feed.add("orders", order_at(NOON), appended=NOON + LATENESS_MS + 5))
    assert [envelope.eff for envelope in envelopes(effects)] == [NOON + 5]


def test_live_a_tick_moves_the_sources_that_are_read_to_their_end() -> None:
    feed = Feed()
    task = started(feed, LIVE)
    task.tick(NOON, ALL - {"orders"})
    (mark,) = marks(task.step(10))
    assert mark.until["orders"] < 0
    assert {until for source, until in mark.until.items() if source != "orders"} == {NOON - LATENESS_MS}
    task.take("orders", [feed.add("orders", ORDER, appended=NOON)])
    task.tick(NOON + 1, ALL)
    assert marks(task.step(10))[0].until["orders"] == NOON - LATENESS_MS, "its record was not worked off before"
    task.tick(NOON + 2, ALL)
    assert marks(task.step(10))[0].until["orders"] == NOON + 2 - LATENESS_MS


def test_live_there_is_one_mark_a_tick() -> None:
    feed = Feed()
    task = started(feed, LIVE)
    task.tick(NOON, ALL)
    assert marks(task.step(10))
    assert not marks(give(task, feed.add("orders", ORDER, appended=NOON + DAY)))
    task.tick(NOON, ALL)
    assert marks(task.step(10))


def test_live_the_headers_of_a_replay_do_not_count() -> None:
    feed = Feed()
    task = started(feed, LIVE)
    effects = give(task, feed.add("orders", order_at(NOON - DAY), appended=NOON, replayed=(NOON - DAY, NOON - DAY)))
    assert [envelope.eff for envelope in envelopes(effects)] == [NOON - LATENESS_MS]


def test_in_a_replay_answers_of_a_running_channel_are_ignored() -> None:
    feed = Feed()
    task = started(feed, REPLAY)
    give(task, *feed.marks(NOON))
    live, past = GOOD["channel-feedback"], event(GOOD["channel-feedback"], event_id="past")
    effects = give(task, feed.add("channel-feedback", live), feed.add("channel-feedback", past, replayed=(NOON, NOON)))
    assert [envelope.id for envelope in envelopes(effects)] == ["past"]
    assert task.counts.by_source["channel-feedback"] == {"received": 2, "ignored": 1}


def test_quarantine_keeps_the_bytes_the_place_and_the_replay_header() -> None:
    feed = Feed(partition=2)
    task = started(feed, REPLAY)
    give(task, *feed.marks(NOON))
    value = b'{"event_id": "\xff\xfe'
    out = quarantined(give(task, feed.add("orders", value, replayed=(NOON, NOON - 1))))
    headers = dict(out.headers)
    assert (out.key, out.value) == (b"orders-2-1", value)
    assert headers.pop("cuepoint-message").startswith(b"The value is not JSON")
    assert headers == {
        "cuepoint-topic": b"orders",
        "cuepoint-partition": b"2",
        "cuepoint-offset": b"1",
        "cuepoint-stage": b"intake",
        "cuepoint-reason": b"not_json",
        "cuepoint-sha256": hashlib.sha256(value).hexdigest().encode(),
        "cuepoint-bytes": b"%d" % len(value),
        "cuepoint-key": b"k",
        REPLAY_HEADER: replay_header(NOON, NOON - 1)[1],
    }


def test_of_a_record_that_is_too_large_quarantine_keeps_hash_size_and_prefix() -> None:
    feed = Feed()
    task = started(feed, LIVE)
    value = encoded({**ORDER, "note": "x" * RECORD_BYTES_MAX_INPUT})
    out = quarantined(give(task, feed.add("orders", value)))
    headers = dict(out.headers)
    assert out.value == value[:QUARANTINE_PREFIX_BYTES]
    assert headers["cuepoint-bytes"] == b"%d" % len(value)
    assert headers["cuepoint-sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_a_record_without_a_value_is_quarantined() -> None:
    feed = Feed()
    task = started(feed, LIVE)
    effects = give(task, feed.add("orders", None))
    assert reasons(effects) == ["empty"]
    assert quarantined(effects).value == b""


def test_a_broken_control_record_is_quarantined_and_the_others_count() -> None:
    feed = Feed()
    task = new_task()
    effects = give(task, feed.add("control", b'{"kind": "rewind"}'), feed.add("control", b"{"), feed.control(REPLAY))
    assert reasons(effects) == ["invalid_field", "invalid_field"]
    assert task.held() == frozenset()


def test_brands_are_known_as_soon_as_they_are_published() -> None:
    feed = Feed()
    task = started(feed, BRANDS, LIVE)
    other = event(ORDER, brand="zest")
    assert reasons(give(task, feed.add("orders", other))) == ["unknown_brand"]
    published = BRANDS.model_copy(update={"brands": ["acme", "zest"]})
    assert envelopes(give(task, feed.control(published), feed.add("orders", other)))


def test_every_record_is_counted_once() -> None:
    feed = Feed()
    task = started(feed, BRANDS, LIVE)
    voided = event(GOOD["pos-transactions"], status="voided")
    give(
        task,
        *[feed.add(source, record) for source, record in GOOD.items()],
        feed.add("pos-transactions", voided),
        feed.add("orders", b"{"),
        feed.mark("orders", NOON),
    )
    counts = task.counts.by_source
    assert {source: row["received"] for source, row in counts.items()} == {
        **dict.fromkeys(GOOD, 1),
        "orders": 2,
        "pos-transactions": 2,
    }
    assert counts["pos-transactions"]["ignored"] == 1
    assert counts["orders"]["quarantined"] == 1


def test_nothing_new_is_nothing_to_commit() -> None:
    task = started(Feed(), REPLAY)
    assert task.step(100).empty


def test_a_live_source_by_marks_holds_no_clock_and_says_itself_how_far_it_is() -> None:
    feed, task = Feed(), IntakeTask(0, PARTITIONS, lambda _: LATENESS_MS, ["pos-transactions"])
    task.take("control", [feed.control(BRANDS), feed.control(LIVE)])
    first = give(task, feed.add("pos-transactions", GOOD["pos-transactions"], appended=NOON + DAY))
    assert [envelope.eff for envelope in envelopes(first)] == [NOON]
    task.tick(NOON + DAY, ALL)
    (mark,) = marks(task.step(100))
    assert (mark.free, mark.until["pos-transactions"]) == (["pos-transactions"], BEGINNING)
    assert mark.until["orders"] == NOON + DAY - LATENESS_MS
    give(task, feed.mark("pos-transactions", NOON + 1))
    task.tick(NOON + DAY + 1, ALL)
    assert marks(task.step(100))[0].until["pos-transactions"] == NOON + 1
    again = give(task, feed.add("pos-transactions", event(GOOD["pos-transactions"], event_id="late")))
    assert [envelope.eff for envelope in envelopes(again)] == [NOON + 1]


def test_live_marks_say_when_the_newest_record_arrived_also_after_a_restart() -> None:
    feed = Feed()
    task = started(feed, BRANDS, LIVE)
    effects = give(task, feed.add("orders", ORDER, appended=NOON + 7))
    task.tick(NOON + DAY, ALL)
    effects = task.step(100)
    expected = dict.fromkeys(SOURCES, NOON) | {"orders": NOON + 7}
    assert marks(effects)[0].newest == expected
    again = new_task()
    again.load(MemoryTable(dict(state_of(effects))))
    again.tick(NOON + 2 * DAY, ALL)
    assert marks(again.step(100))[0].newest == expected


def test_a_replay_says_of_no_source_when_its_newest_record_arrived() -> None:
    feed = Feed()
    assert marks(give(started(feed, REPLAY), *feed.marks(NOON)))[0].newest == {}


def test_live_a_record_that_was_moved_counts_as_of_its_first_arrival() -> None:
    came = NOON - 3_600_000
    record = Record("orders", 0, 0, NOON, b"k", b"", (arrived_header(came),))
    assert arrived_at(record) == came
    assert arrived_at(record._replace(timestamp_ms=came - 1)) == came - 1, "never later than the broker says"
    assert arrived_at(record._replace(headers=(("cuepoint-arrived", b"soon"),))) == NOON
