/*
Sales of all channels by day, net of returns. A return counts on the day it came back, under the channel of its
purchase, unknown when none is known. Cancelled orders and rejected returns count nowhere.

date: Day, UTC; key of core.dim_dates.
brand: =raw.customer_events.brand
market: =raw.customer_events.market
channel: web, app, phone, fax, email, sales_rep, marketplace, store, or unknown.
currency: Currency of the amounts, ISO 4217.
documents: Orders and receipts with a sale.
units_sold: Pieces sold.
sales_amount: Net amount sold, without tax.
units_returned: Pieces that came back.
returns_amount: Value of what came back.
net_amount: Sales less returns.
*/
CREATE OR REPLACE VIEW mart.daily_sales AS
WITH moves AS (
    SELECT order_date AS date, brand, market, channel, currency, order_id AS document_id, quantity, net_amount AS amount,
        false AS is_return
    FROM core.fct_order_lines WHERE NOT is_cancelled
    UNION ALL
    SELECT receipt_date, brand, market, 'store', currency, receipt_id, quantity, net_amount, kind = 'return'
    FROM core.fct_pos_lines
    UNION ALL
    SELECT return_date, brand, market, coalesce(channel, 'unknown'), currency, return_id, quantity, net_amount, true
    FROM core.fct_returns WHERE status <> 'rejected'
)
SELECT date, brand, market, channel, currency,
    count(DISTINCT document_id) FILTER (NOT is_return) AS documents,
    coalesce(sum(quantity) FILTER (NOT is_return), 0) AS units_sold,
    coalesce(sum(amount) FILTER (NOT is_return), 0) AS sales_amount,
    coalesce(sum(quantity) FILTER (is_return), 0) AS units_returned,
    coalesce(sum(amount) FILTER (is_return), 0) AS returns_amount,
    sales_amount - returns_amount AS net_amount
FROM moves
GROUP BY ALL;
