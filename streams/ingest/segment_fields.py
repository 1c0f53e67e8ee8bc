"""Fields of Segment's messages: common fields, traits of identify, and e-commerce events of version 2 of the spec
(Segment documentation: Spec: Common fields, Spec: Identify, Spec: V2 Ecommerce Events).
"""

from __future__ import annotations

from streams.ingest.shape import DERIVED, INTERNAL, NO_USE, PERSONAL, Shape

CONTEXT = Shape(
    "context",
    {"locale": "locale of session.started"},
    left={
        PERSONAL: "ip location",
        NO_USE: "active app campaign consent os network screen timezone groupId referrer userAgent userAgentData "
        "externalIds sessionId",
        INTERNAL: "library instance channel protocols",
    },
    inside={
        "page": Shape("page", {"path": "page"}, left={NO_USE: "referrer search title url"}),
        "device": Shape(
            "device",
            {"id": "device_id", "type": "device of session.started"},
            left={NO_USE: "advertisingId adTrackingEnabled manufacturer model name token version"},
        ),
        "traits": Shape(
            "traits",
            {},
            hashed={"email": "email_hash"},
            left={
                "identify says it": "id address age avatar birthday company createdAt description "
                "firstName gender lastName name phone title username website plan logins"
            },
        ),
    },
)
PRODUCT = Shape(
    "a product",
    {
        "product_id": "product_id (setting ingest_product_id)",
        "sku": "product_id (setting ingest_product_id)",
        "variant": "product_id, if the setting ingest_product_id is variant and there is neither of the others",
        "category": "category",
        "price": "lines.unit_price",
        "quantity": "lines.quantity, 1 if it is missing",
        "discount": "lines.discount",
    },
    left={NO_USE: "name brand coupon position url image_url currency value"},
)
_PRODUCT_OF_EVENT = {name: ours for name, ours in PRODUCT.mapped.items() if name != "discount"}
PROPERTIES = Shape(
    "properties of an e-commerce event",
    {
        **_PRODUCT_OF_EVENT,
        "cart_id": "cart_id",
        "order_id": "order_id",
        "checkout_id": "checkout_id",
        "total": "total",
        "discount": "lines.discount, shared out by value",
        "coupon": "coupons",
        "currency": "currency",
        "query": "query",
        "path": "page",
        "name": "page, of a page without a path",
        "payment_method": "payment_method",
    },
    hashed={"email": "email_hash"},
    left={
        DERIVED: "revenue subtotal value tax shipping",
        NO_USE: "affiliation brand position url image_url wishlist_id wishlist_name list_id title referrer search "
        "keywords category_id step shipping_method variant_name reason",
    },
    inside={"products": PRODUCT},
)
TRAITS = Shape(
    "traits of identify",
    {
        "birthday": "birth_date",
        "createdAt": "registered_at",
        "id": "the userId says it",
    },
    hashed={"email": "contact_points.hash, email_domain", "phone": "contact_points.hash"},
    left={
        PERSONAL: "firstName lastName name title username avatar website description age gender",
        NO_USE: "company plan logins employees industry",
    },
    inside={
        "address": Shape(
            "address", {"country": "country, where it is an ISO code"}, left={PERSONAL: "city postalCode state street"}
        )
    },
)
_MESSAGE = {
    "messageId": "event_id",
    "timestamp": "occurred_at",
    "userId": "customer_id",
    "anonymousId": "anonymous_id, and with the UTC date session_id",
}
_MESSAGE_LEFT = {
    INTERNAL: "originalTimestamp sentAt receivedAt channel version projectId writeKey integrations metadata "
    "_metadata category previousId groupId"
}
TRACK = Shape(
    "track, page and screen",
    {**_MESSAGE, "type": "the kind of message", "event": "type", "name": "page"},
    left=_MESSAGE_LEFT,
    inside={"context": CONTEXT, "properties": PROPERTIES},
)
IDENTIFY = Shape(
    "identify and delete",
    {**_MESSAGE, "type": "the kind of message"},
    left=_MESSAGE_LEFT,
    inside={"context": CONTEXT, "traits": TRAITS},
)
SHAPES = (TRACK, IDENTIFY)
