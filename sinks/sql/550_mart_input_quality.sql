/*
What became of every record that came in, by source. Intake counts received, ignored and quarantined, decide accepted
and duplicate; the sink tells accepted from duplicate for events without a customer. Once everything is processed,
received = accepted + duplicate + ignored + quarantined.

source: =meta.stage_counts.source
received: =meta.stage_counts.received
accepted: Facts, each counted once.
duplicate: Copies.
ignored: =meta.stage_counts.ignored
quarantined: =meta.stage_counts.quarantined
late: =meta.stage_counts.late
guests: Of the accepted, those without a customer.
in_flight: Received and not accounted for yet; 0 once everything is processed.
*/
CREATE OR REPLACE VIEW mart.input_quality AS
WITH counts AS (
    SELECT source, CAST(sum(received) AS BIGINT) AS received, CAST(sum(ignored) AS BIGINT) AS ignored,
        CAST(sum(quarantined) AS BIGINT) AS quarantined, CAST(sum(accepted) AS BIGINT) AS accepted,
        CAST(sum(duplicate) AS BIGINT) AS duplicate, CAST(sum(late) AS BIGINT) AS late
    FROM meta.stage_counts
    GROUP BY source
    HAVING count(*) FILTER (stage = 'intake') > 0
),
guests AS (
    SELECT source, count(*) AS events,
        count(DISTINCT (customer_id, coalesce(nullif(natural_id, ''), event_id))) AS facts
    FROM raw.customer_events
    WHERE starts_with(customer_id, 'none:')
    GROUP BY source
),
totals AS (
    SELECT source, coalesce(c.received, 0) AS received, coalesce(c.accepted, 0) + coalesce(g.facts, 0) AS accepted,
        coalesce(c.duplicate, 0) + coalesce(g.events - g.facts, 0) AS duplicate, coalesce(c.ignored, 0) AS ignored,
        coalesce(c.quarantined, 0) AS quarantined, coalesce(c.late, 0) AS late, coalesce(g.facts, 0) AS guests
    FROM counts c FULL JOIN guests g USING (source)
)
SELECT *, received - accepted - duplicate - ignored - quarantined AS in_flight
FROM totals
ORDER BY source;
