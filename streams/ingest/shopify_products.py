"""Shopify's products as catalogue items: one for each variant, or one for the product, as the product ids are taken."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from schemas.iso import CURRENCY_DIGITS
from streams.ingest.common import (
    Delivery,
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Refused,
    Result,
    amount,
    fresh,
    moment,
    objects_in,
    required_id,
)

Body = Mapping[str, Any]
NAME_CHARACTERS = 512
CATEGORY_CHARACTERS = 128


def items(delivery: Delivery, frame: Frame, memory: Memory, result: Result) -> None:
    """``products/create`` and ``products/update``, which do not name the currency of their prices: the shop's."""
    body: Body = delivery.body
    number = required_id(body, "id")
    updated = moment(body.get("updated_at") or body.get("created_at"), "updated_at")
    if not fresh(memory, result, f"newest/shopify/product/{number}", updated):
        raise LeftOut(str(result.left_out))
    if frame.currency not in CURRENCY_DIGITS:
        raise Refused("unknown_currency", "A product's prices name no currency; set ingest_currency.")
    variants = objects_in(body.get("variants"), "variants")
    if not variants:
        raise Refused("missing_field", "Field variants is empty; a product has at least one.")
    if frame.product_id == "product":
        result.events.append(_item(body, variants, frame, updated))
    else:
        result.events += [_item(body, [variant], frame, updated) for variant in variants]


def _item(body: Body, variants: list[dict[str, Any]], frame: Frame, updated: int) -> Mapped:
    """One item: of several variants the lowest price, and available if one of them is."""
    first = variants[0]
    product = frame.product(first.get("sku"), first.get("id"), body.get("id"))
    prices = [amount(variant.get("price"), frame.currency, "variants.price") for variant in variants]
    title, variant_title = str(body.get("title") or product), first.get("title")
    named = len(variants) > 1 or variant_title in (None, "", "Default Title") or frame.product_id == "product"
    sold = body.get("status", "active") == "active" and any(map(_in_stock, variants))
    event = frame.event(
        "catalog.item",
        f"shopify-product-{product}-{updated}"[:128],
        updated,
        product_id=product,
        name=(title if named else f"{title} {variant_title}")[:NAME_CHARACTERS],
        category=str(body["product_type"])[:CATEGORY_CHARACTERS] if body.get("product_type") else None,
        available=sold,
        prices=[{"market": frame.market, "currency": frame.currency, "amount": min(prices, key=Decimal)}],
    )
    return Mapped("catalog", event)


def _in_stock(variant: Body) -> bool:
    if variant.get("inventory_policy") == "continue":
        return True
    if "inventory_management" in variant and variant["inventory_management"] is None:
        return True
    quantity = variant.get("inventory_quantity")
    return quantity is None or (isinstance(quantity, int) and quantity > 0)
