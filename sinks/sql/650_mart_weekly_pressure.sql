/*
How many customers got how many messages in a week: all brands' channels and campaigns together, by brand. Weeks without
a message are not counted. By customer: mart.customer_pressure.

since: First moment of the period, by the logical time of the message.
until: End of the period, exclusive.
brand: =raw.decisions.brand
week: Monday of the week, UTC.
messages: Messages that a customer got in the week; those taken back do not count.
customers: How many customers got so many.
*/
CREATE OR REPLACE MACRO mart.weekly_pressure(since := '-infinity'::TIMESTAMPTZ, until := 'infinity'::TIMESTAMPTZ) AS TABLE
WITH weeks AS (
    SELECT brand, CAST(date_trunc('week', decided_at AT TIME ZONE 'UTC') AS DATE) AS week, count(*) AS messages
    FROM core.settled_decisions
    WHERE final_outcome IN ('sent', 'regretted') AND decided_at >= since AND decided_at < until
    GROUP BY brand, week, customer_id
)
SELECT brand, week, messages, count(*) AS customers FROM weeks GROUP BY ALL ORDER BY ALL;
