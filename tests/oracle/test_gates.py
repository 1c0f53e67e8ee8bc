"""The oracle on gates, slots, quiet hours, ranks and caps: hand-computed examples."""

from __future__ import annotations

import pytest

from schemas.base import rfc3339
from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, t
from tests.oracle.helpers import decided, decided_at

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart")
NIGHT = {"start": "22:00", "end": "08:00"}


def with_cart(at: int = NOON, **profile: object) -> History:
    """Customer c1 leaves a cart; by default he consents and can be reached by e-mail."""
    history = History()
    history.profile(at - DAY, **profile)
    history.cart(at, "a")
    return history


def reason(history: History, rules: object = None, **fields: object) -> str:
    """Outcome and reason of the one decision."""
    (text,) = decided(history, campaign("cart_abandoned", "cart", **fields), [rules or brand()])
    return text.removeprefix("cart k1/1 ")


def test_each_gate_gives_its_reason() -> None:
    late, early = "2011-03-02T00:00:00Z", "2011-03-01T16:00:00Z"
    assert reason(with_cart(), brand("other")) == "suppressed brand_rules_missing"
    assert reason(with_cart(), starts=late) == "suppressed campaign_not_running"
    assert reason(with_cart(), ends=early) == "suppressed campaign_not_running"
    assert reason(with_cart(), starts=early) == "sent due"
    assert reason(with_cart(), markets=["DE"]) == "suppressed market_excluded"
    assert reason(with_cart(), markets=["GB"]) == "sent due"
    assert reason(with_cart(country="DE"), markets=["GB"]) == "suppressed market_excluded"
    assert reason(with_cart(reach=())) == "suppressed no_consent"
    assert reason(with_cart(), channels=["sms"]) == "suppressed no_consent"


def test_consent_and_reach() -> None:
    withdrawn = with_cart()
    withdrawn.withdraw(NOON)
    assert reason(withdrawn) == "suppressed consent_withdrawn"
    bounced = with_cart()
    bounced.feedback(NOON, "bounced")
    assert reason(bounced) == "suppressed unreachable"
    soft = with_cart()
    soft.feedback(NOON, "bounced", permanent=False)
    assert reason(soft) == "sent due"
    stopped = with_cart()
    stopped.feedback(NOON, "unsubscribed")
    assert reason(stopped) == "suppressed consent_withdrawn"
    assert reason(stopped, purpose="review") == "suppressed consent_withdrawn"
    assert reason(stopped, purpose="service") == "sent due"


def test_the_latest_word_on_a_consent_counts_and_at_equal_times_the_withdrawal() -> None:
    equal = with_cart()
    equal.withdraw(NOON - DAY)
    assert reason(equal) == "suppressed consent_withdrawn"
    older = with_cart()
    older.withdraw(NOON - DAY - 1)["arrived_at"] = rfc3339(NOON)
    assert reason(older) == "sent due"


def test_the_first_channel_that_is_consented_and_reachable() -> None:
    history = with_cart(reach=("email", "push"))
    history.feedback(NOON, "bounced")
    assert reason(history, channels=["email", "push"]) == "sent due"


def test_content_by_market_and_language() -> None:
    german = {"key": "k", "languages": ["de", "en-GB"]}
    assert reason(with_cart(), content=german) == "suppressed content_missing"
    assert reason(with_cart(language="de-AT"), content=german) == "sent due"
    assert reason(with_cart(language="en-GB"), content=german) == "sent due"
    assert reason(with_cart(language="en"), content=german) == "suppressed content_missing"
    assert reason(with_cart(language="fr"), brand(language="de"), content=german) == "suppressed content_missing"
    assert reason(with_cart(), brand(language="de"), content=german) == "sent due"
    assert reason(with_cart(), brand(markets={"GB": {"language": "de-DE"}}), content=german) == "sent due"
    assert reason(with_cart(language="fr"), content=german | {"fallback": ["de"]}) == "sent due"
    assert reason(with_cart(language="de"), content=german | {"markets": ["DE"]}) == "suppressed content_missing"


