"""Short ways to write histories, campaigns and brand rules, for the tests of the oracle and the property tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.base import rfc3339, to_ms
from schemas.campaigns import BrandRules, Campaign
from schemas.topics import INPUTS

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SOURCES = ("orders", "returns", "web-sessions", "pos-transactions", "customers", "channel-feedback", "catalog")
LATENESS = dict.fromkeys(SOURCES, 0)
HASH = "0123456789abcdef0123456789abcdef"
PRICE = "10.00"

assert set(SOURCES) <= {topic.name for topic in INPUTS}


def t(text: str) -> int:
    """Milliseconds of ``"2011-03-01"`` or ``"2011-03-01T12:00"`` in UTC."""
    return to_ms(datetime.fromisoformat(f"{text}T00:00+00:00" if len(text) == 10 else f"{text}+00:00"))


def campaign(occasion: str, name: str | None = None, after: Any = "4h", **fields: Any) -> Campaign:
    """A campaign of brand ``acme`` on e-mail with English content; ``after`` may be a list: one step each."""
    steps = [{"after": each} for each in (after if isinstance(after, list) else [after])]
    content = {"key": "k", "languages": ["en"], "fallback": ["en"]}
    data = {"id": name or occasion.replace("_", "-"), "name": "n", "owner": "o", "occasion": occasion, "steps": steps}
    data |= {"brands": ["acme"], "channels": ["email"], "content": content}
    return Campaign.model_validate(data | fields)


def brand(name: str = "acme", **fields: Any) -> BrandRules:
    """Rules without caps and quiet hours, and with slots that are released at once."""
    return BrandRules.model_validate({"brand": name, "currency": "GBP", "hold_window": 0} | fields)


def lines(products: Mapping[str, int] | Sequence[str] | str, price: str = PRICE) -> list[dict[str, Any]]:
    """Order or cart lines: product -> quantity; line ids are ``l1``, ``l2``, …"""
    names = [products] if isinstance(products, str) else products
    quantities = names if isinstance(names, Mapping) else dict.fromkeys(names, 1)
    return [
        {"line_id": f"l{number}", "product_id": product, "quantity": quantity, "unit_price": price}
        for number, (product, quantity) in enumerate(quantities.items(), start=1)
    ]


class History:
    """Records by source. Each method adds one event that happens ``at`` (milliseconds); keywords set or add fields."""

    def __init__(self) -> None:
        self.sources: dict[str, list[dict[str, Any]]] = {source: [] for source in SOURCES}
        self.count = 0

    def add(self, source: str, kind: str, at: int, arrived: int | None = None, **fields: Any) -> dict[str, Any]:
        self.count += 1
        record = {"event_id": f"e{self.count:04}", "type": kind, "occurred_at": rfc3339(at), "brand": "acme"}
        record |= {"market": "GB"} | fields
        if arrived is not None:
            record["arrived_at"] = rfc3339(arrived)
        self.sources[source].append(record)
        return record

    def cart(self, at: int, products: Any, cart_id: str = "k1", price: str = PRICE, **who: Any) -> dict[str, Any]:
        held = [{name: line[name] for name in line if name != "line_id"} for line in lines(products, price)]
        fields = {"session_id": "s", "cart_id": cart_id, "currency": "GBP", "lines": held}
        return self.add("web-sessions", "cart.updated", at, **fields | (who or {"customer_id": "c1"}))

    def identified(self, at: int, customer_id: str = "c1", **identifiers: Any) -> dict[str, Any]:
        return self.add(
            "web-sessions", "customer.identified", at, session_id="s", customer_id=customer_id, **identifiers
        )

    def order(self, at: int, products: Any, order_id: str = "o1", price: str = PRICE, **fields: Any) -> dict[str, Any]:
        own = {"order_id": order_id, "channel": "web", "currency": "GBP"}
        own["lines"] = fields.pop("lines", None) or lines(products, price)
        return self.add("orders", "order.placed", at, **_who(fields), **own | fields)

    def of_order(self, kind: str, at: int, order_id: str = "o1", **fields: Any) -> dict[str, Any]:
        """``changed``, ``cancelled``, ``shipped`` or ``delivered``."""
        return self.add("orders", f"order.{kind}", at, **_who(fields), order_id=order_id, **fields)

    def back(self, at: int, products: Any, return_id: str = "r1", kind: str = "return.requested", **fields: Any) -> Any:
        """A return of products (product -> quantity)."""
        wanted = {"return_id": return_id, "currency": "GBP", "lines": fields.pop("lines", None) or _returned(products)}
        return self.add("returns", kind, at, **_who(fields), **wanted, **fields)

    def receipt(self, at: int, products: Any, number: int = 1, returned: Any = (), **fields: Any) -> dict[str, Any]:
        sold = [{**line, "kind": "sale"} for line in lines(products)]
        taken = [{**line, "kind": "return"} for line in lines(returned)]
        held = [{name: line[name] for name in line if name != "line_id"} for line in [*sold, *taken]]
        own = {"store_id": "s1", "workstation_id": "w1", "business_date": rfc3339(at)[:10], "sequence_number": number}
        own |= {"currency": "GBP", "lines": held}
        return self.add("pos-transactions", "pos.receipt", at, **_who(fields), **own | fields)

    def profile(self, at: int, customer_id: str = "c1", reach: Sequence[str] = ("email",), **fields: Any) -> Any:
        """A profile that consents to all purposes on the channels of ``reach`` and can be reached there."""
        consents = [
            {"channel": channel, "purpose": purpose, "status": "granted", "at": rfc3339(at)}
            for channel in reach
            for purpose in ("marketing", "review", "service")
        ]
        points = [{"channel": channel, "reachable": True} for channel in reach]
        own = {"customer_id": customer_id, "consents": consents, "contact_points": points}
        return self.add("customers", fields.pop("kind", "customer.updated"), at, **own | fields)

    def withdraw(self, at: int, channel: str = "email", purpose: str = "marketing", **fields: Any) -> dict[str, Any]:
        consent = {"channel": channel, "purpose": purpose, "status": "withdrawn", "at": rfc3339(at)}
        return self.add("customers", "customer.updated", at, **{"customer_id": "c1", "consents": [consent]} | fields)

    def merged(self, at: int, merged_id: str, customer_id: str = "c1") -> dict[str, Any]:
        return self.add("customers", "customer.merged", at, customer_id=customer_id, merged_id=merged_id)

    def erased(self, at: int, customer_id: str = "c1") -> dict[str, Any]:
        return self.add("customers", "customer.erased", at, customer_id=customer_id)

    def unlinked(self, at: int, identifier: str, value: str, customer_id: str = "c1") -> dict[str, Any]:
        fields = {"customer_id": customer_id, "identifier": identifier, "value": value}
        return self.add("customers", "customer.unlinked", at, **fields)

    def feedback(self, at: int, status: str, channel: str = "email", **fields: Any) -> dict[str, Any]:
        return self.add("channel-feedback", "feedback", at, channel=channel, status=status, **_who(fields), **fields)

    def product(self, at: int, product: str, accessories: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
        own = {"product_id": product, "name": product, "accessories": list(accessories)}
        return self.add("catalog", "catalog.item", at, **own | fields)


def _who(fields: Mapping[str, Any]) -> dict[str, str]:
    """Customer c1, unless the fields name somebody."""
    names = ("customer_id", "email_hash", "loyalty_card_id", "device_id", "anonymous_id")
    return {} if any(name in fields for name in names) else {"customer_id": "c1"}


def _returned(products: Any) -> list[dict[str, Any]]:
    return [{"product_id": line["product_id"], "quantity": line["quantity"]} for line in lines(products)]
