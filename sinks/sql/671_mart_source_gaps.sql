/*
Outages: times in which nothing happened in a source, longest first. Judged by when events happened, to the hour, so a
shop's quiet nights show too; choose the hours above them.

hours: Shortest gap that counts, hours without an event.
source: Input topic without prefix.
begins_at: End of the last hour with an event.
ends_at: Begin of the next hour with one.
gap_hours: Hours between them.
*/
CREATE OR REPLACE MACRO mart.source_gaps(hours := 24) AS TABLE
WITH busy AS (
    SELECT source, date_trunc('hour', occurred_at) AS hour
    FROM raw.customer_events
    WHERE source NOT IN ('identity', 'decide', 'capacity', 'campaigns', 'control')
    GROUP BY ALL
),
gaps AS (
    SELECT source, hour + INTERVAL 1 HOUR AS begins_at, lead(hour) OVER (PARTITION BY source ORDER BY hour) AS ends_at FROM busy
)
SELECT source, begins_at, ends_at, date_diff('hour', begins_at, ends_at) AS gap_hours
FROM gaps
WHERE gap_hours >= hours
ORDER BY gap_hours DESC, source, begins_at;