def test_a_channel_with_quiet_hours_needs_a_zone() -> None:
    assert reason(with_cart(), brand(quiet_hours=[NIGHT])) == "suppressed zone_unknown"
    assert reason(with_cart(), brand(quiet_hours=[NIGHT | {"channel": "push"}])) == "sent due"
    assert reason(with_cart(), brand(quiet_hours=[{"start": "22:00", "end": "22:00"}])) == "sent due"
    assert reason(with_cart(), brand(quiet_hours=[NIGHT], markets={"GB": {"zone": "Europe/London"}})) == "sent due"


@pytest.mark.parametrize(
    ("left", "sent"),
    [
        ("2011-03-01T17:59", "2011-03-01T21:59"),
        ("2011-03-01T18:00", "2011-03-02T08:00"),
        ("2011-03-02T03:59", "2011-03-02T08:00"),
        ("2011-03-02T04:00", "2011-03-02T08:00"),
        ("2011-03-26T20:00", "2011-03-27T07:00"),
        ("2011-10-29T20:00", "2011-10-30T08:00"),
    ],
)
def test_quiet_hours_pass_midnight_and_changes_of_the_clock(left: str, sent: str) -> None:
    """From 22:00 until 08:00 in London; on 27 March 08:00 is 07:00Z already, on 30 October 08:00Z again."""
    history = with_cart(t(left))
    found = decided_at(history, CART, [brand(zone="Europe/London", quiet_hours=[NIGHT])])
    assert found[-1] == ("cart k1/1 sent due", t(sent))
    moved = t(sent) != t(left) + 4 * HOUR
    assert [text for text, _ in found[:-1]] == (["cart k1/1 held quiet_hours"] if moved else [])


def test_quiet_hours_that_end_in_the_skipped_and_in_the_repeated_hour() -> None:
    """Until 01:30 in London: on 27 March that is 01:30Z; on 30 October the first, 00:30Z, and then the second."""
    rules = brand(zone="Europe/London", quiet_hours=[{"start": "00:15", "end": "01:30"}])

    def sent_at(left: str) -> str:
        return rfc3339(decided_at(with_cart(t(left)), CART, [rules])[-1][1])[11:16]

    assert sent_at("2011-03-26T20:20") == "01:30"
    assert sent_at("2011-10-29T19:20") == "00:30"
    assert sent_at("2011-10-29T20:30") == "00:30"
    assert sent_at("2011-10-29T21:10") == "01:30"


def test_a_channels_own_quiet_hours_replace_the_general_ones() -> None:
    own = {"channel": "email", "start": "12:00", "end": "17:00"}
    found = decided_at(with_cart(), CART, [brand(zone="UTC", quiet_hours=[NIGHT, own])])
    assert found == [
        ("cart k1/1 held quiet_hours", NOON + 4 * HOUR),
        ("cart k1/1 sent due", NOON + 5 * HOUR),
    ]


def test_held_until_after_its_validity_it_expires() -> None:
    short = campaign("cart_abandoned", "cart", valid_for="1h")
    found = decided(with_cart(NOON + 6 * HOUR), short, [brand(zone="UTC", quiet_hours=[NIGHT])])
    assert found == ["cart k1/1 held quiet_hours", "cart k1/1 suppressed expired"]


def test_what_is_due_within_the_hold_window_competes() -> None:
    """The cart is due at 16:00, the review at 16:30; the slot is released at 16:30, when both are in it."""
    history = with_cart()
    history.order(NOON - DAY, "b")
    history.of_order("delivered", NOON + 30 * MINUTE)
    review = campaign("review_request", "review", after="4h", purpose="review", priority=60)
    hold = brand(hold_window="30m")
    assert decided_at(history, [CART, review], [hold]) == [
        ("review o1/1 sent due", NOON + 270 * MINUTE),
        ("cart k1/1 suppressed outranked", NOON + 270 * MINUTE),
    ]
    assert decided(history, [CART, review], [brand(hold_window="29m")]) == [
        "cart k1/1 sent due",
        "review o1/1 sent due",
    ]


