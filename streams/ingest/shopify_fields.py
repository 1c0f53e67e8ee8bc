"""Fields of Shopify's webhook payloads, by the names of the Admin REST resources that they are serialised from
(shopify.dev: Webhooks, sample payloads of the topics; resources Order, Refund, Checkout, Customer, Product).
"""

from __future__ import annotations

from streams.ingest.shape import DERIVED, FREE_TEXT, INTERNAL, NO_USE, PERSONAL, Shape

_ADDRESS_LEFT = {
    PERSONAL: "first_name last_name name company address1 address2 city province country country_name zip phone "
    "latitude longitude",
    INTERNAL: "id customer_id default",
}
COUNTRY = Shape("address", {"country_code": "market"}, left={**_ADDRESS_LEFT, NO_USE: "province_code"})
HOME = Shape(
    "address of a profile",
    {"country_code": "country", "province_code": "region, as <country>-<province>"},
    left=_ADDRESS_LEFT,
)
_SETS = "the same in two currencies; the shop's is in the field without _set"

CONSENT = Shape(
    "consent",
    {
        "state": "consents.status: subscribed is granted; unsubscribed, redacted and invalid are withdrawn; others "
        "none",
        "opt_in_level": "consents.confirmed_at, if confirmed_opt_in",
        "consent_updated_at": "consents.at",
    },
    left={NO_USE: "consent_collected_from"},
)
_CUSTOMER_LEFT = {
    PERSONAL: "first_name last_name addresses",
    FREE_TEXT: "note tags",
    DERIVED: "orders_count total_spent last_order_id last_order_name",
    NO_USE: "tax_exempt tax_exemptions currency multipass_identifier verified_email accepts_marketing "
    "accepts_marketing_updated_at marketing_opt_in_level metafield",
    INTERNAL: "admin_graphql_api_id",
}
BUYER = Shape(
    "customer of an order",
    {"id": "customer_id"},
    hashed={"email": "email_hash"},
    left={
        **_CUSTOMER_LEFT,
        "the topic customers/update says it": "created_at updated_at state email_marketing_consent "
        "sms_marketing_consent default_address",
        PERSONAL: f"{_CUSTOMER_LEFT[PERSONAL]} phone",
    },
)
CUSTOMER = Shape(
    "customers/create, customers/update",
    {
        "id": "customer_id",
        "created_at": "registered_at",
        "updated_at": "occurred_at",
        "state": "contact_points: nobody whose state is declined can be reached",
    },
    hashed={"email": "contact_points.hash, email_domain", "phone": "contact_points.hash"},
    left=_CUSTOMER_LEFT,
    inside={
        "email_marketing_consent": CONSENT,
        "sms_marketing_consent": CONSENT,
        "default_address": HOME,
    },
)
MERGE = Shape(
    "customers/merge",
    {
        "admin_graphql_api_customer_kept_id": "customer_id",
        "admin_graphql_api_customer_deleted_id": "merged_id",
        "status": "only completed merges are mapped",
    },
    left={INTERNAL: "admin_graphql_api_job_id errors"},
)
REDACT = Shape(
    "customers/redact",
    {},
    left={INTERNAL: "shop_id shop_domain orders_to_redact"},
    inside={"customer": Shape("customer", {"id": "customer_id"}, left={PERSONAL: "email phone"})},
)

