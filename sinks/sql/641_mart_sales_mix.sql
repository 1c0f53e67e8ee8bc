/*
Purchases by month and channel: where customers buy.

brand: =raw.customer_events.brand
month: Month of the purchase, its first day.
channel: =core.fct_purchases.channel
currency: Currency of the amounts, ISO 4217.
purchases: Orders and receipts.
guests: Of these, of nobody known.
sales_amount: Net amount sold, without tax.
returned_amount: Of this, what came back by now.
net_amount: Sales less returns.
share: Share of the brand's sales amount of the month in the currency, 0 to 1.
*/
CREATE OR REPLACE VIEW mart.sales_mix AS
SELECT p.brand, p.month, p.channel, p.currency,
    count(*) AS purchases, count(*) FILTER (customer_id IS NULL) AS guests, sum(p.sales_amount) AS sales_amount,
    sum(p.returned_amount) AS returned_amount, sum(p.net_amount) AS net_amount,
    CAST(sum(p.sales_amount) / nullif(sum(sum(p.sales_amount)) OVER (PARTITION BY p.brand, p.month, p.currency), 0) AS DOUBLE) AS share
FROM (SELECT *, CAST(date_trunc('month', bought_at AT TIME ZONE 'UTC') AS DATE) AS month FROM core.fct_purchases) p
GROUP BY p.brand, p.month, p.channel, p.currency
ORDER BY p.brand, p.month, p.channel, p.currency;
