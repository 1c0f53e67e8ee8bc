/*
Forecast against actual net sales, by month, market, channel and category, and what the triggers contributed: net sales
of purchases that followed a message within the window (mart.attributed_purchases). A forecast with * counts everything of
that kind. Sales that no forecast of the month covers have a row without one. Returns count in the month in which they
came back.

days: The attribution window, days after the message.
brand: =raw.customer_events.brand
month: First day of the month.
market: Market; * all.
channel: Channel of the purchase; * all.
category: Category; * all.
currency: Currency of the amounts, ISO 4217.
forecast: Net sales that were expected; NULL when nobody said.
actual: Net sales: sold, less what came back.
gap: Actual less forecast.
gap_share: Gap by forecast.
triggered: Of the actual, what followed messages.
triggered_share: Triggered by actual.
is_over: Whether the data cover the whole month.
*/
CREATE OR REPLACE MACRO mart.forecast_vs_actual(days := 14) AS TABLE
WITH sales AS (
    SELECT m.brand, CAST(date_trunc('month', m.date) AS DATE) AS month, m.market, m.channel, coalesce(m.category, 'unknown') AS category,
        m.currency, CASE m.kind WHEN 'sale' THEN m.amount ELSE -m.amount END AS amount,
        a.document_id IS NOT NULL AS is_triggered
    FROM core.fct_sales_moves m
    LEFT JOIN (SELECT DISTINCT brand, document_id FROM mart.attributed_purchases(days := days)) a
        ON a.brand = m.brand AND a.document_id = m.document_id
),
actual AS (
    SELECT brand, month, market, channel, category, currency, sum(amount) AS amount,
        coalesce(sum(amount) FILTER (is_triggered), 0) AS triggered
    FROM sales
    GROUP BY ALL
),
covered AS (
    SELECT f.brand, f.month, f.market, f.channel, f.category, f.currency, any_value(f.net_sales) AS forecast,
        coalesce(sum(a.amount), 0) AS actual, coalesce(sum(a.triggered), 0) AS triggered
    FROM mart.forecasts f
    LEFT JOIN actual a ON a.brand = f.brand AND a.month = f.month AND a.currency = f.currency
        AND (f.market = '*' OR f.market = a.market) AND (f.channel = '*' OR f.channel = a.channel)
        AND (f.category = '*' OR f.category = a.category)
    GROUP BY ALL
),
uncovered AS (
    SELECT a.brand, a.month, a.market, a.channel, a.category, a.currency, CAST(NULL AS DECIMAL(18, 3)) AS forecast,
        a.amount AS actual, a.triggered
    FROM actual a
    WHERE NOT EXISTS (
        SELECT 1 FROM mart.forecasts f
        WHERE f.brand = a.brand AND f.month = a.month AND f.currency = a.currency
            AND (f.market = '*' OR f.market = a.market) AND (f.channel = '*' OR f.channel = a.channel)
            AND (f.category = '*' OR f.category = a.category)
    )
)
SELECT r.brand, r.month, r.market, r.channel, r.category, r.currency, r.forecast, r.actual, r.actual - r.forecast AS gap,
    CAST((r.actual - r.forecast) / nullif(r.forecast, 0) AS DOUBLE) AS gap_share, r.triggered,
    CAST(r.triggered / nullif(r.actual, 0) AS DOUBLE) AS triggered_share,
    coalesce(r.month + INTERVAL 1 MONTH <= (SELECT data_until AT TIME ZONE 'UTC' FROM core.data_until), false) AS is_over
FROM (FROM covered UNION ALL FROM uncovered) r
ORDER BY r.brand, r.month, r.market, r.channel, r.category, r.currency;
