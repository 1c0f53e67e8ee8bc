/*
How many customers buy again soon after their first purchase, by the month of the first one. Purchases of which nothing
was kept do not count. Only customers whose time is over by the end of the data are reckoned, so that a young cohort does
not look worse than it is.

days: Within how many days of the first purchase the second has to come.
brand: =raw.customer_events.brand
cohort: Month of the first purchase, its first day.
customers: Customers with their first purchase in it.
observed: Of these, whose days are over.
bought_again: Of the observed, with a second purchase in time.
rate: Bought again by observed, 0 to 1.
rate_low: Lower end of the 95% interval of the rate (mart.wilson_low).
rate_high: Upper end of it.
*/
CREATE OR REPLACE MACRO mart.second_purchase_rate(days := 30) AS TABLE
WITH numbered AS (
    SELECT brand, customer_id, bought_at,
        row_number() OVER (PARTITION BY brand, customer_id ORDER BY bought_at, document_id) AS number,
        lead(bought_at) OVER (PARTITION BY brand, customer_id ORDER BY bought_at, document_id) AS next_at
    FROM core.fct_purchases
    WHERE is_kept AND customer_id IS NOT NULL
),
firsts AS (
    SELECT brand, CAST(date_trunc('month', bought_at AT TIME ZONE 'UTC') AS DATE) AS cohort,
        bought_at + to_days(days) <= data_until AS is_observed,
        coalesce(next_at <= bought_at + to_days(days), false) AS again
    FROM numbered, core.data_until
    WHERE number = 1
)
SELECT brand, cohort, count(*) AS customers, count(*) FILTER (is_observed) AS observed,
    count(*) FILTER (is_observed AND again) AS bought_again, bought_again / nullif(observed, 0) AS rate,
    mart.wilson_low(bought_again, observed) AS rate_low, mart.wilson_high(bought_again, observed) AS rate_high
FROM firsts
GROUP BY brand, cohort
ORDER BY brand, cohort;
