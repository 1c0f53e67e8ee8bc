"""The oracle on time, order, de-duplication and identity: hand-computed examples."""

from __future__ import annotations

from schemas.base import rfc3339
from tests.oracle import oracle_details
from tests.oracle.builders import DAY, HASH, HOUR, LATENESS, MINUTE, History, brand, campaign, t
from tests.oracle.helpers import decided, decided_at
from tests.oracle.history import stamped

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart")


def known() -> History:
    history = History()
    history.profile(NOON - DAY)
    return history


def test_an_event_counts_from_when_its_source_was_complete() -> None:
    """Lateness one hour: the record of 13:00 completes the source until 12:00, so 11:30 counts from 12:00."""
    history = History()
    history.cart(NOON + HOUR, "a")
    history.cart(NOON - 30 * MINUTE, "b")["arrived_at"] = rfc3339(NOON + HOUR)
    events = stamped(history.sources, LATENESS | {"web-sessions": HOUR})
    assert [(event.at - NOON, event.eff - NOON) for event in events] == [(-30 * MINUTE, 0), (HOUR, HOUR)]


def test_an_event_more_than_a_day_ahead_is_quarantined_but_completes_its_source() -> None:
    history = History()
    history.cart(NOON + 2 * DAY, "a")["arrived_at"] = rfc3339(NOON + DAY - 1)
    history.cart(NOON + 2 * DAY, "a")["arrived_at"] = rfc3339(NOON + DAY)
    history.cart(NOON, "a")["arrived_at"] = rfc3339(NOON + DAY)
    events = stamped(history.sources, LATENESS)
    assert [event.eff for event in events] == [NOON + DAY, NOON + 2 * DAY]


def test_at_equal_times_what_others_build_on_goes_first() -> None:
    history = History()
    history.feedback(NOON, "opened")
    history.cart(NOON, "a")
    history.order(NOON, "a")
    history.profile(NOON)
    types = [event.type for event in stamped(history.sources, LATENESS)]
    assert types == ["customer.updated", "order.placed", "cart.updated", "feedback"]


def test_one_order_or_receipt_told_twice_is_one() -> None:
    history = known()
    history.cart(NOON, {"a": 2})
    history.order(NOON + HOUR, "a")
    history.order(NOON + HOUR, "a")
    assert decided(history, CART) == ["cart k1/1 sent due"]
    history.order(NOON + HOUR, "a", "o2")
    assert decided(history, CART) == ["cart k1/1 suppressed bought_online"]
    till = known()
    till.cart(NOON, {"a": 2})
    till.receipt(NOON + HOUR, "a", 7)
    till.receipt(NOON + HOUR, "a", 7)
    assert decided(till, CART) == ["cart k1/1 sent due"]


def test_a_login_brings_the_anonymous_cart_to_the_customer() -> None:
    history = known()
    history.cart(NOON, "a", anonymous_id="v1")
    history.identified(NOON + HOUR, anonymous_id="v1")
    assert decided_at(history, CART) == [("cart k1/1 sent due", NOON + 4 * HOUR)]


def test_a_login_after_the_due_time_finds_the_decision_made() -> None:
    history = known()
    history.cart(NOON, "a", anonymous_id="v1")
    history.identified(NOON + 5 * HOUR, anonymous_id="v1")
    assert decided(history, CART) == ["cart k1/1 suppressed no_consent"]


def test_a_link_counts_before_other_events_of_the_same_time() -> None:
    history = known()
    history.cart(NOON, "a", anonymous_id="v1")
    history.identified(NOON, anonymous_id="v1")
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_a_purchase_with_a_card_becomes_the_customers_when_the_crm_names_the_card() -> None:
    history = known()
    history.cart(NOON, "a")
    history.receipt(NOON + HOUR, "a", loyalty_card_id="9")
    assert decided(history, CART) == ["cart k1/1 sent due"]
    history.profile(NOON + 2 * HOUR, loyalty_cards=["9"])
    assert decided(history, CART) == ["cart k1/1 suppressed bought_in_store"]


