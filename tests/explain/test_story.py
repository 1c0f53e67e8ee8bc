"""What is said of campaigns that did begin: the last word, what waits, what ended, and on what it rests."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas.base import rfc3339
from streams.errors import InputError
from streams.explain.compare import compared
from streams.explain.show import as_object, in_lines, timeline
from streams.explain.story import STATUSES, accounts, evidence
from tests.explain.kit import recorded, told
from tests.oracle.builders import DAY, HOUR, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart", valid_for="10h")
WELCOME = campaign("welcome", "welcome")
QUIET = (brand(zone="UTC", quiet_hours=[{"channel": "*", "start": "20:00", "end": "08:00"}]),)


def left() -> History:
    """A cart that was left, of a customer who may be reminded."""
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, "a")
    return history


def bought_late(wait: int) -> History:
    """Bought an hour after the cart, as the till says ``wait`` later."""
    history = left()
    history.receipt(NOON + HOUR, "a")["arrived_at"] = rfc3339(NOON + HOUR + wait)
    return history


def test_what_has_begun_waits() -> None:
    account = told(left(), CART, at=NOON + HOUR)
    assert (account.status, account.waiting) == ("waiting", [("k1", 1, NOON + 4 * HOUR, "it comes due")])


def test_what_was_sent_rests_on_its_events() -> None:
    recording = recorded(left(), CART, at=NOON + 5 * HOUR)
    (account,) = accounts(recording, None)
    assert account.status == "sent"
    ((name, event),) = evidence(recording, account.decisions[0][0])
    assert event is not None
    assert (name, event.type, event.at) == (event.id, "cart.updated", NOON)


def test_what_was_bought_is_suppressed_and_rests_on_the_purchase_too() -> None:
    history = left()
    history.order(NOON + HOUR, "a", "o1")
    recording = recorded(history, CART, at=NOON + 5 * HOUR)
    (account,) = accounts(recording, None)
    assert account.status == "suppressed"
    rests = [event.type for _, event in evidence(recording, account.decisions[0][0]) if event is not None]
    assert rests == ["cart.updated", "order.placed"]


def test_quiet_hours_hold_and_say_until_when() -> None:
    history = left()
    history.cart(NOON + 3 * HOUR, "ab")
    history.cart(NOON + 5 * HOUR, "a")
    account = told(history, CART, at=NOON + 11 * HOUR, brands=QUIET)
    assert account.status == "held"
    assert account.waiting == [("k1", 1, t("2011-03-02T08:00"), "quiet hours end on email")]


@pytest.mark.parametrize(("wait", "status"), [(4 * HOUR, "cancelled"), (12 * DAY, "regretted")])
def test_a_late_receipt_takes_back_or_is_regretted(wait: int, status: str) -> None:
    account = told(bought_late(wait), CART)
    assert (account.status, [row["outcome"] for row in account.decisions[0]]) == (status, ["sent", status])


def test_what_ended_without_a_record_says_why() -> None:
    history = left()
    history.cart(NOON + HOUR, {})
    account = told(history, CART)
    assert account.status == "ended"
    assert [each.why for each in account.ended] == ["Cart k1 of acme was emptied, and no other holds anything."]


def test_every_status_is_described() -> None:
    assert set(STATUSES) >= {"waiting", "sent", "suppressed", "held", "cancelled", "regretted", "ended"}


def test_as_of_a_time_nothing_later_is_known() -> None:
    recording = recorded(bought_late(4 * HOUR), CART, at=NOON + 4 * HOUR)
    assert [row.name for row in timeline(recording, (), None)] == ["customer.updated", "cart.updated", "cart"]


def test_who_became_the_customer_is_told_with_him() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, "a", anonymous_id="v")
    history.identified(NOON + HOUR, anonymous_id="v")
    for asked in ("c1", "anon:v"):
        recording = recorded(history, CART, asked, at=NOON + 5 * HOUR)
        assert (recording.customer, recording.merged) == ("c1", {"anon:v": "c1"})
        assert [event.type for event in recording.events] == [
            "customer.updated",
            "cart.updated",
            "merge.out",
            "customer.identified",
        ]
        assert [account.status for account in accounts(recording, None)] == ["sent"]


def test_a_chain_of_merges_is_followed_to_its_ends() -> None:
    history = left()
    for number in range(2, 6):
        history.profile(NOON, f"c{number}")
        history.merged(NOON + number * HOUR, merged_id=f"c{number - 1}", customer_id=f"c{number}")
    recording = recorded(history, CART, "c3", at=NOON + 9 * HOUR)
    assert (recording.customer, sorted(recording.merged)) == ("c5", ["c1", "c2", "c3", "c4"])
    assert [account.status for account in accounts(recording, None)] == ["sent"]


def test_recomputed_decisions_agree_until_one_is_altered(tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    rows = recorded(left(), CART).decisions
    file.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    comparison = compared(recorded(left(), CART, decisions=file), None)
    assert comparison is not None
    assert (comparison.agrees, comparison.same) == (True, 1)
    file.write_bytes(msgspec.json.encode({**rows[0], "outcome": "suppressed", "reason": "no_consent"}))
    comparison = compared(recorded(left(), CART, decisions=file), None)
    assert comparison is not None
    assert [row["outcome"] for row in comparison.only_recorded] == ["suppressed"]
    assert [row["outcome"] for row in comparison.only_recomputed] == ["sent"]
    other = compared(recorded(left(), CART, decisions=file), "another")
    assert other is not None
    assert other.agrees


def test_a_history_has_nothing_to_compare_with_by_itself(tmp_path: Path) -> None:
    assert compared(recorded(left(), CART), None) is None
    (tmp_path / "bad.jsonl").write_text("no decision\n")
    with pytest.raises(InputError, match="cannot be read as decisions"):
        recorded(left(), CART, decisions=tmp_path / "bad.jsonl")


def test_a_campaign_that_says_nothing_is_refused_with_what_was_meant() -> None:
    with pytest.raises(InputError, match="did you mean 'cart'"):
        accounts(recorded(left(), CART), "card")


def test_the_terminal_shows_timeline_gates_and_evidence_within_its_width() -> None:
    recording = recorded(bought_late(4 * HOUR), [CART, WELCOME])
    found = accounts(recording, None)
    lines = list(in_lines(recording, found, None, None, 3, 80))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert "the last 3 of 5 rows" in text
    assert "It was cancelled at 2011-03-01 17:00" in text
    assert "[late, of 2011-03-01 13:00]" in text
    assert "yes consent: email: marketing granted, reachable" in text
    assert "No registration with acme is known." in text


def test_tools_get_the_same_as_an_object() -> None:
    recording = recorded(bought_late(4 * HOUR), [CART, WELCOME])
    found = json.loads(json.dumps(as_object(recording, accounts(recording, None), None, None)))
    cart, welcome = found["campaigns"]
    assert [row["outcome"] for row in cart["decisions"]] == ["sent", "cancelled"]
    assert cart["decisions"][1]["events"][0]["type"] == "pos.receipt"
    assert (welcome["status"], welcome["never"]) == ("never_entered", "No registration with acme is known.")
    assert [row["kind"] for row in found["timeline"]] == ["event", "event", "decision", "event", "decision"]


def test_an_unlinked_identifier_is_told_apart_from_then_on() -> None:
    history = left()
    history.identified(NOON, anonymous_id="v")
    history.unlinked(NOON + HOUR, "anonymous_id", "v")
    history.cart(NOON + 2 * HOUR, "a", "k2", anonymous_id="v")
    recording = recorded(history, CART, at=NOON + 9 * HOUR)
    assert recording.unlinked == [("anon:v", NOON + HOUR, "anon~1:v")]
    assert "k2" not in {event.data.get("cart") for event in recording.events}
    told_of = as_object(recording, accounts(recording, None), None, None)["unlinked"]
    assert told_of == [{"identifier": "anon:v", "since": rfc3339(NOON + HOUR), "now": "anon~1:v"}]
    lines = " ".join(in_lines(recording, (), None, None, 60, 400))
    assert "anon:v was unlinked from this customer on 2011-03-01 13:00: what happened under it until then" in lines
    assert "customer.unlinked anon:v is to be no longer c1's" in " ".join(lines.split())
    visitor = recorded(history, CART, "anon~1:v", at=NOON + 9 * HOUR)
    assert [event.data["cart"] for event in visitor.events] == ["k2"]
    assert "anon~1:v is who used anon:v after it was unlinked." in " ".join(in_lines(visitor, (), None, None, 60, 400))
