"""The ground truth says what the files say: each fact is looked up in the events."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from schemas.base import to_ms
from streams.simulate.tills import NIGHTLY_STORES
from tests.simulate.kit import Written

DAY_MS = 86_400_000


def _receipts(retailer: Written) -> dict[str, Any]:
    return {event.receipt_id: event for event in retailer.of_type("pos-transactions", "pos.receipt")}


def _purchases(retailer: Written) -> dict[str, list[tuple[int, set[str]]]]:
    """Customer -> times and products of all orders and of receipts with his card."""
    owners = {fact["loyalty_card_id"]: fact["customer_id"] for fact in retailer.truth["loyalty_card"]}
    found: dict[str, list[tuple[int, set[str]]]] = defaultdict(list)
    for event in retailer.of_type("orders", "order.placed"):
        if event.customer_id:
            found[event.customer_id].append((to_ms(event.occurred_at), {line.product_id for line in event.lines}))
    for event in _receipts(retailer).values():
        if event.loyalty_card_id in owners:
            products = {line.product_id for line in event.lines if line.kind == "sale"}
            found[owners[event.loyalty_card_id]].append((to_ms(event.occurred_at), products))
    return found


def test_every_outcome_of_an_abandoned_cart_occurs(retailer: Written) -> None:
    outcomes = Counter(fact["outcome"] for fact in retailer.truth["abandoned_cart"])
    assert set(outcomes) == {"never_bought", "bought_in_store", "bought_online", "bought_by_phone"}


def test_an_abandoned_cart_is_in_the_files_and_no_order_names_it(retailer: Written) -> None:
    carts: dict[str, list[Any]] = defaultdict(list)
    for event in retailer.of_type("web-sessions", "cart.updated"):
        carts[event.cart_id].append(event)
    ordered = {event.cart_id for event in retailer.of_type("orders", "order.placed")} - {None}
    assert ordered
    for fact in retailer.truth["abandoned_cart"]:
        last = max(carts[fact["cart_id"]], key=lambda event: event.occurred_at)
        assert fact["cart_id"] not in ordered
        assert to_ms(last.occurred_at) == fact["last_update_at"]
        assert [line.product_id for line in last.lines] == fact["products"]
        assert last.anonymous_id == fact["anonymous_id"]


def test_carts_of_orders_hold_what_was_ordered(retailer: Written) -> None:
    last = {event.cart_id: event for event in sorted(_cart_events(retailer), key=lambda event: event.occurred_at)}
    for order in retailer.of_type("orders", "order.placed"):
        if order.cart_id:
            cart = last[order.cart_id]
            assert cart.occurred_at <= order.occurred_at
            assert [line.product_id for line in cart.lines] == [line.product_id for line in order.lines]


def _cart_events(retailer: Written) -> list[Any]:
    return retailer.of_type("web-sessions", "cart.updated")


def test_carts_that_nobody_bought_are_bought_nowhere(retailer: Written) -> None:
    purchases = _purchases(retailer)
    for fact in retailer.truth["abandoned_cart"]:
        if fact["outcome"] == "never_bought":
            for at, products in purchases[fact["customer_id"]]:
                assert at < fact["last_update_at"] - DAY_MS or not products & set(fact["products"])


def test_carts_bought_in_a_store_have_their_receipt(retailer: Written) -> None:
    receipts = _receipts(retailer)
    facts = [fact for fact in retailer.truth["abandoned_cart"] if fact["outcome"] == "bought_in_store"]
    for fact in facts:
        receipt = receipts[fact["receipt_id"]]
        assert receipt.loyalty_card_id == fact["loyalty_card_id"]
        assert [line.product_id for line in receipt.lines] == fact["bought"]
        assert set(fact["bought"]) <= set(fact["products"])
        assert 0 < fact["receipt_at"] - fact["last_update_at"] < 2 * DAY_MS
    waits = [fact["receipt_arrived_at"] - fact["receipt_at"] for fact in facts]
    assert any(wait < DAY_MS for wait in waits)
    assert any(DAY_MS < wait < 2 * DAY_MS for wait in waits)
    assert any(wait > 2 * DAY_MS for wait in waits)


def test_carts_bought_otherwise_have_an_order_without_the_cart(retailer: Written) -> None:
    orders = {event.order_id: event for event in retailer.of_type("orders", "order.placed")}
    for fact in retailer.truth["abandoned_cart"]:
        if fact["order_id"] is not None:
            order = orders[fact["order_id"]]
            assert (order.channel == "phone") == (fact["outcome"] == "bought_by_phone")
            assert to_ms(order.occurred_at) > fact["last_update_at"]
            assert set(fact["products"]) <= {line.product_id for line in order.lines}


def test_a_cookie_is_known_from_its_first_login_or_order(retailer: Written) -> None:
    known: dict[str, int] = {}
    links = [*retailer.of_type("web-sessions", "customer.identified"), *retailer.of_type("orders", "order.placed")]
    for event in links:
        if event.anonymous_id:
            at = to_ms(event.occurred_at)
            known[event.anonymous_id] = min(at, known.get(event.anonymous_id, at))
    facts = retailer.truth["abandoned_cart"]
    assert all(fact["cookie_known_at"] == known.get(fact["anonymous_id"]) for fact in facts)
    assert any(fact["cookie_known_at"] is None for fact in facts)
    assert any((fact["cookie_known_at"] or 0) > fact["last_update_at"] for fact in facts)


def test_cards_become_known_when_the_truth_says_or_never(retailer: Written) -> None:
    linked: dict[str, int] = {}
    for kind in ("customer.registered", "customer.updated"):
        for event in retailer.of_type("customers", kind):
            for card in event.loyalty_cards:
                linked[card] = min(to_ms(event.occurred_at), linked.get(card, to_ms(event.occurred_at)))
    end = max(to_ms(event.occurred_at) for event in retailer.events["customers"])
    for fact in retailer.truth["loyalty_card"]:
        if fact["at"] is None or fact["at"] <= end:
            assert linked.get(fact["loyalty_card_id"]) == fact["at"]
    assert {fact["at"] is None for fact in retailer.truth["loyalty_card"]} == {True, False}


def test_returns_are_as_the_truth_says(retailer: Written) -> None:
    orders = {event.order_id: event for event in retailer.of_type("orders", "order.placed")}
    refunds = {event.return_id: event for event in retailer.of_type("returns", "refund.issued")}
    requests = {event.return_id: event for event in retailer.of_type("returns", "return.requested")}
    assert {"full", "partial"} <= {fact["scope"] for fact in retailer.truth["return"]}
    for fact in retailer.truth["return"]:
        order, request = orders[fact["order_id"]], requests[fact["return_id"]]
        ordered = {line.line_id: line for line in order.lines}
        assert to_ms(request.occurred_at) == fact["requested_at"] > to_ms(order.occurred_at)
        assert (fact["requested_at"] < fact["delivered_at"]) == (fact["when"] == "before_delivery")
        assert (fact["return_id"] in refunds) == (fact["scope"] != "rejected")
        assert all(ordered[line.line_id].product_id == line.product_id for line in request.lines)
        assert (len(request.lines) == len(ordered)) == (fact["scope"] != "partial")


def test_regulars_shop_every_week_and_only_at_the_till(retailer: Written) -> None:
    orders: dict[str, list[int]] = defaultdict(list)
    for event in retailer.of_type("orders", "order.placed"):
        orders[event.customer_id].append(to_ms(event.occurred_at))
    receipts: dict[str, list[int]] = defaultdict(list)
    for event in _receipts(retailer).values():
        receipts[event.loyalty_card_id].append(to_ms(event.occurred_at))
    assert retailer.truth["till_regular"]
    for fact in retailer.truth["till_regular"]:
        later = [at for at in receipts[fact["loyalty_card_id"]] if at > fact["last_order_at"] + 4 * DAY_MS]
        assert len(later) >= fact["receipts"]
        assert not [at for at in orders[fact["customer_id"]] if at > fact["last_order_at"] + DAY_MS]


def test_a_shared_tablet_is_two_customers(retailer: Written) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for event in retailer.of_type("web-sessions", "customer.identified"):
        seen[event.anonymous_id].add(event.customer_id)
    assert all(seen[fact["anonymous_id"]] == set(fact["customers"]) for fact in retailer.truth["shared_tablet"])
    assert retailer.truth["shared_tablet"]


def test_files_of_nightly_stores_come_at_night_and_some_twice(retailer: Written) -> None:
    nightly = [event for event in retailer.events["pos-transactions"] if event.store_id in NIGHTLY_STORES]
    assert {event.arrived_at.hour for event in nightly if (event.arrived_at - event.occurred_at).days < 1} == {1}
    again = [fact for fact in retailer.truth["duplicate"] if fact["source"] == "pos-transactions"]
    assert again


def test_everything_that_the_pipeline_must_meet_occurs(retailer: Written) -> None:
    kinds = Counter(event.type for events in retailer.events.values() for event in events)
    for kind in ("order.changed", "order.cancelled", "return.rejected", "customer.updated", "checkout.started"):
        assert kinds[kind], kind
    statuses = Counter(event.status for event in retailer.events["pos-transactions"])
    assert set(statuses) == {"completed", "voided", "training"}
    feedback = Counter(event.status for event in retailer.events["channel-feedback"])
    assert {"delivered", "opened", "clicked", "bounced", "unsubscribed"} <= set(feedback)
    unknown = [event for event in retailer.events["returns"] if (event.order_id or "").startswith("unknown-")]
    assert unknown
    assert any(event.lines for event in retailer.of_type("orders", "order.delivered"))
    assert retailer.summary["imperfections"]["late"]
