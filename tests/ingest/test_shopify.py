"""Shopify's webhooks to events that intake takes."""

from __future__ import annotations

import pytest

from schemas.base import identifier_hash
from streams.ingest.common import Refused
from streams.ingest.shopify import Shopify
from tests.ingest import shopify_payloads as payloads
from tests.ingest.kit import KEY, Taken, frames

BUYER = "115310627314723954"
ORDER = "820982911946154508"
EMAIL = identifier_hash("buyer@example.com", KEY)


@pytest.fixture
def shop() -> Taken:
    return Taken(Shopify(frames()))


def test_an_order_is_placed_with_customer_cart_and_lines(shop: Taken) -> None:
    result = shop.result("orders/create", payloads.order())
    assert result.unknown == []
    ((topic, placed),) = result.events
    assert topic == "orders"
    lines = placed.pop("lines")
    assert placed == {
        "type": "order.placed",
        "event_id": f"shopify-order-{ORDER}",
        "occurred_at": "2026-02-01T15:00:00.000Z",
        "brand": "shop",
        "market": "DE",
        "currency": "EUR",
        "customer_id": BUYER,
        "email_hash": EMAIL,
        "order_id": ORDER,
        "cart_id": "c1-token",
        "checkout_id": "checkout-1",
        "channel": "web",
        "payment_method": "visa",
        "total": "35.00",
        "coupons": ["SPRING"],
    }
    assert lines[0] == {
        "line_id": "11",
        "product_id": "MUG-1",
        "quantity": 3,
        "unit_price": "10.00",
        "discount": "5.00",
        "tax": "4.00",
    }
    assert (lines[1]["discount"], lines[1]["tax"]) == ("0", "0")


def test_a_repeated_webhook_has_the_same_ids(shop: Taken) -> None:
    assert shop.events("orders/create", payloads.order()) == shop.events("orders/create", payloads.order())
    later = payloads.order(updated_at="2026-02-03T00:00:00Z")
    assert shop.events("orders/updated", later) == shop.events("orders/updated", later)


def test_a_line_that_was_edited_out_is_gone_and_one_that_was_refunded_stays(shop: Taken) -> None:
    body = payloads.order(updated_at="2026-02-11T00:00:00Z", refunds=[payloads.refund(7, (11, "MUG 1", 1, 8.33))])
    body["line_items"][0]["current_quantity"] = 1  # one edited out, one refunded
    body["line_items"][1]["current_quantity"] = 0
    changed, refunded = shop.events("orders/updated", body)
    assert [(line["line_id"], line["quantity"]) for line in changed["lines"]] == [("11", 2)]
    assert changed["event_id"] != shop.events("orders/create", payloads.order())[0]["event_id"]
    assert (refunded["type"], refunded["return_id"], refunded["customer_id"]) == (
        "refund.issued",
        "shopify-refund-7",
        BUYER,
    )


def test_an_order_without_any_line_left_is_cancelled(shop: Taken) -> None:
    body = payloads.order(updated_at="2026-02-11T00:00:00Z")
    for line in body["line_items"]:
        line["current_quantity"] = 0
    (event,) = shop.events("orders/updated", body)
    assert event["type"] == "order.cancelled"


def test_an_older_update_that_comes_late_is_left_out(shop: Taken) -> None:
    assert shop.events("orders/updated", payloads.order(updated_at="2026-02-05T00:00:00Z"))
    late = shop.result("orders/updated", payloads.order(updated_at="2026-02-04T23:59:59Z"))
    assert (late.events, late.left_out) == ([], "a newer state of it was taken already")
    assert shop.events("orders/updated", payloads.order(updated_at="2026-02-05T00:00:01Z"))


def test_a_cancelled_order(shop: Taken) -> None:
    body = payloads.order(cancelled_at="2026-02-02T10:00:00Z", cancel_reason="customer")
    (event,) = shop.events("orders/cancelled", body)
    assert (event["type"], event["reason"], event["order_id"]) == ("order.cancelled", "customer", ORDER)