def test_an_email_hash_is_stronger_than_a_cookie() -> None:
    history = known()
    history.identified(NOON, anonymous_id="v1")
    history.cart(NOON + 1, "a", anonymous_id="v1", email_hash=HASH)
    assert decided(history, CART) == ["cart k1/1 suppressed no_consent"]
    history.profile(NOON + 1, contact_points=[{"channel": "email", "reachable": True, "hash": HASH}])
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_a_shared_device_follows_the_latest_login_and_merges_nobody() -> None:
    history = known()
    history.profile(NOON - DAY, "c2", reach=())
    history.identified(NOON - HOUR, "c1", device_id="d1")
    history.cart(NOON, "a", device_id="d1")
    history.identified(NOON + 1, "c2", device_id="d1")
    history.cart(NOON + 2, "a", "k2", device_id="d1")
    assert decided(history, CART) == ["cart k1/1 sent due", "cart k2/1 suppressed no_consent"]


def test_a_crm_merge_adds_up_decisions_and_caps() -> None:
    history = known()
    history.profile(NOON - DAY, "c2")
    history.cart(NOON, "a", "k1", customer_id="c2")
    history.merged(NOON + 5 * HOUR, "c2")
    history.cart(NOON + 5 * HOUR, "a", "k2", customer_id="c2")
    caps = brand(caps=[{"max": 1, "per": "1d"}])
    assert decided(history, CART, [caps]) == ["cart k1/1 sent due", "cart k2/1 suppressed frequency_cap"]


def test_events_without_any_identifier_belong_to_nobody() -> None:
    history = known()
    history.cart(NOON, "a")
    history.receipt(NOON + HOUR, "a", customer_id=None)
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_voided_and_training_receipts_never_happened() -> None:
    history = known()
    history.cart(NOON, "a")
    history.receipt(NOON + HOUR, "a", 1, status="voided")
    history.receipt(NOON + HOUR, "a", 2, status="training")
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_a_merge_arms_what_the_histories_give_together() -> None:
    """Purchases with an unknown card become c1's first purchase when the card is his."""
    history = known()
    history.product(NOON - DAY, "tablet", ["cover"])
    history.product(NOON - DAY, "cover")
    history.receipt(NOON, "tablet", loyalty_card_id="9")
    history.profile(NOON + HOUR, loyalty_cards=["9"])
    second = campaign("second_purchase", "second", after="7d")
    assert decided_at(history, second) == [("second s1/w1/2011-03-01/1/1 sent due", NOON + 7 * DAY)]


def test_an_old_link_that_becomes_known_late_does_not_move_the_identifier_back() -> None:
    history = known()
    history.profile(NOON - DAY, "c2", reach=())
    history.identified(NOON - 2 * HOUR, "c1", device_id="d1")["arrived_at"] = rfc3339(NOON)
    history.identified(NOON - HOUR, "c2", device_id="d1")
    history.cart(NOON + 1, "a", device_id="d1")
    assert decided(history, CART) == ["cart k1/1 suppressed no_consent"]


def test_a_link_to_a_merged_customer_is_one_to_the_survivor() -> None:
    history = known()
    history.merged(NOON - HOUR, "c2")
    history.cart(NOON, "a", anonymous_id="v1")
    history.identified(NOON + HOUR, "c2", anonymous_id="v1")
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_of_two_consents_and_reaches_the_more_restrictive_counts() -> None:
    stopped = known()
    stopped.feedback(NOON - 2 * DAY, "unsubscribed", anonymous_id="v1")
    stopped.identified(NOON, anonymous_id="v1")
    stopped.cart(NOON, "a")
    assert decided(stopped, CART) == ["cart k1/1 suppressed consent_withdrawn"]
    bounced = known()
    bounced.feedback(NOON - 2 * DAY, "bounced", anonymous_id="v1")
    bounced.identified(NOON, anonymous_id="v1")
    bounced.cart(NOON, "a")
    assert decided(bounced, CART) == ["cart k1/1 suppressed unreachable"]


def test_the_survivors_profile_stays_and_what_he_lacks_is_filled() -> None:
    birthday = campaign("birthday", after=0)
    history = known()
    history.profile(NOON - DAY, "c2", birth_date="1980-04-01", registered_at=rfc3339(NOON - DAY))
    history.merged(NOON, "c2")
    assert decided(history, birthday, [brand(zone="UTC")], until=NOON + 60 * DAY) == []
    empty = History()
    empty.profile(NOON - DAY, "c2", birth_date="1980-04-01", registered_at=rfc3339(NOON - DAY))
    empty.merged(NOON, "c2")
    found = decided(empty, birthday, [brand(zone="UTC")], until=NOON + 60 * DAY)
    assert found == ["birthday c1/2011-04-01/1 sent due"]


