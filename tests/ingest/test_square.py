"""Square's events and objects to events that intake takes; what notices point at is fetched from an API of the test."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from streams.ingest.common import Delivery, Refused, Result
from streams.ingest.square import Square
from streams.ingest.square_api import SquareApi, SquareError
from tests.ingest.kit import Taken, admitted, frames

STORE = "LS26WQECK9N8G"
RECEIPT = f"{STORE}/sale-1/2026-02-01/0"


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "GBP"}


def line(uid: str, variation: str | None, price: int, quantity: str = "1", **fields: Any) -> dict[str, Any]:
    gross = int(price * float(quantity))
    return {
        "uid": uid,
        "catalog_object_id": variation,
        "catalog_version": 1,
        "name": "An item",
        "variation_name": "Regular",
        "item_type": "ITEM",
        "quantity": quantity,
        "base_price_money": money(price),
        "variation_total_price_money": money(gross),
        "gross_sales_money": money(gross),
        "total_tax_money": money(0),
        "total_discount_money": money(0),
        "total_money": money(gross),
        "total_service_charge_money": money(0),
        **fields,
    }


def sale(**fields: Any) -> dict[str, Any]:
    return {
        "id": "sale-1",
        "location_id": STORE,
        "source": {"name": "Square Point of Sale"},
        "customer_id": "C1",
        "line_items": [
            line("l1", "V1", 1250, "2", total_discount_money=money(250), total_tax_money=money(375)),
            line("l2", "V2", 999, "0.35"),
            line("l3", None, 500, item_type="CUSTOM_AMOUNT"),
        ],
        "created_at": "2026-02-01T10:00:00.000Z",
        "updated_at": "2026-02-01T10:01:00.000Z",
        "closed_at": "2026-02-01T10:01:00.000Z",
        "state": "COMPLETED",
        "version": 4,
        "total_money": money(3349),
        "total_tax_money": money(375),
        "total_discount_money": money(250),
        "total_tip_money": money(0),
        "total_service_charge_money": money(0),
        "net_amounts": {},
        "tenders": [
            {"id": "t", "location_id": STORE, "type": "CARD", "amount_money": money(3349), "customer_id": "C1"}
        ],
        "net_amount_due_money": money(0),
        **fields,
    }


def returned(**fields: Any) -> dict[str, Any]:
    back = {"uid": "r1", "source_order_id": "sale-1", "return_line_items": [], "return_amounts": {}}
    back["return_line_items"] = [
        {
            "uid": "rl1",
            "source_line_item_uid": "l1",
            "name": "An item",
            "quantity": "1",
            "catalog_object_id": "V1",
            "item_type": "ITEM",
            "base_price_money": money(1250),
            "gross_return_money": money(1250),
            "total_money": money(1125),
        }
    ]
    return {
        "id": "back-1",
        "location_id": STORE,
        "state": "COMPLETED",
        "created_at": "2026-02-05T10:00:00Z",
        "updated_at": "2026-02-05T10:00:00Z",
        "returns": [back],
        "total_money": money(0),
        **fields,
    }


def event(kind: str, inner: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {
        "merchant_id": "M1",
        "type": kind,
        "event_id": "e-1",
        "created_at": "2026-02-06T10:00:00Z",
        "data": {"type": kind.split(".")[0], "id": "x", "object": inner, **data},
    }


def notice(kind: str, order_id: str, state: str = "COMPLETED") -> dict[str, Any]:
    inner = {"order_id": order_id, "version": 4, "location_id": STORE, "state": state, "created_at": "x"}
    return event(kind, {kind.replace(".", "_"): inner})


def payment(order_id: str, status: str = "COMPLETED") -> dict[str, Any]:
    paid = {"id": "p1", "status": status, "order_id": order_id, "amount_money": money(1), "location_id": STORE}
    return event("payment.updated", {"payment": {**paid, "buyer_email_address": "a@example.com"}})


def refund(order_id: str, amount: int, status: str = "COMPLETED") -> dict[str, Any]:
    back = {"id": "rf1", "status": status, "order_id": order_id, "payment_id": "p1", "amount_money": money(amount)}
    return event("refund.updated", {"refund": {**back, "created_at": "2026-02-05T09:00:00Z", "reason": "x"}})


def customer(**fields: Any) -> dict[str, Any]:
    return {
        "id": "C1",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-02-01T00:00:00Z",
        "given_name": "Test",
        "family_name": "Person",
        "email_address": "a@example.com",
        "phone_number": "+44 20 0000",
        "birthday": "0000-09-21",
        "address": {"country": "GB", "postal_code": "0", "locality": "X"},
        "preferences": {"email_unsubscribed": True},
        "creation_source": "THIRD_PARTY",
        "version": 2,
        **fields,
    }


def item(**fields: Any) -> dict[str, Any]:
    def variation(number: str, sku: str, price: int) -> dict[str, Any]:
        data: dict[str, Any] = {
            "item_id": "I1",
            "name": "Large",
            "sku": sku,
            "ordinal": 1,
            "pricing_type": "FIXED_PRICING",
        }
        return {
            "id": number,
            "type": "ITEM_VARIATION",
            "version": 1,
            "item_variation_data": {**data, "price_money": money(price)},
        }

    return {
        "type": "ITEM",
        "id": "I1",
        "updated_at": "2026-02-01T00:00:00Z",
        "version": 1,
        "is_deleted": False,
        "present_at_all_locations": True,
        "item_data": {
            "name": "Mug",
            "description": "x",
            "categories": [{"id": "CAT1", "ordinal": 1}],
            "variations": [variation("V1", "MUG L", 1250), variation("V2", "MUG S", 999)],
        },
        **fields,
    }


@pytest.fixture
def shop() -> Taken:
    return Taken(Square(frames()))


def fetching(shop: Taken, body: dict[str, Any], **orders: dict[str, Any]) -> Result:
    """What an event gives when Square's API has these orders."""
    asked: list[str] = []

    async def run() -> Result:
        async def order(request: web.Request) -> web.Response:
            assert request.headers["Authorization"] == "Bearer the-token"
            asked.append(request.match_info["id"])
            found = orders.get(request.match_info["id"].replace("-", "_"))
            return web.json_response({"order": found}) if found else web.json_response({}, status=404)

        async def catalogue(request: web.Request) -> web.Response:
            wanted = await request.json()
            assert wanted["object_types"] == ["ITEM"]
            asked.append(wanted["begin_time"])
            page = {"objects": [item()], "cursor": "next"} if "cursor" not in wanted else {"objects": [item(id="I2")]}
            return web.json_response(page)

        app = web.Application()
        app.add_routes([web.get("/v2/orders/{id}", order), web.post("/v2/catalog/search", catalogue)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with aiohttp.ClientSession() as session:
                api = SquareApi(session, base, b"the-token", shop.memory)
                delivery = await api(Delivery(body["type"], body))
                result = shop.vendor.map(delivery, shop.memory)
        finally:
            await runner.cleanup()
        admitted(result.events)
        shop.memory.remember(result.remember, 0)
        shop.asked = asked  # type: ignore[attr-defined]
        return result

    return asyncio.run(run())


@pytest.mark.parametrize("body", [notice("order.updated", "sale-1"), payment("sale-1")], ids=["order", "payment"])
def test_a_sale_is_fetched_and_is_a_receipt(shop: Taken, body: dict[str, Any]) -> None:
    result = fetching(shop, body, sale_1=sale())
    assert result.unknown == []
    ((topic, receipt),) = result.events
    assert (topic, receipt["type"], receipt["customer_id"]) == ("pos-transactions", "pos.receipt", "C1")
    key = (receipt[name] for name in ("store_id", "workstation_id", "business_date", "sequence_number"))
    assert "/".join(map(str, key)) == RECEIPT
    told = [
        (each["product_id"], each["quantity"], each["unit_price"], each["discount"], each["tax"])
        for each in receipt["lines"]
    ]
    assert told == [
        ("V1", 2, "12.50", "2.50", "3.75"),
        ("V2", 1, "3.49", "0.00", "0.00"),
        ("An-item", 1, "5.00", "0.00", "0.00"),
    ]
    assert ("email_hash" in receipt) == (body["type"] == "payment.updated")


def test_the_order_and_its_payment_are_one_receipt(shop: Taken) -> None:
    first = fetching(shop, notice("order.created", "sale-1"), sale_1=sale()).events[0].record
    second = fetching(shop, payment("sale-1"), sale_1=sale()).events[0].record
    assert first["event_id"] == second["event_id"]


def test_an_itemised_refund_names_the_receipt_and_its_customer(shop: Taken) -> None:
    result = fetching(shop, refund("back-1", 1125), back_1=returned(), sale_1=sale())
    ((topic, back),) = result.events
    assert (topic, back["type"], back["order_id"], back["customer_id"]) == ("returns", "refund.issued", RECEIPT, "C1")
    assert back["lines"] == [{"product_id": "V1", "quantity": 1, "refund": "11.25"}]
    same = fetching(shop, payment("back-1"), back_1=returned(), sale_1=sale()).events[0].record
    assert same["return_id"] == back["return_id"]


def test_a_refund_of_everything_and_one_of_money_only(shop: Taken) -> None:
    ((_, back),) = fetching(shop, refund("sale-1", 3349), sale_1=sale()).events
    assert back["order_id"] == RECEIPT
    assert [(each["product_id"], each["quantity"]) for each in back["lines"]] == [("V1", 2), ("V2", 1), ("An-item", 1)]
    part = fetching(shop, refund("sale-1", 100), sale_1=sale())
    assert (part.events, part.left_out) == ([], "a refund of money without goods")
    assert fetching(shop, refund("sale-1", 3349, "PENDING")).left_out == "a refund that is not completed"


def test_an_order_with_a_fulfilment_is_an_online_order(shop: Taken) -> None:
    way = {"uid": "f1", "type": "SHIPMENT", "state": "PROPOSED", "shipment_details": {"recipient": {}}}
    open_order = sale(state="OPEN", fulfillments=[way])
    result = fetching(shop, notice("order.created", "sale-1", "OPEN"), sale_1=open_order)
    assert result.unknown == []
    ((topic, placed),) = result.events
    assert (topic, placed["type"], placed["total"], placed["payment_method"]) == (
        "orders",
        "order.placed",
        "33.49",
        "CARD",
    )
    assert [each["line_id"] for each in placed["lines"]] == ["l1", "l2", "l3"]
    sent = deepcopy(open_order)
    sent["fulfillments"][0] |= {"state": "COMPLETED", "shipment_details": {"shipped_at": "2026-02-03T00:00:00Z"}}
    done = fetching(shop, notice("order.fulfillment.updated", "sale-1"), sale_1=sent)
    assert [each.record["type"] for each in done.events] == ["order.placed", "order.shipped"]
    gone = fetching(
        shop, notice("order.updated", "sale-1", "CANCELED"), sale_1=sale(state="CANCELED", fulfillments=[way])
    )
    assert [each.record["type"] for each in gone.events] == ["order.cancelled"]
    (back,) = fetching(shop, refund("back-1", 1125), back_1=returned(), sale_1=open_order).events
    assert (back.record["order_id"], back.record["lines"][0]["line_id"]) == ("sale-1", "l1")


def test_without_a_token_notices_are_refused_and_an_api_that_fails_makes_them_come_again(shop: Taken) -> None:
    for body in (notice("order.updated", "sale-1"), payment("sale-1"), refund("sale-1", 1)):
        with pytest.raises(Refused, match="ingest_square_token"):
            shop.result(body["type"], body)
    with pytest.raises(SquareError, match="404"):
        fetching(shop, payment("sale-1"))
    assert shop.result("payment.updated", payment("sale-1", "APPROVED")).left_out


def test_the_catalogue_is_fetched_page_by_page_and_names_products_for_orders(shop: Taken) -> None:
    body = event("catalog.version.updated", {"catalog_version": {"updated_at": "2026-02-02T00:00:00Z"}})
    result = fetching(shop, body)
    assert result.unknown == []
    assert len(result.events) == 4
    first = result.events[0].record
    assert (first["product_id"], first["name"], first["category"], first["available"]) == (
        "MUG-L",
        "Mug Large",
        "CAT1",
        True,
    )
    assert first["prices"] == [{"market": "GB", "currency": "GBP", "amount": "12.50"}]
    assert shop.asked == ["2026-01-31T23:55:00.000Z"] * 2  # type: ignore[attr-defined]
    fetching(shop, body)
    assert shop.asked[0] == "2026-02-01T23:55:00.000Z", "the next time, from the last notice on"  # type: ignore[attr-defined]
    receipt = fetching(shop, payment("sale-1"), sale_1=sale()).events[0].record
    assert receipt["lines"][0]["product_id"] == "MUG-L"
    gone = shop.events("catalog_object", item(is_deleted=True, updated_at="2026-02-03T00:00:00Z"))
    assert [each["available"] for each in gone] == [False, False]


def test_customers_merges_and_deletions(shop: Taken) -> None:
    result = shop.result("customer.updated", event("customer.updated", {"customer": customer()}))
    assert result.unknown == []
    ((_, profile),) = result.events
    assert (profile["type"], profile["country"], profile["email_domain"]) == ("customer.updated", "GB", "example.com")
    assert "birth_date" not in profile
    assert [(each["channel"], each["status"]) for each in profile["consents"]] == [("email", "withdrawn")]
    late = shop.result(
        "customer.updated", event("customer.updated", {"customer": customer(updated_at="2026-01-31T00:00:00Z")})
    )
    assert late.left_out == "a newer state of it was taken already"
    willing = customer(id="C2", preferences={"email_unsubscribed": False})
    assert shop.events("customer.created", event("customer.created", {"customer": willing}))[0]["consents"] == []
    context = {"merge": {"from_customer_ids": ["C1", "C2"], "to_customer_id": "C3"}}
    merged = event("customer.created", {"customer": customer(id="C3"), "event_context": context})
    told = shop.events("customer.created", merged)
    assert [each["type"] for each in told] == ["customer.merged", "customer.merged", "customer.updated"]
    erased = shop.events("customer.deleted", event("customer.deleted", {"customer": customer()}, deleted=True))
    assert [(each["type"], each["customer_id"]) for each in erased] == [("customer.erased", "C1")]
    gone = {"customer": customer(), "event_context": context}
    assert [each["type"] for each in shop.events("customer.deleted", event("customer.deleted", gone))] == [
        "customer.merged"
    ] * 2


def test_unknown_fields_and_events(shop: Taken) -> None:
    result = fetching(shop, payment("sale-1"), sale_1=sale(mood="good"))
    assert result.unknown == ["order.mood"]
    assert shop.result("invoice.created", event("invoice.created", {"invoice": {}})).left_out
