"""Fields of Square's webhook events and of the objects of its Orders and Catalog API (developer.squareup.com: Webhooks
reference; objects Order, OrderReturn, Payment, PaymentRefund, Customer, CatalogObject).
"""

from __future__ import annotations

from streams.ingest.shape import DERIVED, FREE_TEXT, INTERNAL, NO_USE, PERSONAL, Shape

MONEY = Shape("money", {"amount": "minor units", "currency": "currency"})
_PRODUCT = "lines.product_id (setting ingest_product_id; the SKU is known from the catalogue)"
_LINE_LEFT = {
    DERIVED: "variation_total_price_money applied_discounts applied_taxes applied_service_charges "
    "total_service_charge_money gross_return_money",
    FREE_TEXT: "note",
    NO_USE: "variation_name metadata modifiers return_modifiers quantity_unit pricing_blocklists tax_exempt "
    "discounts taxes sku source_variation_id",
    INTERNAL: "catalog_version",
}
LINE = Shape(
    "line_items",
    {
        "uid": "lines.line_id of order.placed",
        "catalog_object_id": _PRODUCT,
        "name": "lines.product_id of a line without catalog_object_id",
        "item_type": "custom amounts and gift cards are lines too",
        "quantity": "lines.quantity; of what is weighed 1",
        "base_price_money": "lines.unit_price, without gross_sales_money",
        "gross_sales_money": "lines.unit_price: a piece's share of it",
        "total_discount_money": "lines.discount",
        "total_tax_money": "lines.tax",
    },
    left={**_LINE_LEFT, DERIVED: f"{_LINE_LEFT[DERIVED]} total_money"},
)
RETURN_LINE = Shape(
    "return_line_items",
    {
        "source_line_item_uid": "lines.line_id, of a return of an online order",
        "catalog_object_id": _PRODUCT,
        "name": "lines.product_id of a line without catalog_object_id",
        "quantity": "lines.quantity; of what is weighed 1",
        "total_money": "lines.refund",
    },
    left={
        **_LINE_LEFT,
        DERIVED: f"{_LINE_LEFT[DERIVED]} base_price_money gross_sales_money total_tax_money total_discount_money",
        INTERNAL: "uid item_type catalog_version",
    },
)
FULFILLMENT = Shape(
    "fulfillments",
    {
        "uid": "event_id",
        "type": "an order with a fulfilment is an online order, one without a receipt",
        "state": "COMPLETED: order.shipped (SHIPMENT) or order.delivered",
    },
    left={NO_USE: "line_item_application entries metadata", PERSONAL: "delivery_details_recipient in_store_details"},
    inside={
        name: Shape(
            name,
            dict.fromkeys(times.split(), "occurred_at"),
            left={PERSONAL: "recipient", NO_USE: other},
        )
        for name, times, other in (
            (
                "shipment_details",
                "shipped_at",
                "carrier shipping_note shipping_type tracking_number tracking_url placed_at in_progress_at packaged_at "
                "expected_shipped_at canceled_at cancel_reason failed_at failure_reason",
            ),
            (
                "pickup_details",
                "picked_up_at",
                "expires_at auto_complete_duration schedule_type pickup_at pickup_window_duration "
                "prep_time_duration note "
                "placed_at accepted_at rejected_at ready_at expired_at canceled_at cancel_reason is_curbside_pickup "
                "curbside_pickup_details",
            ),
            (
                "delivery_details",
                "delivered_at",
                "schedule_type placed_at deliver_at prep_time_duration delivery_window_duration note completed_at "
                "in_progress_at rejected_at ready_at canceled_at cancel_reason courier_pickup_at "
                "courier_pickup_window_duration is_no_contact_delivery dropoff_notes courier_provider_name "
                "courier_support_phone_number square_delivery_id external_delivery_id managed_delivery",
            ),
        )
    },
)
ORDER = Shape(
    "order",
    {
        "id": "order_id; workstation_id of a receipt",
        "location_id": "store_id",
        "customer_id": "customer_id",
        "created_at": "occurred_at of order.placed; business_date (UTC)",
        "updated_at": "occurred_at of order.cancelled and refund.issued",
        "closed_at": "occurred_at of pos.receipt",
        "state": "COMPLETED makes a receipt; OPEN with a fulfilment an order; CANCELED order.cancelled; others none",
        "total_money": "total; a refund of as much is one of all lines",
    },
    left={
        PERSONAL: "ticket_name",
        FREE_TEXT: "metadata reference_id",
        DERIVED: "taxes discounts service_charges tips return_amounts net_amounts rounding_adjustment total_tax_money "
        "total_discount_money total_tip_money total_service_charge_money net_amount_due_money "
        "total_card_surcharge_money",
        "the topic refund.updated says it": "refunds",
        NO_USE: "pricing_options rewards source short_reference_id creator",
        INTERNAL: "version workflow workflow_version discount_codes",
    },
    inside={
        "line_items": LINE,
        "fulfillments": FULFILLMENT,
        "returns": Shape(
            "returns",
            {"uid": "return_id", "source_order_id": "order_id: the receipt or order"},
            left={
                DERIVED: "return_amounts return_taxes return_discounts return_service_charges return_tips "
                "rounding_adjustment"
            },
            inside={"return_line_items": RETURN_LINE},
        ),
        "tenders": Shape(
            "tenders",
            {"customer_id": "customer_id, of an order without one", "type": "payment_method; tenders.kind"},
            left={
                NO_USE: "amount_money note tip_money processing_fee_money card_details cash_details "
                "bank_account_details buy_now_pay_later_details square_account_details additional_recipients",
                INTERNAL: "id location_id transaction_id created_at payment_id",
            },
        ),
    },
)
NOTICE = Shape(
    "order_created, order_updated, order_fulfillment_updated",
    {"order_id": "the order that is fetched", "state": "drafts are not fetched"},
    left={INTERNAL: "version location_id created_at updated_at fulfillment_update"},
)
PAYMENT = Shape(
    "payment",
    {
        "order_id": "the order that is fetched",
        "status": "only COMPLETED payments are mapped",
        "customer_id": "customer_id, of an order without one",
    },
    hashed={"buyer_email_address": "email_hash"},
    left={
        PERSONAL: "billing_address shipping_address buyer_phone_number note statement_description_identifier",
        DERIVED: "amount_money tip_money total_money app_fee_money approved_money refunded_money processing_fee",
        NO_USE: "card_details cash_details external_details wallet_details bank_account_details "
        "buy_now_pay_later_details square_account_details source_type delay_duration delay_action delayed_until "
        "risk_evaluation device_details application_details terminal_checkout_id offline_payment_details capabilities "
        "receipt_number receipt_url is_offline_payment electronic_money_details app_fee_allocations",
        INTERNAL: "id created_at updated_at location_id reference_id team_member_id employee_id refund_ids "
        "version_token "
        "version",
    },
)
REFUND = Shape(
    "refund",
    {
        "id": "return_id, of a refund without itemised returns",
        "order_id": "the order that is fetched",
        "status": "only COMPLETED refunds are mapped",
        "amount_money": "all lines come back, if it is the order's total",
        "updated_at": "occurred_at",
        "created_at": "occurred_at, without updated_at",
    },
    left={
        FREE_TEXT: "reason",
        NO_USE: "app_fee_money processing_fee destination_type destination_details unlinked terminal_refund_id "
        "app_fee_allocations",
        INTERNAL: "location_id payment_id team_member_id version",
    },
)
CUSTOMER = Shape(
    "customer",
    {
        "id": "customer_id",
        "created_at": "registered_at",
        "updated_at": "occurred_at",
        "birthday": "birth_date; one without a year is left out",
        "company_name": "company",
    },
    hashed={
        "email_address": "contact_points.hash, email_domain",
        "phone_number": "contact_points.hash",
    },
    left={
        PERSONAL: "given_name family_name nickname",
        FREE_TEXT: "note reference_id",
        NO_USE: "cards groups group_ids segment_ids tax_ids",
        INTERNAL: "creation_source version",
    },
    inside={
        "address": Shape(
            "address",
            {"country": "country"},
            left={
                PERSONAL: "address_line_1 address_line_2 address_line_3 locality sublocality sublocality_2 "
                "sublocality_3 "
                "administrative_district_level_1 administrative_district_level_2 administrative_district_level_3 "
                "postal_code first_name last_name"
            },
        ),
        "preferences": Shape(
            "preferences", {"email_unsubscribed": "consents: true withdraws e-mail; false is no consent"}
        ),
    },
)
CATALOG = Shape(
    "catalogue object of type ITEM",
    {
        "id": "product_id (setting ingest_product_id)",
        "type": "only objects of type ITEM are mapped",
        "updated_at": "occurred_at",
        "is_deleted": "available",
    },
    left={
        INTERNAL: "version catalog_v1_ids created_at custom_attribute_values",
        NO_USE: "present_at_all_locations present_at_location_ids absent_at_location_ids image_id",
    },
    inside={
        "item_data": Shape(
            "item_data",
            {
                "name": "name",
                "category_id": "category, without the two below",
                "is_archived": "available",
            },
            left={
                NO_USE: "description abbreviation label_color is_taxable available_online available_for_pickup "
                "available_electronically tax_ids modifier_list_info product_type skip_modifier_screen item_options "
                "image_ids sort_name description_html description_plaintext channels ecom_seo_data "
                "food_and_beverage_details "
                "is_alcoholic ecom_uri ecom_image_uris ecom_available ecom_visibility"
            },
            inside={
                "reporting_category": Shape("reporting_category", {"id": "category"}, left={NO_USE: "ordinal"}),
                "categories": Shape("categories", {"id": "category (the first)"}, left={NO_USE: "ordinal"}),
                "variations": Shape(
                    "variations",
                    {"id": "product_id (setting ingest_product_id)", "is_deleted": "available"},
                    left={
                        INTERNAL: "type version updated_at created_at catalog_v1_ids custom_attribute_values",
                        NO_USE: "present_at_all_locations present_at_location_ids absent_at_location_ids image_id",
                    },
                    inside={
                        "item_variation_data": Shape(
                            "item_variation_data",
                            {
                                "sku": "product_id (setting ingest_product_id)",
                                "name": "name, after the item's",
                                "price_money": "prices",
                            },
                            left={
                                NO_USE: "upc ordinal pricing_type location_overrides track_inventory "
                                "inventory_alert_type "
                                "inventory_alert_threshold user_data service_duration available_for_booking "
                                "item_option_values measurement_unit_id sellable stockable image_ids team_member_ids "
                                "stockable_conversion transition_time",
                                INTERNAL: "item_id",
                            },
                        )
                    },
                ),
            },
        )
    },
)
ENVELOPE = Shape(
    "the event around each object",
    {
        "type": "the kind of payload",
        "created_at": "occurred_at of customer.erased and customer.merged",
    },
    left={INTERNAL: "merchant_id location_id event_id environment"},
    inside={
        "data": Shape(
            "data",
            {"deleted": "customer.erased, unless the customer was merged"},
            left={INTERNAL: "type id"},
            inside={
                "catalog_version": Shape("catalog_version", {"updated_at": "since when the catalogue is fetched"}),
                "object": Shape(
                    "object",
                    {},
                    inside={
                        "order_created": NOTICE,
                        "order_updated": NOTICE,
                        "order_fulfillment_updated": NOTICE,
                        "payment": PAYMENT,
                        "refund": REFUND,
                        "customer": CUSTOMER,
                        "catalog_version": Shape("catalog_version", {"updated_at": "since when it is fetched"}),
                        "event_context": Shape(
                            "event_context",
                            {},
                            inside={
                                "merge": Shape(
                                    "merge",
                                    {"from_customer_ids": "merged_id", "to_customer_id": "customer_id"},
                                )
                            },
                        ),
                    },
                ),
            },
        )
    },
)
SHAPES = (ENVELOPE, ORDER, CATALOG)
