/*
One row per day from the first event to the last decision.

date: Day.
year: Year.
quarter: Quarter, 1 to 4.
month: Month, 1 to 12.
month_start: First day of the month.
iso_year: Year of the ISO week.
iso_week: ISO week, 1 to 53.
iso_weekday: 1 Monday to 7 Sunday.
weekday_name: English name of the weekday.
is_weekend: Saturday or Sunday.
*/
CREATE OR REPLACE VIEW core.dim_dates AS
WITH bounds AS (
    SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM raw.customer_events
    UNION ALL
    SELECT min(decided_at), max(decided_at) FROM raw.decisions
),
days AS (
    SELECT CAST(unnest(generate_series(
        CAST(min(first) AT TIME ZONE 'UTC' AS DATE), CAST(max(last) AT TIME ZONE 'UTC' AS DATE), INTERVAL 1 DAY
    )) AS DATE) AS date
    FROM bounds
)
SELECT date, year(date) AS year, quarter(date) AS quarter, month(date) AS month,
    CAST(date_trunc('month', date) AS DATE) AS month_start, isoyear(date) AS iso_year, weekofyear(date) AS iso_week,
    isodow(date) AS iso_weekday, dayname(date) AS weekday_name, isodow(date) > 5 AS is_weekend
FROM days;
