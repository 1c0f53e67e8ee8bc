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
SELECT date, brand, market, channel, currency,
    count(DISTINCT move_id) FILTER (kind = 'sale') AS documents,
    coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units_sold,
    coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS sales_amount,
    coalesce(sum(quantity) FILTER (kind = 'return'), 0) AS units_returned,
    coalesce(sum(amount) FILTER (kind = 'return'), 0) AS returns_amount,
    sales_amount - returns_amount AS net_amount
FROM core.fct_sales_moves
GROUP BY ALL;
