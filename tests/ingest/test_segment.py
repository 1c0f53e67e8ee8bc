"""Segment's messages to events that intake takes."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.base import identifier_hash
from streams.ingest.common import Refused
from streams.ingest.segment import Segment
from tests.ingest.kit import KEY, Taken, frames
from tests.ingest.segment_payloads import VISITOR, message, order, product, track

PLAIN = [product("G-32", 19, 1), product("U-1", 3.0, 2)]


@pytest.fixture
def shop() -> Taken:
    return Taken(Segment(frames()))


def one(shop: Taken, body: dict[str, Any]) -> dict[str, Any]:
    result = shop.result("track", body)
    assert result.unknown == []
    (event,) = result.events
    return event.record


def test_a_product_is_viewed_in_the_visitors_day(shop: Taken) -> None:
    event = one(shop, track("Product Viewed", 1, product("G-32", 18.99, currency="usd", value=18.99)))
    assert event == {
        "type": "product.viewed",
        "event_id": "ajs-1",
        "occurred_at": "2026-02-01T10:01:00.000Z",
        "brand": "shop",
        "market": "GB",
        "anonymous_id": VISITOR,
        "session_id": f"{VISITOR}-2026-02-01",
        "product_id": "G-32",
        "category": "Games",
    }
    assert one(shop, track("Viewed Product", 2, product("G-32", 1)))["type"] == "product.viewed"


def test_carts_are_told_one_product_at_a_time_and_come_whole(shop: Taken) -> None:
    def lines(name: str, number: int, properties: dict[str, Any]) -> list[tuple[str, int, str]]:
        event = one(shop, track(name, number, {"cart_id": "cart-7", **properties}))
        assert (event["type"], event["cart_id"]) == ("cart.updated", "cart-7")
        return [(line["product_id"], line["quantity"], line["unit_price"]) for line in event["lines"]]

    assert lines("Product Added", 1, product("a", 2.5)) == [("a", 1, "2.50")]
    assert lines("Product Added", 2, product("b", 4, 2)) == [("a", 1, "2.50"), ("b", 2, "4.00")]
    assert lines("Product Added", 3, product("a", 2.4)) == [("a", 2, "2.40"), ("b", 2, "4.00")]
    assert lines("Product Removed", 4, product("b", 4, 2)) == [("a", 2, "2.40")]
    assert lines("Cart Viewed", 5, {"products": [product("c", 1)]}) == [("c", 1, "1.00")]
    assert lines("Product Removed", 6, product("c", 1)) == []


def test_a_repeated_message_adds_nothing_to_a_cart(shop: Taken) -> None:
    added = track("Product Added", 1, {"cart_id": "cart-7", **product("a", 2.5)})
    first = shop.vendor.map(_delivery(added), shop.memory)
    again = shop.vendor.map(_delivery(added), shop.memory)
    assert first.events == again.events, "as long as Kafka has not taken it, it is mapped as before"
    shop.memory.remember(first.remember, 0)
    assert shop.result("track", added).left_out == "a repeated message about a cart"


def test_a_checkout_with_products_tells_the_cart_too(shop: Taken) -> None:
    result = shop.result("track", track("Checkout Started", 1, order(PLAIN)))
    assert [event.record["type"] for event in result.events] == ["cart.updated", "checkout.started"]
    assert {event.record["cart_id"] for event in result.events} == {f"cart-{VISITOR}"}


def test_an_order_with_its_discount_shared_out(shop: Taken) -> None:
    event = one(shop, track("Order Completed", 5, order(PLAIN), userId="u:1"))
    assert (event["type"], event["customer_id"], event["anonymous_id"]) == ("order.placed", "u-1", VISITOR)
    assert (event["currency"], event["total"], event["coupons"]) == ("GBP", "27.50", ["hasbros"])
    assert event["cart_id"] == f"cart-{VISITOR}"
    assert [(line["line_id"], line["discount"]) for line in event["lines"]] == [("1", "1.90"), ("2", "0.60")]
    assert "session_id" not in event


def test_updates_out_of_order_and_cancellations(shop: Taken) -> None:
    assert one(shop, track("Order Updated", 8, order(PLAIN)))["type"] == "order.changed"
    assert shop.result("track", track("Order Updated", 7, order(PLAIN))).left_out
    assert one(shop, track("Order Cancelled", 9, order(PLAIN)))["type"] == "order.cancelled"


@pytest.mark.parametrize(
    ("products", "expected"), [([product("U-1", 3, 1)], [("U-1", 1)]), (None, [("G-32", 1), ("U-1", 2)])]
)
def test_refunds_in_part_and_in_full(shop: Taken, products: list | None, expected: list) -> None:
    one(shop, track("Order Completed", 5, order(PLAIN), userId="u1"))
    properties = {"order_id": order([])["order_id"], "total": 30, "currency": "GBP"}
    properties |= {} if products is None else {"products": products}
    event = one(shop, track("Order Refunded", 6, properties, userId="u1"))
    assert (event["type"], event["return_id"], event["customer_id"]) == ("refund.issued", "segment-ajs-6", "u1")
    assert [(line["product_id"], line["quantity"]) for line in event["lines"]] == expected


def test_a_full_refund_of_an_order_that_nobody_saw_is_refused(shop: Taken) -> None:
    with pytest.raises(Refused, match="lists no products"):
        shop.result("track", track("Order Refunded", 6, {"order_id": "o9"}))


def test_pages_searches_and_wishes(shop: Taken) -> None:
    assert one(shop, message("page", 1, name="Home", properties={"path": "/", "title": "x"}))["page"] == "/"
    assert one(shop, message("screen", 2, name="Basket", properties={}, context={}))["page"] == "Basket"
    assert one(shop, track("Products Searched", 3, {"query": "mug"}))["query"] == "mug"
    wished = product("a", 1, wishlist_id="w", wishlist_name="n")
    assert one(shop, track("Product Added to Wishlist", 4, wished))["listed"] is True
    assert one(shop, track("Product Removed from Wishlist", 5, wished))["listed"] is False


def test_identify_links_the_visitor_and_with_an_address_tells_the_profile(shop: Taken) -> None:
    traits = {
        "email": "A@example.com",
        "birthday": "1990-02-28T00:00:00.000Z",
        "createdAt": "2026-01-01T00:00:00Z",
        "phone": "+44 20 0000",
        "firstName": "Test",
        "address": {"city": "X", "country": "FR", "postalCode": "0", "state": "", "street": ""},
    }
    result = shop.result("identify", message("identify", 1, userId="u1", traits=traits))
    assert result.unknown == []
    linked, profile = (event.record for event in result.events)
    assert (linked["type"], linked["customer_id"], linked["anonymous_id"]) == ("customer.identified", "u1", VISITOR)
    assert (profile["type"], profile["country"], profile["birth_date"]) == ("customer.updated", "FR", "1990-02-28")
    assert profile["contact_points"][0]["hash"] == identifier_hash("a@example.com", KEY)
    assert "consents" not in profile
    passing = shop.result("identify", message("identify", 2, userId="u1", traits={"plan": "gold"}))
    assert [event.record["type"] for event in passing.events] == ["customer.identified"]
    other = Taken(Segment(frames(crm=False))).result("identify", message("identify", 3, userId="u1", traits=traits))
    assert other.events == []


def test_delete_is_an_erasure(shop: Taken) -> None:
    event = one(shop, {"type": "delete", "userId": "u1", "timestamp": "2026-02-01T10:00:00Z"})
    assert (event["type"], event["customer_id"]) == ("customer.erased", "u1")


def test_what_is_not_mapped_is_left_out_and_what_is_new_is_told(shop: Taken) -> None:
    assert "Promotion Viewed" in str(shop.result("track", track("Promotion Viewed", 1, {})).left_out)
    assert "alias" in str(shop.result("alias", message("alias", 2)).left_out)
    result = shop.result("track", track("Order Completed", 5, order([product("a", 1, glow=1)], gift=True)))
    assert sorted(result.unknown) == ["properties.gift", "properties.products[].glow"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (track("Product Viewed", 1, {}), "names no product"),
        (track("Product Added", 1, product("a", 1, 0)), "quantity"),
        (track("Order Completed", 1, order([])), "properties.products"),
        (message("track", 1, anonymousId=None), "names nobody"),
        ({"type": "track"}, "timestamp"),
    ],
)
def test_what_cannot_be_mapped_is_refused(shop: Taken, body: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        shop.result("track", body)


def _delivery(body: dict[str, Any]) -> Any:
    from streams.ingest.common import Delivery

    return Delivery("track", body)