def test_at_equal_priority_the_earlier_due_goes_first_then_the_campaign_id() -> None:
    history = with_cart()
    history.cart(NOON + MINUTE, "b", "k0")
    assert decided(history, CART, [brand(hold_window="1h")]) == ["cart k1/1 sent due", "cart k0/1 suppressed outranked"]
    twins = [campaign("cart_abandoned", name) for name in ("b", "a")]
    assert decided(with_cart(), twins) == ["a k1/1 sent due", "b k1/1 suppressed outranked"]


def test_brands_and_channels_have_slots_of_their_own() -> None:
    history = with_cart(reach=("email", "push"))
    push = campaign("cart_abandoned", "push", channels=["push"])
    assert decided(history, [CART, push]) == ["cart k1/1 sent due", "push k1/1 sent due"]


@pytest.mark.parametrize(("gap", "outcome"), [(DAY - 1, "suppressed frequency_cap"), (DAY, "sent due")])
def test_a_cap_is_exact_at_the_edge_of_its_window(gap: int, outcome: str) -> None:
    """One message a day: a send exactly a day ago does not count any more."""
    history = with_cart()
    history.cart(NOON + gap, "b", "k2")
    found = decided(history, CART, [brand(caps=[{"max": 1, "per": "1d"}])])
    assert found == ["cart k1/1 sent due", f"cart k2/1 {outcome}"]


def test_a_cap_on_one_channel_and_on_all() -> None:
    history = with_cart(reach=("email", "push"))
    push = campaign("cart_abandoned", "push", after="5h", channels=["push"])
    assert decided(history, [CART, push], [brand(caps=[{"channel": "email", "max": 1, "per": "1d"}])]) == [
        "cart k1/1 sent due",
        "push k1/1 sent due",
    ]
    assert decided(history, [CART, push], [brand(caps=[{"channel": "*", "max": 1, "per": "1d"}])]) == [
        "cart k1/1 sent due",
        "push k1/1 suppressed frequency_cap",
    ]


def test_exempt_messages_pass_the_cap_and_count() -> None:
    history = with_cart()
    history.cart(NOON + HOUR, "b", "k2")
    free = campaign("cart_abandoned", "free", exempt_from_caps=True, after="4h", priority=60)
    found = decided(history, [CART, free], [brand(caps=[{"max": 1, "per": "1d"}])])
    assert found == [
        "free k1/1 sent due",
        "cart k1/1 suppressed outranked",
        "free k2/1 sent due",
        "cart k2/1 suppressed outranked",
    ]
    capped_first = campaign("cart_abandoned", "free", exempt_from_caps=True, priority=40)
    found = decided(history, [CART, capped_first], [brand(caps=[{"max": 0, "per": "1d"}])])
    assert found[:2] == ["cart k1/1 suppressed frequency_cap", "free k1/1 sent due"]


def test_the_run_ends_before_until() -> None:
    due = NOON + 4 * HOUR
    assert decided(with_cart(), CART, until=due) == []
    assert decided(with_cart(), CART, until=due + 1) == ["cart k1/1 sent due"]


def test_a_waiting_review_whose_order_is_delivered_further_goes_back_to_waiting() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.order(NOON, {"a": 1, "b": 1})
    history.of_order("delivered", NOON, lines=[{"line_id": "l1", "quantity": 1}])
    history.of_order("delivered", NOON + DAY + HOUR, lines=[{"line_id": "l2", "quantity": 1}])
    review = campaign("review_request", "review", after="1d", purpose="review")
    found = decided_at(history, review, [brand(hold_window="2h")])
    assert found == [("review o1/1 sent due", NOON + 2 * DAY + 3 * HOUR)]
