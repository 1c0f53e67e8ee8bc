"""Messages of the shape that Segment documents. Nobody in them is real."""

from __future__ import annotations

from typing import Any

VISITOR = "507f191e-81"


def message(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "anonymousId": VISITOR,
        "context": {
            "active": True,
            "app": {"name": "x", "version": "1", "build": "1"},
            "ip": "192.0.2.8",
            "locale": "en-GB",
            "library": {"name": "analytics.js", "version": "2.11.1"},
            "page": {
                "path": "/academy/",
                "referrer": "",
                "search": "",
                "title": "Title",
                "url": "https://example.com/",
            },
            "userAgent": "Mozilla/5.0",
            "timezone": "Europe/London",
        },
        "integrations": {"All": True},
        "messageId": f"ajs-{number}",
        "originalTimestamp": "2026-02-01T10:00:00.000Z",
        "receivedAt": "2026-02-01T10:00:01.000Z",
        "sentAt": "2026-02-01T10:00:00.500Z",
        "timestamp": f"2026-02-01T10:{number:02}:00.000Z",
        "type": kind,
        "userId": None,
        "version": "1.1",
        "channel": "server",
        **fields,
    }


def track(event: str, number: int, properties: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return message("track", number, event=event, properties=properties, **fields)


def product(sku: str, price: float, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "product_id": f"db-{sku}",
        "sku": sku,
        "category": "Games",
        "name": "A game",
        "brand": "x",
        "variant": "200 pieces",
        "price": price,
        "quantity": quantity,
        "coupon": "MAYDEALS",
        "position": 3,
        "url": "https://example.com/p",
        "image_url": "https://example.com/p.jpg",
        **fields,
    }


def order(products: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {
        "checkout_id": "fksdjfsdjfisjf9sdfjsd9f",
        "order_id": "50314b8e9bcf000000000000",
        "affiliation": "A store",
        "total": 27.5,
        "subtotal": 22.5,
        "revenue": 25.0,
        "shipping": 3,
        "tax": 2,
        "discount": 2.5,
        "coupon": "hasbros",
        "currency": "gbp",
        "products": products,
        **fields,
    }
