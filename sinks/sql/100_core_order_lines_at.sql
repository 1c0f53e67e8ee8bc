/*
One row per line of every order of all channels but the till, guests included, each order once. An order that was
changed has its latest lines.
As it was known at a moment: with what had arrived (effective_at) until then. core.fct_order_lines is the same as of now.

known_until: The moment; 'infinity': now.
order_id: Order.
line_id: =raw.event_lines.line_id
line_number: =raw.event_lines.line_number
customer_id: Customer the order belongs to now; NULL for a guest.
is_guest: Whether the order names no customer.
brand: =raw.customer_events.brand
market: =raw.customer_events.market
channel: =raw.event_lines.channel
ordered_at: When it was ordered.
order_date: Day of the order, UTC; key of core.dim_dates.
product_id: =raw.event_lines.product_id
category: =raw.event_lines.category
quantity: =raw.event_lines.quantity
currency: Currency of the amounts, ISO 4217.
unit_price: Price of a piece before discount and tax.
discount_amount: Discount on the whole line.
tax_amount: Tax on the whole line.
net_minor: Net amount in minor units of the currency.
net_amount: Quantity by unit price, less discount, without tax.
gross_amount: Net amount plus tax.
is_changed: Whether the order was changed after it was placed.
is_cancelled: Whether the whole order was cancelled; its lines are no sales.
*/
CREATE OR REPLACE MACRO core.order_lines_at(known_until) AS TABLE
WITH placed AS (
    SELECT e.*, l.document_id AS order_id, l.channel
    FROM core.accepted_events(['order.placed'], known_until := known_until) e
    JOIN raw.event_lines l USING (kafka_partition, kafka_offset)
    WHERE l.line_number = 1
),
changed AS (
    SELECT e.brand, l.document_id AS order_id, e.kafka_partition, e.kafka_offset
    FROM core.accepted_events(['order.changed'], known_until := known_until) e
    JOIN raw.event_lines l USING (kafka_partition, kafka_offset)
    WHERE l.line_number = 1
    QUALIFY row_number() OVER (PARTITION BY e.brand, l.document_id ORDER BY e.effective_at DESC, e.event_id DESC) = 1
),
cancelled AS (
    SELECT DISTINCT brand, data->>'order' AS order_id FROM raw.customer_events
    WHERE type = 'order.cancelled' AND effective_at <= known_until
),
orders AS (
    SELECT p.order_id, p.customer_id, p.is_guest, p.brand, p.market, p.channel, p.occurred_at, p.currency,
        coalesce(c.kafka_partition, p.kafka_partition) AS lines_partition,
        coalesce(c.kafka_offset, p.kafka_offset) AS lines_offset,
        c.order_id IS NOT NULL AS is_changed,
        x.order_id IS NOT NULL AS is_cancelled
    FROM placed p LEFT JOIN changed c USING (brand, order_id) LEFT JOIN cancelled x USING (brand, order_id)
)
SELECT o.order_id, l.line_id, l.line_number, CASE WHEN NOT o.is_guest THEN o.customer_id END AS customer_id, o.is_guest,
    o.brand, o.market, o.channel, o.occurred_at AS ordered_at, CAST(o.occurred_at AT TIME ZONE 'UTC' AS DATE) AS order_date,
    l.product_id, l.category, l.quantity, o.currency,
    l.unit_price_minor * u.minor_unit AS unit_price,
    l.discount_minor * u.minor_unit AS discount_amount,
    l.tax_minor * u.minor_unit AS tax_amount,
    l.quantity * l.unit_price_minor - l.discount_minor AS net_minor,
    net_minor * u.minor_unit AS net_amount,
    (net_minor + l.tax_minor) * u.minor_unit AS gross_amount,
    o.is_changed, o.is_cancelled
FROM orders o
JOIN raw.event_lines l ON l.kafka_partition = o.lines_partition AND l.kafka_offset = o.lines_offset
LEFT JOIN core.dim_currencies u ON u.currency = o.currency;
