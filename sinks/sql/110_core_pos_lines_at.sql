/*
One row per line of every till receipt, sales and returns at the till, with a card or without, each receipt once.
As it was known at a moment: with what had arrived (effective_at) until then. core.fct_pos_lines is the same as of now.

known_until: The moment; 'infinity': now.
receipt_id: Store, workstation, business date and sequence number.
line_number: =raw.event_lines.line_number
kind: =raw.event_lines.kind
customer_id: Customer the receipt belongs to now; NULL when none is known.
is_guest: Whether the receipt names no customer.
brand: =raw.customer_events.brand
market: =raw.customer_events.market
store_id: =raw.event_lines.store_id
sold_at: When it was rung up.
receipt_date: Day of the receipt, UTC; key of core.dim_dates.
product_id: =raw.event_lines.product_id
category: =raw.event_lines.category
quantity: =raw.event_lines.quantity
currency: Currency of the amounts, ISO 4217.
unit_price: =core.fct_order_lines.unit_price
discount_amount: =core.fct_order_lines.discount_amount
tax_amount: =core.fct_order_lines.tax_amount
net_minor: =core.fct_order_lines.net_minor
net_amount: Quantity by unit price, less discount, without tax; positive for returns too.
gross_amount: =core.fct_order_lines.gross_amount
*/
CREATE OR REPLACE MACRO core.pos_lines_at(known_until) AS TABLE
SELECT l.document_id AS receipt_id, l.line_number, l.kind, CASE WHEN NOT e.is_guest THEN e.customer_id END AS customer_id,
    e.is_guest, e.brand, e.market, l.store_id, e.occurred_at AS sold_at,
    CAST(e.occurred_at AT TIME ZONE 'UTC' AS DATE) AS receipt_date,
    l.product_id, l.category, l.quantity, e.currency,
    l.unit_price_minor * u.minor_unit AS unit_price,
    l.discount_minor * u.minor_unit AS discount_amount,
    l.tax_minor * u.minor_unit AS tax_amount,
    l.quantity * l.unit_price_minor - l.discount_minor AS net_minor,
    net_minor * u.minor_unit AS net_amount,
    (net_minor + l.tax_minor) * u.minor_unit AS gross_amount
FROM core.accepted_events(['pos.receipt'], known_until := known_until) e
JOIN raw.event_lines l USING (kafka_partition, kafka_offset)
LEFT JOIN core.dim_currencies u ON u.currency = e.currency;
