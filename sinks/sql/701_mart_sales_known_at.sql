/*
Net sales of each day as they were known at a moment, beside what is known now: late receipts, changed and cancelled orders
and returns change days that were closed. What was known is by effective_at, the time the pipeline orders by: an event
that came late has the time of its arrival. Returns count on their own day, in all channels together. Of customers who
were erased since nothing is left, in either column.

moment: The moment.
date: Day, UTC.
brand: =raw.customer_events.brand
currency: Currency of the amounts, ISO 4217.
net_then: Net sales as known at the moment.
net_now: Net sales as known now.
change: Now less then.
*/
CREATE OR REPLACE MACRO mart.sales_known_at(moment) AS TABLE
WITH moves AS (
    SELECT order_date AS date, brand, currency, net_amount AS known_then, 0 AS known_now FROM core.order_lines_at(moment) WHERE NOT is_cancelled
    UNION ALL
    SELECT receipt_date, brand, currency, CASE kind WHEN 'sale' THEN net_amount ELSE -net_amount END, 0 FROM core.pos_lines_at(moment)
    UNION ALL
    SELECT return_date, brand, currency, -net_amount, 0 FROM core.returns_at(moment) WHERE status <> 'rejected'
    UNION ALL
    SELECT date, brand, currency, 0, CASE kind WHEN 'sale' THEN amount ELSE -amount END FROM core.fct_sales_moves
)
SELECT date, brand, currency, coalesce(sum(known_then), 0) AS net_then, coalesce(sum(known_now), 0) AS net_now, net_now - net_then AS change
FROM moves
GROUP BY ALL
HAVING date <= CAST(moment AT TIME ZONE 'UTC' AS DATE)
ORDER BY date, brand, currency;