def test_parcels_are_shipped_and_delivered_line_by_line(shop: Taken) -> None:
    parcels = [
        payloads.fulfillment(5, (11, 2)),
        payloads.fulfillment(6, (12, 1), shipment_status="delivered"),
        payloads.fulfillment(8, (11, 1), status="cancelled"),
    ]
    events = shop.events("orders/fulfilled", payloads.order(fulfillments=parcels))
    assert [(event["type"], event["lines"]) for event in events] == [
        ("order.shipped", [{"line_id": "11", "quantity": 2}]),
        ("order.shipped", [{"line_id": "12", "quantity": 1}]),
        ("order.delivered", [{"line_id": "12", "quantity": 1}]),
    ]
    assert events[2]["occurred_at"] == "2026-02-04T13:00:00.000Z"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(11, "MUG 1", 1, 8.333)], [("MUG-1", "11", 1, "8.33")]),
        ([(11, "MUG 1", 3, 25.0), (12, "CUP", 1, 10.0)], [("MUG-1", "11", 3, "25.00"), ("CUP", "12", 1, "10.00")]),
    ],
    ids=["in part", "in full"],
)
def test_a_refund_goes_to_the_customer_of_its_order(shop: Taken, lines: list, expected: list) -> None:
    shop.events("orders/create", payloads.order())
    result = shop.result("refunds/create", payloads.refund(7, *lines))
    assert result.unknown == []
    ((topic, event),) = result.events
    assert (topic, event["type"], event["return_id"], event["order_id"]) == (
        "returns",
        "refund.issued",
        "shopify-refund-7",
        ORDER,
    )
    assert (event["customer_id"], event["email_hash"], event["market"], event["currency"]) == (
        BUYER,
        EMAIL,
        "DE",
        "EUR",
    )
    told = [(line["product_id"], line["line_id"], line["quantity"], line["refund"]) for line in event["lines"]]
    assert told == expected
    again = shop.events("orders/updated", payloads.order(refunds=[payloads.refund(7, *lines)]))
    assert [each["event_id"] for each in again if each["type"] == "refund.issued"] == [event["event_id"]]


def test_a_refund_of_an_order_that_nobody_saw_is_refused(shop: Taken) -> None:
    with pytest.raises(Refused, match="subscribe to orders/updated"):
        shop.result("refunds/create", payloads.refund(7, (11, "MUG 1", 1, 8.0)))


def test_a_refund_of_shipping_only_returns_nothing(shop: Taken) -> None:
    shop.events("orders/create", payloads.order())
    assert shop.result("refunds/create", payloads.refund(7)).left_out == "a refund of money without goods"


def test_an_order_of_the_point_of_sale_is_a_receipt_and_its_refund_names_it(shop: Taken) -> None:
    body = payloads.order(source_name="pos", location_id=655441491)
    ((topic, receipt),) = shop.result("orders/create", body).events
    assert topic == "pos-transactions"
    assert (receipt["store_id"], receipt["business_date"], receipt["sequence_number"]) == (
        "655441491",
        "2026-02-01",
        1234,
    )
    (event,) = shop.events("refunds/create", payloads.refund(7, (11, "MUG 1", 1, 8.0)))
    assert event["order_id"] == "655441491/shopify/2026-02-01/1234"
    assert "line_id" not in event["lines"][0]
    assert shop.result("orders/updated", body).left_out == "nothing new of a till receipt"


def test_a_checkout_is_a_cart_and_a_checkout(shop: Taken) -> None:
    result = shop.result("checkouts/update", payloads.checkout())
    assert result.unknown == []
    cart, started = (event.record for event in result.events)
    assert (cart["type"], cart["cart_id"]) == ("cart.updated", "eeafa272cebfd4b22385bc4b645e762c")
    assert cart["lines"] == [{"product_id": "MUG-1", "quantity": 2, "unit_price": "20.00"}]
    assert cart["email_hash"] == EMAIL
    assert (started["type"], started["checkout_id"]) == ("checkout.started", "123123123")
    assert started["occurred_at"] < cart["occurred_at"]
    done = shop.result("checkouts/update", payloads.checkout(completed_at="2026-02-01T10:00:00Z"))
    assert done.left_out == "a completed checkout: its order says it"


def test_a_customer_with_consents(shop: Taken) -> None:
    result = shop.result("customers/create", payloads.customer())
    assert result.unknown == []
    ((topic, profile),) = result.events
    assert (topic, profile["type"], profile["market"]) == ("customers", "customer.registered", "DE")
    assert (profile["country"], profile["region"], profile["email_domain"]) == ("DE", "DE-BY", "example.com")
    assert profile["consents"] == [
        {
            "channel": "email",
            "status": "granted",
            "at": "2026-01-02T15:00:00.000Z",
            "source": "shopify",
            "confirmed_at": "2026-01-02T15:00:00.000Z",
        },
        {"channel": "sms", "status": "withdrawn", "at": "2026-01-03T15:00:00.000Z", "source": "shopify"},
    ]
    assert [(point["channel"], point["reachable"]) for point in profile["contact_points"]] == [
        ("email", True),
        ("sms", True),
    ]
    assert profile["contact_points"][0]["hash"] == identifier_hash("biller@example.com", KEY)


