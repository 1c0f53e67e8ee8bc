"""Products: what the message names can be had and has a price where the customer lives."""

from __future__ import annotations

from msgspec.structs import replace

from schemas.campaigns import ASK_TO_BUY
from streams.decide.gates.base import Answer
from streams.decide.occasions.base import Verdict
from streams.decide.rules import Compiled
from streams.decide.view import View


def products(view: View, campaign: Compiled, brand: str, verdict: Verdict) -> tuple[Answer | None, Verdict]:
    """The answer and the verdict with the items that are left. Reason: product_unavailable. None: nothing to say."""
    wanted = campaign.campaign.products or ("known" if campaign.occasion in ASK_TO_BUY else "any")
    if wanted == "any" or not verdict.items:
        return None, verdict
    strict, market = wanted == "sellable", view.market(brand) or ""
    left = [(product, quantity) for product, quantity in verdict.items if _sells(view, brand, product, market, strict)]
    if len(left) == len(verdict.items):
        told = campaign.campaign.products is not None
        return (Answer("products", "", f"{len(left)} of {len(left)}") if told else None), verdict
    value = f"{len(left)} of {len(verdict.items)} in market {market or 'unknown'}"
    if not left:
        return Answer("products", "product_unavailable", value), verdict
    named = {product for product, _ in left}
    before = [(product, quantity) for product, quantity in verdict.wanted if product in named]
    return Answer("products", "", value), replace(verdict, items=left, wanted=before)


def _sells(view: View, brand: str, product: str, market: str, strict: bool) -> bool:
    """Whether a product is available and priced; ``strict``: unknown is no, and so is a product without prices."""
    item = view.item(brand, product)
    if item is None:
        return not strict
    return item.available and (item.price(market) is not None or not (strict or item.prices))
