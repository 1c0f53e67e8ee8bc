"""Square's catalogue objects as catalogue items: one for each variation, or one for the item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.base import to_major
from streams.ingest.common import (
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Result,
    currency_code,
    fresh,
    moment,
    objects_in,
    optional_id,
    part,
    required_id,
)
from streams.ingest.square_orders import minor_units

Body = Mapping[str, Any]


def item(body: Body, frame: Frame, memory: Memory, result: Result) -> None:
    """An object of type ITEM. Orders name variations only, so what each is called here is remembered for them."""
    if body.get("type") != "ITEM":
        raise LeftOut("a catalogue object that is no item")
    number = required_id(body, "id")
    updated = moment(body.get("updated_at"), "updated_at")
    if not fresh(memory, result, f"newest/square/item/{number}", updated):
        return
    data = part(body, "item_data")
    groups: dict[str, list[Body]] = {}
    for variation in objects_in(data.get("variations"), "item_data.variations"):
        details = part(variation, "item_variation_data")
        product = frame.product(details.get("sku"), variation.get("id"), number)
        groups.setdefault(product, []).append(variation)
        result.remember[f"product/square/{required_id(variation, 'id')}"] = product
    gone = body.get("is_deleted") is True or data.get("is_archived") is True
    for product, variations in groups.items():
        result.events.append(_item(product, variations, data, gone, frame, updated))


def _item(product: str, variations: list[Body], data: Body, gone: bool, frame: Frame, updated: int) -> Mapped:
    details = [part(variation, "item_variation_data") for variation in variations]
    prices = [part(each, "price_money") for each in details if part(each, "price_money").get("amount") is not None]
    cheapest = min(prices, key=lambda money: minor_units(money, "price_money"), default=None)
    name, variation_name = str(data.get("name") or product), details[0].get("name")
    named = len(variations) > 1 or variation_name in (None, "", "Regular")
    event = frame.event(
        "catalog.item",
        f"square-item-{product}-{updated}"[:128],
        updated,
        product_id=product,
        name=(name if named else f"{name} {variation_name}")[:512],
        category=_category(data),
        available=not gone and not all(variation.get("is_deleted") is True for variation in variations),
        prices=[] if cheapest is None else [_price(cheapest, frame)],
    )
    return Mapped("catalog", event)


def _price(money: Body, frame: Frame) -> dict[str, Any]:
    currency = currency_code(money.get("currency"), frame.currency)
    return {
        "market": frame.market,
        "currency": currency,
        "amount": to_major(minor_units(money, "price_money"), currency),
    }


def _category(data: Body) -> str | None:
    """The id of the reporting category, else of the first category; names are objects of their own."""
    listed = objects_in(data.get("categories"), "item_data.categories")
    first = listed[0].get("id") if listed else None
    return optional_id(part(data, "reporting_category").get("id") or first or data.get("category_id"))
