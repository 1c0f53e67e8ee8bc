/*
The funnel of each campaign, gate by gate: how many decisions came to a gate, how many it stopped, how many went on. The
gates stand in the order in which they are asked; sent, at the end, is what was left, and its stopped are those taken back.
Decisions that still wait are not in it.

since: First moment of the period, by the logical time of the decision.
until: End of the period, exclusive.
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
place: Place of the gate in the funnel, from 1.
gate: Name of the gate; slot: another message, a cap or time decided at the release; sent: the end.
entered: Decisions that came to the gate.
stopped: Of these, stopped by it; of holdout: ghosts; of sent: cancelled or regretted later.
went_on: Of these, not stopped.
share_stopped: Stopped by entered, 0 to 1.
*/
CREATE OR REPLACE MACRO mart.gate_funnel(since := '-infinity'::TIMESTAMPTZ, until := 'infinity'::TIMESTAMPTZ) AS TABLE
WITH gate_order(gate, rank) AS (
    VALUES ('episode', 1), ('condition', 2), ('lifecycle', 3), ('consent', 4), ('holdout', 5), ('arm', 6), ('content', 7),
        ('products', 8), ('zone', 9), ('source_fresh', 10), ('frequency_cap', 11), ('quiet_hours', 12), ('capacity', 13),
        ('arbitration', 14), ('slot', 15), ('sent', 99)
),
counts AS (
    SELECT brand, campaign, coalesce(deciding_gate, 'sent') AS gate, count(*) AS decisions,
        count(*) FILTER (correction IS NOT NULL) AS undone
    FROM core.settled_decisions
    WHERE outcome <> 'held' AND decided_at >= since AND decided_at < until
    GROUP BY ALL
),
ends AS (
    FROM counts
    UNION ALL
    SELECT brand, campaign, 'sent', 0, 0 FROM counts GROUP BY brand, campaign HAVING NOT bool_or(gate = 'sent')
),
ordered AS (
    SELECT c.*, coalesce(o.rank, 50) AS rank FROM ends c LEFT JOIN gate_order o USING (gate)
)
SELECT brand, campaign, row_number() OVER gates AS place, gate,
    CAST(sum(decisions) OVER (gates ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS BIGINT) AS entered,
    CASE gate WHEN 'sent' THEN undone ELSE decisions END AS stopped, entered - stopped AS went_on,
    stopped / nullif(entered, 0) AS share_stopped
FROM ordered
WINDOW gates AS (PARTITION BY brand, campaign ORDER BY rank, gate)
ORDER BY brand, campaign, place;
