/*
One row per line sold or brought back, in all channels: the one place that says what counts as sales. A cancelled order
and a rejected return count nowhere. A return at the till names no purchase: it is matched to the customer's latest
purchase of the product in the 90 days before, as a return without an order is.

moved_at: When it was sold or came back.
date: Day of it, UTC; key of core.dim_dates.
kind: sale or return.
brand: =raw.customer_events.brand
market: =raw.customer_events.market
channel: Channel of the purchase; store for a till; unknown for a return whose purchase is not known.
category: Category on the line, else in the catalogue, else on another line of the product; NULL when none was given.
currency: Currency of the amount, ISO 4217.
move_id: Order, receipt or return.
document_id: Order or receipt of the purchase; NULL for a return whose purchase is not known.
customer_id: Customer, as known now; NULL for a guest.
product_id: =raw.event_lines.product_id
quantity: =raw.event_lines.quantity
amount: Net amount without tax, positive for returns too; NULL for a return of unknown value.
*/
CREATE OR REPLACE VIEW core.fct_sales_moves AS
WITH categories AS (
    SELECT product_id, arg_min(category, rank) AS category
    FROM (
        SELECT data->>'product' AS product_id, data->>'category' AS category, 1 AS rank
        FROM raw.customer_events WHERE type = 'catalog.item'
        QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY effective_at DESC, event_id DESC) = 1
        UNION ALL
        SELECT product_id, max(category), 2 FROM raw.event_lines WHERE category IS NOT NULL GROUP BY product_id
    )
    WHERE category IS NOT NULL
    GROUP BY product_id
),
till_returns AS (
    SELECT r.*, CASE WHEN r.sold_at <= p.bought_at + INTERVAL 90 DAYS THEN p.document_id END AS document_id
    FROM (FROM core.fct_pos_lines WHERE kind = 'return') r
    ASOF LEFT JOIN (FROM core.purchased_items WHERE customer_id IS NOT NULL) p
        ON p.brand = r.brand AND p.customer_id = r.customer_id AND p.product_id = r.product_id AND p.bought_at <= r.sold_at
),
moves AS (
    SELECT ordered_at AS moved_at, order_date AS date, 'sale' AS kind, brand, market, channel, category, currency,
        order_id AS move_id, order_id AS document_id, customer_id, product_id, quantity, net_amount AS amount
    FROM core.fct_order_lines WHERE NOT is_cancelled
    UNION ALL
    SELECT sold_at, receipt_date, 'sale', brand, market, 'store', category, currency, receipt_id, receipt_id, customer_id,
        product_id, quantity, net_amount
    FROM core.fct_pos_lines WHERE kind = 'sale'
    UNION ALL
    SELECT sold_at, receipt_date, 'return', brand, market, 'store', category, currency, receipt_id, document_id,
        customer_id, product_id, quantity, net_amount
    FROM till_returns
    UNION ALL
    SELECT returned_at, return_date, 'return', brand, market, coalesce(channel, 'unknown'), NULL, currency, return_id,
        order_id, customer_id, product_id, quantity, net_amount
    FROM core.fct_returns WHERE status <> 'rejected'
)
SELECT m.moved_at, m.date, m.kind, m.brand, m.market, m.channel, coalesce(m.category, c.category) AS category, m.currency,
    m.move_id, m.document_id, m.customer_id, m.product_id, m.quantity, m.amount
FROM moves m LEFT JOIN categories c USING (product_id);