_ALLOCATION = Shape(
    "discount_allocations",
    {"amount": "lines.discount (their sum)"},
    left={_SETS: "amount_set", INTERNAL: "discount_application_index"},
)
_TAX = Shape(
    "tax_lines",
    {"price": "lines.tax (their sum)"},
    left={_SETS: "price_set", NO_USE: "title rate channel_liable"},
)
LINE = Shape(
    "line_items",
    {
        "id": "lines.line_id",
        "sku": "lines.product_id (setting ingest_product_id)",
        "variant_id": "lines.product_id (setting ingest_product_id)",
        "product_id": "lines.product_id (setting ingest_product_id)",
        "quantity": "lines.quantity of order.placed",
        "current_quantity": "lines.quantity of order.changed, with what was refunded: that is a return",
        "price": "lines.unit_price",
    },
    left={
        "discount_allocations say it": "total_discount",
        _SETS: "price_set total_discount_set",
        NO_USE: "title variant_title name vendor grams gift_card requires_shipping taxable product_exists "
        "properties attributed_staffs duties sales_line_item_group_id pre_tax_price pre_tax_price_set line_price "
        "origin_location destination_location",
        INTERNAL: "admin_graphql_api_id fulfillable_quantity fulfillment_service fulfillment_status "
        "variant_inventory_management",
    },
    inside={"discount_allocations": _ALLOCATION, "tax_lines": _TAX},
)
FULFILLMENT = Shape(
    "fulfillments",
    {
        "id": "event_id",
        "created_at": "occurred_at of order.shipped",
        "updated_at": "occurred_at of order.delivered",
        "status": "cancelled, error and failure are left out",
        "shipment_status": "delivered makes order.delivered",
    },
    left={
        NO_USE: "tracking_company tracking_number tracking_numbers tracking_url tracking_urls receipt name service "
        "location_id origin_address order_id",
        INTERNAL: "admin_graphql_api_id",
    },
    inside={
        "line_items": Shape(
            "line_items of a fulfilment",
            {"id": "lines.line_id", "quantity": "lines.quantity"},
            left={"the order says it": " ".join(sorted(LINE.known - {"id", "quantity"}))},
        )
    },
)
REFUND_LINE = Shape(
    "refund_line_items",
    {
        "line_item_id": "lines.line_id",
        "quantity": "lines.quantity",
        "subtotal": "lines.refund",
        "restock_type": "lines.disposition",
    },
    left={
        "prices are taken as the order has them": "total_tax",
        _SETS: "total_tax_set",
        INTERNAL: "id location_id",
    },
    inside={
        "line_item": Shape(
            "line_item of a refund",
            dict.fromkeys(("sku", "variant_id", "product_id"), "lines.product_id (setting ingest_product_id)"),
            left={"the order says it": " ".join(sorted(LINE.known - {"sku", "variant_id", "product_id"}))},
        ),
        "subtotal_set": Shape(
            "subtotal_set",
            {},
            left={NO_USE: "presentment_money"},
            inside={
                "shop_money": Shape("shop_money", {"currency_code": "currency"}, left={"subtotal says it": "amount"})
            },
        ),
    },
)
REFUND = Shape(
    "refunds/create, and refunds of an order",
    {
        "id": "return_id",
        "order_id": "order_id",
        "created_at": "occurred_at",
        "processed_at": "occurred_at",
    },
    left={
        FREE_TEXT: "note",
        "amounts that are no goods": "order_adjustments refund_shipping_lines refund_duties duties total_duties_set "
        "total_additional_fees_set additional_fees",
        INTERNAL: "user_id restock admin_graphql_api_id transactions return",
    },
    inside={"refund_line_items": REFUND_LINE},
)
ORDER = Shape(
    "orders/create, orders/updated, orders/cancelled, orders/fulfilled",
    {
        "id": "order_id",
        "created_at": "occurred_at of order.placed",
        "processed_at": "occurred_at of order.placed, before created_at",
        "updated_at": "occurred_at of order.changed",
        "cancelled_at": "occurred_at of order.cancelled",
        "cancel_reason": "reason of order.cancelled",
        "cart_token": "cart_id",
        "checkout_token": "checkout_id",
        "source_name": "channel",
        "location_id": "a store's order becomes a pos.receipt of this store, if source_name is pos",
        "payment_gateway_names": "payment_method (the first)",
        "currency": "currency",
        "total_price": "total",
        "test": "test orders are left out",
    },
    hashed={"email": "email_hash", "contact_email": "email_hash, without an email"},
    left={
        PERSONAL: "phone browser_ip client_details",
        FREE_TEXT: "note note_attributes tags name reference po_number",
        DERIVED: "subtotal_price total_discounts total_line_items_price total_tax total_weight total_outstanding "
        "current_subtotal_price current_total_discounts current_total_price current_total_tax "
        "total_tip_received tax_lines discount_applications",
        _SETS: "subtotal_price_set total_discounts_set total_line_items_price_set total_tax_set total_price_set "
        "total_shipping_price_set current_subtotal_price_set current_total_discounts_set current_total_price_set "
        "current_total_tax_set current_shipping_price_set current_total_duties_set "
        "current_total_additional_fees_set original_total_duties_set original_total_additional_fees_set "
        "total_cash_rounding_payment_adjustment_set total_cash_rounding_refund_adjustment_set",
        NO_USE: "buyer_accepts_marketing closed_at confirmed confirmation_number customer_locale device_id "
        "estimated_taxes financial_status fulfillment_status landing_site landing_site_ref referring_site "
        "order_status_url payment_details payment_terms presentment_currency processing_method shipping_lines "
        "tax_exempt taxes_included duties_included returns company line_item_groups",
        INTERNAL: "admin_graphql_api_id app_id checkout_id gateway merchant_business_entity_id "
        "merchant_of_record_app_id number order_number source_identifier source_url token user_id reservation_token",
    },
    inside={
        "customer": BUYER,
        "shipping_address": COUNTRY,
        "billing_address": COUNTRY,
        "line_items": LINE,
        "fulfillments": FULFILLMENT,
        "refunds": REFUND,
        "discount_codes": Shape("discount_codes", {"code": "coupons"}, left={DERIVED: "amount type"}),
    },
)
CHECKOUT = Shape(
    "checkouts/create, checkouts/update",
    {
        "token": "session_id, checkout_id",
        "cart_token": "cart_id, else the token",
        "created_at": "occurred_at of checkout.started",
        "updated_at": "occurred_at of cart.updated",
        "completed_at": "a completed checkout is left out: its order says it",
        "currency": "currency",
    },
    hashed={"email": "email_hash"},
    left={
        PERSONAL: "phone sms_marketing_phone",
        FREE_TEXT: "note note_attributes name",
        DERIVED: "subtotal_price total_discounts total_line_items_price total_price total_tax total_weight "
        "total_duties "
        "tax_lines discount_codes",
        NO_USE: "abandoned_checkout_url buyer_accepts_marketing buyer_accepts_sms_marketing closed_at customer_locale "
        "device_id gateway landing_site location_id presentment_currency referring_site shipping_lines source "
        "source_identifier source_name source_url taxes_included user_id reservation_token",
        INTERNAL: "id admin_graphql_api_id",
    },
    inside={
        "customer": BUYER,
        "shipping_address": COUNTRY,
        "billing_address": COUNTRY,
        "line_items": Shape(
            "line_items of a checkout",
            {
                "sku": "lines.product_id (setting ingest_product_id)",
                "variant_id": "lines.product_id (setting ingest_product_id)",
                "product_id": "lines.product_id (setting ingest_product_id)",
                "quantity": "lines.quantity",
                "price": "lines.unit_price",
                "variant_price": "lines.unit_price, without a price",
            },
            left={
                NO_USE: "title variant_title presentment_title presentment_variant_title vendor grams gift_card "
                "requires_shipping taxable properties compare_at_price line_price tax_lines applied_discounts "
                "discount_allocations fulfillment_service origin_location_id destination_location_id rank "
                "unit_price_measurement user_id",
                INTERNAL: "key id",
            },
        ),
    },
)
VARIANT = Shape(
    "variants",
    {
        "id": "product_id (setting ingest_product_id)",
        "sku": "product_id (setting ingest_product_id)",
        "price": "prices.amount",
        "title": "name, after the product's",
        "inventory_quantity": "available: more than 0, or not tracked, or policy continue",
        "inventory_policy": "available",
        "inventory_management": "available: none is not tracked",
    },
    left={
        NO_USE: "compare_at_price position option1 option2 option3 taxable barcode grams weight weight_unit "
        "requires_shipping image_id created_at updated_at fulfillment_service tax_code",
        INTERNAL: "product_id admin_graphql_api_id inventory_item_id old_inventory_quantity",
    },
)
PRODUCT = Shape(
    "products/create, products/update",
    {
        "id": "product_id (setting ingest_product_id)",
        "title": "name",
        "product_type": "category",
        "status": "available: only active ones are",
        "updated_at": "occurred_at",
    },
    left={
        NO_USE: "body_html handle vendor tags options images image media variant_gids published_at published_scope "
        "template_suffix created_at has_variants_that_requires_components category",
        INTERNAL: "admin_graphql_api_id",
    },
    inside={"variants": VARIANT},
)
SHAPES = (ORDER, REFUND, CHECKOUT, CUSTOMER, MERGE, REDACT, PRODUCT)
