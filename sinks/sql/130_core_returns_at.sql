/*
One row per line of every return, each return once with its latest state; returns at the till are in
core.fct_pos_lines. A return without an order is matched to the customer's latest purchase of the product in the 90
days before; its value is the refund, else what that purchase cost. The decision core matches line by line
(docs/semantics.md); this is its figure for sales.
As it was known at a moment: with what had arrived (effective_at) until then. core.fct_returns is the same as of now.

known_until: The moment; 'infinity': now.
return_id: Return.
line_number: =raw.event_lines.line_number
status: requested, received, refunded, or rejected: then the customer keeps the goods and it is no return.
customer_id: Customer the return belongs to now; NULL for a guest.
is_guest: Whether the return names no customer.
brand: =raw.customer_events.brand
market: =raw.customer_events.market
returned_at: When the latest state of the return happened.
return_date: Day of it, UTC; key of core.dim_dates.
order_id: Order or receipt that the return names, else the one it was matched to; NULL: none is known.
channel: Channel of that purchase; NULL when it is not known.
product_id: =raw.event_lines.product_id
quantity: =raw.event_lines.quantity
reason: =raw.event_lines.reason
currency: Currency of the amounts, ISO 4217.
net_minor: Value of what came back in minor units; NULL when it is not known.
net_amount: Value of what came back.
value_source: refund, purchase, or unknown: where the value comes from.
*/
CREATE OR REPLACE MACRO core.returns_at(known_until) AS TABLE
WITH events AS (
    SELECT e.*, l.document_id
    FROM core.accepted_events(['return.requested', 'return.received', 'return.rejected', 'refund.issued'], known_until := known_until) e
    JOIN raw.event_lines l USING (kafka_partition, kafka_offset)
    WHERE l.line_number = 1
    QUALIFY row_number() OVER (
        PARTITION BY e.customer_id, e.brand, l.document_id ORDER BY e.effective_at DESC, e.event_id DESC
    ) = 1
),
lines AS (
    SELECT l.document_id AS return_id, l.line_number, e.type, e.customer_id, e.is_guest, e.brand, e.market, e.occurred_at,
        e.currency, l.order_id, l.product_id, l.quantity, l.reason, l.refund_minor
    FROM events e JOIN raw.event_lines l USING (kafka_partition, kafka_offset)
),
bought AS MATERIALIZED (
    SELECT p.* FROM core.purchased_items_at(known_until) p SEMI JOIN lines USING (brand, product_id)
),
named AS (
    SELECT r.*, p.channel, p.quantity AS bought_quantity, p.net_minor AS bought_minor
    FROM lines r
    LEFT JOIN bought p ON p.brand = r.brand AND p.document_id = r.order_id AND p.product_id = r.product_id
    WHERE r.order_id IS NOT NULL
),
latest AS (
    SELECT r.*, p.document_id, p.channel, p.quantity AS bought_quantity, p.net_minor AS bought_minor,
        r.occurred_at <= p.bought_at + INTERVAL 90 DAYS AS in_time
    FROM (FROM lines WHERE order_id IS NULL) r
    ASOF LEFT JOIN (FROM bought WHERE customer_id IS NOT NULL) p
        ON p.brand = r.brand AND p.customer_id = r.customer_id AND p.product_id = r.product_id
        AND p.bought_at <= r.occurred_at
),
matched AS (
    SELECT * EXCLUDE (document_id, in_time) REPLACE (
        CASE WHEN in_time THEN document_id END AS order_id,
        CASE WHEN in_time THEN channel END AS channel,
        CASE WHEN in_time THEN bought_quantity END AS bought_quantity,
        CASE WHEN in_time THEN bought_minor END AS bought_minor
    )
    FROM latest
)
SELECT return_id, line_number,
    CASE type
        WHEN 'return.requested' THEN 'requested' WHEN 'return.received' THEN 'received'
        WHEN 'return.rejected' THEN 'rejected' ELSE 'refunded'
    END AS status,
    CASE WHEN NOT is_guest THEN customer_id END AS customer_id, is_guest, brand, market, occurred_at AS returned_at,
    CAST(occurred_at AT TIME ZONE 'UTC' AS DATE) AS return_date, order_id, channel, product_id, quantity, reason,
    r.currency, coalesce(refund_minor, bought_minor * quantity // bought_quantity) AS net_minor,
    net_minor * u.minor_unit AS net_amount,
    CASE WHEN refund_minor IS NOT NULL THEN 'refund' WHEN bought_minor IS NOT NULL THEN 'purchase' ELSE 'unknown' END
        AS value_source
FROM (FROM named UNION ALL BY NAME FROM matched) r
LEFT JOIN core.dim_currencies u ON u.currency = r.currency;
