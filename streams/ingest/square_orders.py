"""Square's orders: a receipt of the till, or an online order if it has a fulfilment; and what comes back of them.

Square numbers no tills: of a receipt's natural key the order id stands for workstation and number, and the date is that
of ``created_at`` in UTC, which never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.base import from_ms, natural_key, to_major
from streams.ingest.common import (
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Refused,
    Result,
    currency_code,
    moment,
    objects_in,
    optional_id,
    part,
    required_id,
    shown,
)

Body = Mapping[str, Any]
_DONE = {
    "SHIPMENT": ("order.shipped", "shipment_details", "shipped_at"),
    "PICKUP": ("order.delivered", "pickup_details", "picked_up_at"),
    "DELIVERY": ("order.delivered", "delivery_details", "delivered_at"),
}
CUSTOM_AMOUNT = "custom-amount"
"""Product of a line that names neither a catalogue object nor a name."""


def order(body: Body, frame: Frame, memory: Memory, result: Result, address: object = None) -> None:
    """All facts of an order as it is now; each has an id of its own, so copies count once."""
    number = required_id(body, "id")
    online = bool(objects_in(body.get("fulfillments"), "fulfillments"))
    common = _common(body, frame, address)
    purchase = number if online else receipt_id(body)
    result.remember[f"order/square/{number}"] = {**common, "order_id": purchase}
    state = body.get("state")
    sold = objects_in(body.get("line_items"), "line_items")
    if online and state in ("OPEN", "COMPLETED") and sold:
        result.events.append(_placed(body, frame, memory, common))
        result.events += _fulfilled(body, frame, common)
    elif online and state == "CANCELED":
        at = moment(body.get("closed_at") or body.get("updated_at"), "updated_at")
        event = frame.event("order.cancelled", f"square-order-{number}-cancelled", at, **common, order_id=number)
        result.events.append(Mapped("orders", event))
    elif state == "COMPLETED" and sold:
        result.events.append(_receipt(body, frame, memory, common))
    if state == "COMPLETED" and body.get("returns"):
        returns(body, frame, memory, result, {})
    if not result.events:
        raise LeftOut(f"an order in state {shown(state)} that says nothing yet")


def receipt_id(body: Body) -> str:
    """The natural key of the receipt that an order is."""
    return natural_key(*_key(body).values())


def returns(body: Body, frame: Frame, memory: Memory, result: Result, sources: Mapping[str, Body]) -> None:
    """Itemised returns: what came back of which sale. ``sources``: sales that were fetched for it, by id."""
    number = required_id(body, "id")
    for place, one in enumerate(objects_in(body.get("returns"), "returns")):
        source = optional_id(one.get("source_order_id"))
        common = _source(source, body, frame, memory, sources)
        lines = [
            _return_line(line, frame, memory, common)
            for line in objects_in(one.get("return_line_items"), "return_line_items")
        ]
        if not lines:
            continue
        name = f"square-return-{number}-{optional_id(one.get('uid')) or place}"
        at = moment(body.get("closed_at") or body.get("updated_at") or body.get("created_at"), "updated_at")
        event = frame.event(
            "refund.issued", name[:128], at, **common, return_id=name[:128], currency=_currency(body, frame)
        )
        result.events.append(Mapped("returns", {**event, "lines": lines}))


def full_refund(refund: Body, body: Body, frame: Frame, memory: Memory, result: Result) -> None:
    """A refund that lists nothing: as much as the whole order, all of it came back; less says nothing of goods."""
    back, total = part(refund, "amount_money"), part(body, "total_money")
    if back.get("amount") != total.get("amount") or not objects_in(body.get("line_items"), "line_items"):
        raise LeftOut("a refund of money without goods")
    number = required_id(refund, "id")
    common = _source(required_id(body, "id"), body, frame, memory, {required_id(body, "id"): body})
    lines = [
        {"product_id": _product(line, frame, memory), "quantity": _quantity(line)[0]}
        for line in objects_in(body.get("line_items"), "line_items")
    ]
    event = frame.event(
        "refund.issued",
        f"square-refund-{number}"[:128],
        moment(refund.get("updated_at") or refund.get("created_at"), "refund.updated_at"),
        **common,
        return_id=f"square-refund-{number}"[:128],
        currency=_currency(body, frame),
        lines=lines,
    )
    result.events.append(Mapped("returns", event))


def _source(
    number: str | None, body: Body, frame: Frame, memory: Memory, sources: Mapping[str, Body]
) -> dict[str, Any]:
    """Whose sale comes back, and how it is named here: as remembered, as fetched, or as the return itself says."""
    known = None if number is None else memory.get(f"order/square/{number}")
    if known is not None:
        return dict(known)
    if number is not None and number in sources:
        sale = sources[number]
        online = bool(objects_in(sale.get("fulfillments"), "fulfillments"))
        return {**_common(sale, frame, None), "order_id": number if online else receipt_id(sale)}
    return _common(body, frame, None)


def _common(body: Body, frame: Frame, address: object) -> dict[str, Any]:
    tenders = objects_in(body.get("tenders"), "tenders")
    payer = next((tender["customer_id"] for tender in tenders if tender.get("customer_id")), None)
    return frame.identifiers("square", body.get("customer_id") or payer, address)


def _key(body: Body) -> dict[str, Any]:
    created = moment(body.get("created_at"), "created_at")
    return {
        "store_id": required_id(body, "location_id"),
        "workstation_id": required_id(body, "id"),
        "business_date": from_ms(created).date().isoformat(),
        "sequence_number": 0,
    }


def _receipt(body: Body, frame: Frame, memory: Memory, common: Body) -> Mapped:
    lines = [_line(line, frame, memory) for line in objects_in(body.get("line_items"), "line_items")]
    event = frame.event(
        "pos.receipt",
        f"square-order-{required_id(body, 'id')}"[:128],
        moment(body.get("closed_at") or body.get("created_at"), "closed_at"),
        **common,
        **_key(body),
        currency=_currency(body, frame),
        lines=[{name: value for name, value in line.items() if name != "line_id"} for line in lines],
    )
    return Mapped("pos-transactions", event)


def _placed(body: Body, frame: Frame, memory: Memory, common: Body) -> Mapped:
    tenders = objects_in(body.get("tenders"), "tenders")
    total = part(body, "total_money")
    event = frame.event(
        "order.placed",
        f"square-order-{required_id(body, 'id')}"[:128],
        moment(body.get("created_at"), "created_at"),
        **common,
        order_id=required_id(body, "id"),
        channel="web",
        currency=_currency(body, frame),
        payment_method=str(tenders[0]["type"])[:64] if tenders and tenders[0].get("type") else None,
        lines=[_line(line, frame, memory) for line in objects_in(body.get("line_items"), "line_items")],
        total=major_units(total, "total_money") if total else None,
    )
    return Mapped("orders", event)


def _fulfilled(body: Body, frame: Frame, common: Body) -> list[Mapped]:
    found = []
    for one in objects_in(body.get("fulfillments"), "fulfillments"):
        known = _DONE.get(str(one.get("type")))
        if known is None or one.get("state") != "COMPLETED":
            continue
        kind, details, time = known
        at = moment(part(one, details).get(time) or body.get("updated_at"), f"fulfillments.{details}.{time}")
        name = f"square-fulfillment-{body['id']}-{optional_id(one.get('uid'))}"[:128]
        found.append(Mapped("orders", frame.event(kind, name, at, **common, order_id=required_id(body, "id"))))
    return found


def _line(line: Body, frame: Frame, memory: Memory) -> dict[str, Any]:
    quantity, weighed = _quantity(line)
    base, gross = part(line, "base_price_money"), part(line, "gross_sales_money")
    price = base or gross
    if gross and (weighed or minor_units(gross, "gross_sales_money") % quantity == 0):
        price = {**gross, "amount": minor_units(gross, "gross_sales_money") // quantity}
    return {
        "line_id": required_id(line, "uid"),
        "product_id": _product(line, frame, memory),
        "quantity": quantity,
        "unit_price": major_units(price, "line_items.base_price_money"),
        "discount": _optional_money(line, "total_discount_money"),
        "tax": _optional_money(line, "total_tax_money"),
    }


def _return_line(line: Body, frame: Frame, memory: Memory, common: Body) -> dict[str, Any]:
    found: dict[str, Any] = {"product_id": _product(line, frame, memory), "quantity": _quantity(line)[0]}
    if line.get("total_money"):
        found["refund"] = major_units(part(line, "total_money"), "return_line_items.total_money")
    uid = optional_id(line.get("source_line_item_uid"))
    if uid is not None and "/" not in str(common.get("order_id", "/")):
        found["line_id"] = uid
    return found


def _product(line: Body, frame: Frame, memory: Memory) -> str:
    variation = optional_id(line.get("catalog_object_id"))
    if variation is None:
        return optional_id(line.get("name")) or CUSTOM_AMOUNT
    return memory.get(f"product/square/{variation}") or frame.product(None, variation, None)


def _quantity(line: Body) -> tuple[int, bool]:
    """Pieces, and whether it was weighed or measured: then it is one piece at the line's price."""
    try:
        number = Decimal(str(line.get("quantity")))
    except InvalidOperation as error:
        raise Refused("invalid_field", f"Field quantity = {shown(line.get('quantity'))} is no number.") from error
    if not number.is_finite() or number <= 0:
        raise Refused("invalid_field", f"Field quantity = {shown(line.get('quantity'))}: it has to be more than 0.")
    whole = number == number.to_integral_value()
    return (int(number), False) if whole else (1, True)


def _currency(body: Body, frame: Frame) -> str:
    lines = objects_in(body.get("line_items"), "line_items")
    first = part(lines[0], "base_price_money") if lines else {}
    return currency_code(part(body, "total_money").get("currency") or first.get("currency"), frame.currency)


def minor_units(money: Body, name: str) -> int:
    """Money as Square writes it: whole minor units. Raises Refused."""
    value = money.get("amount")
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused("invalid_field", f"Field {name}.amount = {shown(value)}: it has to be whole minor units.")
    return value


def major_units(money: Body, name: str) -> str:
    """Minor units as major units."""
    return to_major(minor_units(money, name), currency_code(money.get("currency"), ""))


def _optional_money(line: Body, name: str) -> str:
    return major_units(part(line, name), name) if part(line, name) else "0"
