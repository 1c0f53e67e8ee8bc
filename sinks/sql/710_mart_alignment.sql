/*
The alignment report of a month: what marketing, sales and IT read together each period, one line a figure. cuepoint report
shows it as a page. Lines stand in the order in which they are read.

of_month: First day of the month, such as DATE '2011-11-01'.
section: sales, campaigns, it or content.
subject: What the line is about: brand, market, channel and category of a forecast (* all); a campaign; a source; content.
figure: Which figure: net sales, gap to forecast, messages, and so on.
value: The figure; shares are 0 to 1.
unit: Unit of the value: a currency, messages, share, seconds, records, hours or decisions.
note: What a reader has to know to judge it.
*/
CREATE OR REPLACE MACRO mart.alignment(of_month) AS TABLE
WITH sales AS (
    SELECT concat_ws(' ', brand, CASE WHEN forecast IS NULL THEN 'without forecast' ELSE concat_ws(' ', market, channel, category) END)
            AS subject, currency, sum(actual) AS actual, sum(gap) AS gap, any_value(gap_share) AS gap_share,
        sum(triggered) AS triggered, bool_and(is_over) AS is_over
    FROM mart.forecast_vs_actual() WHERE month = CAST(of_month AS DATE)
    GROUP BY ALL
),
results AS (
    SELECT concat_ws(' ', brand, campaign) AS subject, *
    FROM mart.campaign_results(
        since := CAST(of_month AS TIMESTAMP) AT TIME ZONE 'UTC',
        until := (CAST(of_month AS TIMESTAMP) + INTERVAL 1 MONTH) AT TIME ZONE 'UTC'
    )
),
undone AS (
    SELECT concat_ws(' ', brand, campaign) AS subject, count(*) AS regretted
    FROM core.settled_decisions
    WHERE final_outcome = 'regretted' AND date_trunc('month', decision_date) = CAST(of_month AS DATE)
    GROUP BY ALL
),
lines AS (
    SELECT 1 AS part, 'sales' AS section, subject, 'net sales' AS figure, CAST(actual AS DOUBLE) AS value, currency AS unit,
        CASE WHEN NOT is_over THEN 'the month is not over' END AS note
    FROM sales
    UNION ALL
    SELECT 1, 'sales', subject, 'gap to forecast', CAST(gap AS DOUBLE), currency, printf('%+.1f%% of forecast', 100 * gap_share)
    FROM sales WHERE gap IS NOT NULL
    UNION ALL
    SELECT 1, 'sales', subject, 'triggered', CAST(triggered AS DOUBLE), currency, 'within 14 days after a message'
    FROM sales WHERE triggered <> 0
    UNION ALL
    SELECT DISTINCT 2, 'campaigns', subject, 'messages', messages, 'messages', NULL FROM results
    UNION ALL
    SELECT 2, 'campaigns', subject, 'net sales after messages', CAST(net_amount AS DOUBLE), currency, 'within 14 days'
    FROM results WHERE currency IS NOT NULL
    UNION ALL
    SELECT 2, 'campaigns', subject, 'regretted', regretted, 'messages', 'false positives' FROM undone
    UNION ALL
    SELECT 2, 'campaigns', concat_ws(' ', brand, campaign), 'uplift', uplift, 'share',
        concat_ws('; ', printf('95%%: %.4f to %.4f', uplift_low, uplift_high), 'all periods', warning)
    FROM mart.uplift() WHERE uplift IS NOT NULL
    UNION ALL
    SELECT 3, 'it', source, 'behind the newest source', behind_s, 'seconds', NULL FROM mart.source_health WHERE behind_s > 0
    UNION ALL
    SELECT 3, 'it', source, 'quarantined', quarantined_share, 'share', quarantined || ' records' FROM mart.source_health WHERE quarantined > 0
    UNION ALL
    SELECT 3, 'it', source, 'late', late_share, 'share', 'of the accepted' FROM mart.source_health WHERE late_share > 0
    UNION ALL
    SELECT 3, 'it', g.source, 'outage', g.gap_hours, 'hours', 'from ' || strftime(g.begins_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M')
    FROM mart.source_gaps(hours := 24) g
    WHERE date_trunc('month', g.begins_at AT TIME ZONE 'UTC') <= of_month AND g.ends_at AT TIME ZONE 'UTC' > of_month
    UNION ALL
    SELECT 3, 'it', source || ' ' || field, 'missing', missing_share, 'share', costs FROM mart.missing_fields WHERE missing > 0
    UNION ALL
    SELECT 4, 'content', concat_ws(' ', brand, campaign, content_key), 'decisions lost', decisions_lost, 'decisions',
        concat_ws(': ', market, wanted)
    FROM mart.content_backlog(
        since := CAST(of_month AS TIMESTAMP) AT TIME ZONE 'UTC',
        until := (CAST(of_month AS TIMESTAMP) + INTERVAL 1 MONTH) AT TIME ZONE 'UTC'
    )
)
SELECT section, subject, figure, value, unit, note FROM lines ORDER BY part, CASE part WHEN 4 THEN -value END, subject, figure, note;