def test_pending_is_no_consent(shop: Taken) -> None:
    waiting = {"state": "pending", "opt_in_level": "single_opt_in", "consent_updated_at": "2026-01-02T10:00:00Z"}
    (profile,) = shop.events("customers/update", payloads.customer(email_marketing_consent=waiting))
    assert [consent["channel"] for consent in profile["consents"]] == ["sms"]


def test_merges_and_erasures(shop: Taken) -> None:
    merge = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "admin_graphql_api_job_id": None,
        "status": "completed",
        "errors": [],
    }
    (event,) = shop.events("customers/merge", merge)
    assert (event["type"], event["customer_id"], event["merged_id"]) == ("customer.merged", "1", "2")
    assert shop.result("customers/merge", {**merge, "status": "failed"}).left_out
    redact = {"shop_id": 954889, "shop_domain": "x", "customer": {"id": 191167, "email": "a@example.com"}}
    (gone,) = shop.events("customers/redact", {**redact, "orders_to_redact": []})
    assert (gone["type"], gone["customer_id"]) == ("customer.erased", "191167")


def test_products_by_variant_or_as_one(shop: Taken) -> None:
    result = shop.result("products/update", payloads.product())
    assert result.unknown == []
    first, second = (event.record for event in result.events)
    assert (first["product_id"], first["name"], first["category"], first["available"]) == (
        "MUG-1",
        "Mug Blue",
        "Mugs",
        True,
    )
    assert first["prices"] == [{"market": "GB", "currency": "GBP", "amount": "19.99"}]
    assert (second["product_id"], second["available"]) == ("MUG-2", False)
    (whole,) = Taken(Shopify(frames(product_id="product"))).events("products/update", payloads.product())
    assert (whole["product_id"], whole["name"], whole["available"]) == ("788032119674292922", "Mug", True)
    assert whole["prices"][0]["amount"] == "18.50"
    draft = payloads.product(status="draft", updated_at="2026-02-02T19:00:00-05:00")
    assert [event["available"] for event in shop.events("products/update", draft)] == [False, False]


def test_ids_can_be_translated_and_another_crm_keeps_its_customers() -> None:
    shop = Taken(Shopify(frames(products={"MUG-1": "our-mug"}, crm=False)))
    (placed,) = shop.events("orders/create", payloads.order())
    assert placed["lines"][0]["product_id"] == "our-mug"
    assert (placed["loyalty_card_id"], placed["email_hash"]) == (f"shopify-{BUYER}", EMAIL)
    assert "customer_id" not in placed
    assert "ingest_crm" in str(shop.result("customers/create", payloads.customer()).left_out)


def test_unknown_fields_are_told_with_their_place(shop: Taken) -> None:
    body = payloads.order(colour="red")
    body["line_items"][0]["engraving"] = "x"
    body["line_items"][1]["engraving"] = "y"
    assert sorted(shop.result("orders/create", body).unknown) == ["colour", "line_items[].engraving"]


def test_test_orders_and_other_topics_are_left_out(shop: Taken) -> None:
    assert shop.result("orders/create", payloads.order(test=True)).left_out == "a test order"
    assert shop.result("themes/update", {"id": 1}).left_out == "topic themes/update is not mapped"


@pytest.mark.parametrize(
    ("change", "reason", "sentence"),
    [
        ({"line_items": []}, "missing_field", "line_items"),
        ({"line_items": "none"}, "invalid_field", "line_items"),
        ({"currency": "XXX"}, "unknown_currency", "XXX"),
        ({"processed_at": "2026-02-01T10:00:00"}, "naive_time", "no offset"),
        ({"processed_at": "yesterday"}, "invalid_field", "yesterday"),
        ({"total_price": "a lot"}, "invalid_field", "a lot"),
        ({"id": None}, "missing_field", "id"),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_the_field(shop: Taken, change: dict, reason: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        shop.result("orders/create", payloads.order(**change))
    assert refused.value.reason == reason


def test_nothing_personal_is_kept_of_what_is_refused(shop: Taken) -> None:
    from streams.ingest.common import Delivery

    kept = str(shop.vendor.stripped(Delivery("orders/create", payloads.order(surprise="Test Buyer"))))
    assert "MUG 1" in kept
    for personal in ("example.com", "Test", "Buyer", "+49", "192.0.2.1"):
        assert personal not in kept, personal
