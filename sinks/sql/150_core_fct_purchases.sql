/*
One row per purchase, order or receipt, with what came back of it later.

brand: =raw.customer_events.brand
document_id: Order or receipt.
customer_id: Customer, as known now; NULL for a guest.
market: =raw.customer_events.market
channel: Channel of the order; store for a receipt.
currency: Currency of the amounts, ISO 4217.
bought_at: When it was bought.
sales_amount: Net amount sold, without tax.
returned_amount: Value of what came back of it.
net_amount: Sales less returns.
is_kept: Whether anything of it was kept.
*/
CREATE OR REPLACE VIEW core.fct_purchases AS
WITH sold AS (
    SELECT brand, document_id, any_value(customer_id) AS customer_id, any_value(market) AS market,
        any_value(channel) AS channel, any_value(currency) AS currency, min(moved_at) AS bought_at,
        sum(quantity) AS quantity, sum(amount) AS amount
    FROM core.fct_sales_moves WHERE kind = 'sale'
    GROUP BY brand, document_id
),
back AS (
    SELECT brand, document_id, sum(quantity) AS quantity, sum(amount) AS amount
    FROM core.fct_sales_moves WHERE kind = 'return' AND document_id IS NOT NULL
    GROUP BY brand, document_id
)
SELECT s.brand, s.document_id, s.customer_id, s.market, s.channel, s.currency, s.bought_at, s.amount AS sales_amount,
    coalesce(b.amount, 0) AS returned_amount, s.amount - coalesce(b.amount, 0) AS net_amount,
    s.quantity > coalesce(b.quantity, 0) AS is_kept
FROM sold s LEFT JOIN back b USING (brand, document_id);