def test_what_was_decided_under_the_merged_id_is_decided() -> None:
    history = known()
    history.profile(NOON - DAY, "c2", registered_at=rfc3339(NOON - DAY))
    history.merged(NOON, "c2")
    assert decided(history, campaign("welcome", after="1h")) == ["welcome c2/2011-02-28/1 sent due"]
    history.merged(NOON - 2 * DAY, "c3", "c2")
    assert decided(history, campaign("welcome", after="2d")) == ["welcome c1/2011-02-28/1 sent due"]


def test_two_carts_with_one_id_become_one() -> None:
    """The visitor's cart holds a since 12:00, the customer's of the same id b from 13:00: b since 12:00."""
    history = known()
    history.cart(NOON, "a", anonymous_id="v1")
    history.receipt(NOON + 30 * MINUTE, "b")
    history.cart(NOON + HOUR, "b")
    history.identified(NOON + 2 * HOUR, anonymous_id="v1")
    assert decided_at(history, CART) == [("cart k1/1 suppressed bought_in_store", NOON + 5 * HOUR)]


def test_an_order_of_the_customer_ends_the_cart_of_the_visitor_who_he_was() -> None:
    history = known()
    history.cart(NOON, "a", anonymous_id="v1")
    history.order(NOON + HOUR, "b", cart_id="k1")
    history.identified(NOON + 2 * HOUR, anonymous_id="v1")
    assert decided(history, CART) == []


def test_records_of_brands_that_nobody_published_are_quarantined() -> None:
    history = known()
    history.cart(NOON, "a", anonymous_id="v1")
    history.identified(NOON, anonymous_id="v1", brand="elsewhere")
    assert decided(history, CART) == ["cart k1/1 suppressed no_consent"]


def test_an_identifier_that_was_unlinked_is_somebody_elses_and_the_past_stays() -> None:
    """The cart of 11:00 is told late; it was c1's. The cart of 13:00 is an unknown visitor's until c2 logs in."""
    history = known()
    history.profile(NOON - DAY, "c2")
    history.identified(NOON - 2 * HOUR, anonymous_id="v1")
    history.unlinked(NOON, "anonymous_id", "v1")
    history.cart(NOON - HOUR, "a", "k1", anonymous_id="v1")["arrived_at"] = rfc3339(NOON + HOUR)
    history.cart(NOON + HOUR, "a", "k2", anonymous_id="v1")
    history.identified(NOON + 2 * HOUR, "c2", anonymous_id="v1")
    history.cart(NOON + 3 * HOUR, "a", "k3", anonymous_id="v1")
    found = oracle_details(history.sources, [CART], [brand()], LATENESS)
    assert sorted((each.customer, each.key.episode) for each in found) == [("c1", "k1"), ("c2", "k2"), ("c2", "k3")]


def test_only_who_has_an_identifier_loses_it_or_one_who_is_the_same() -> None:
    for named, whose in (("c3", "c1"), ("c2", "anon~1:v1"), ("c1", "anon~1:v1")):
        history = known()
        history.identified(NOON - 2 * HOUR, anonymous_id="v1")
        history.merged(NOON - HOUR, "c2")
        history.unlinked(NOON, "anonymous_id", "v1", named)
        history.cart(NOON + 1, "a", anonymous_id="v1")
        found = oracle_details(history.sources, [CART], [brand()], LATENESS)
        assert [each.customer for each in found] == [whose]


def test_an_erasure_takes_the_visitor_after_an_unlinking_only_if_he_is_one_of_the_erased() -> None:
    for of, left in (("c1", ["k2"]), ("c2", ["k1"])):
        history = known()
        history.cart(NOON - HOUR, "a", "k1", anonymous_id="v1")
        history.identified(NOON - 30 * MINUTE, anonymous_id="v1")
        history.unlinked(NOON, "anonymous_id", "v1")
        history.cart(NOON + MINUTE, "a", "k2", anonymous_id="v1")
        history.identified(NOON + HOUR, "c2", anonymous_id="v1")
        history.erased(NOON + 2 * HOUR, of)
        found = oracle_details(history.sources, [CART], [brand()], LATENESS)
        assert [each.key.episode for each in found] == left


def test_who_has_an_identifier_that_belongs_to_nobody_goes_with_whose_it_was() -> None:
    history = known()
    history.identified(NOON - 2 * HOUR, "c2", anonymous_id="v1")
    history.identified(NOON - HOUR, anonymous_id="v1")
    history.erased(NOON)
    history.cart(NOON + 1, "a", anonymous_id="v1")
    history.erased(NOON + HOUR, "c2")
    assert decided(history, CART) == []
