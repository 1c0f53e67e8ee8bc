/*
One row per decision, sent or not, with its correction if there was one: core.fct_decisions without what needs the
records of waiting. What marts read, since it never groups all decisions.

decision_id: =raw.decisions.decision_id
final_outcome: How it ended: the correction if there was one, else the outcome.
outcome: What was decided: sent, suppressed, ghost, or held as long as it waits.
reason: =raw.decisions.reason
correction: cancelled or regretted; NULL when nothing undid the decision.
correction_reason: What undid it, from the closed list of reasons.
corrected_at: Logical time of the correction.
is_late_correction: Whether an event that arrived after its time undid it.
brand: =raw.decisions.brand
market: =raw.decisions.market
customer_id: Customer the decision belongs to now.
campaign: =raw.decisions.campaign
campaign_version: =raw.decisions.campaign_version
occasion: =raw.decisions.occasion
episode: =raw.decisions.episode
step: =raw.decisions.step
channel: =raw.decisions.channel
due_at: =raw.decisions.due_at
decided_at: Logical time of the decision.
decision_date: Day of the decision, UTC; key of core.dim_dates.
valid_until: =raw.decisions.valid_until
handed_over: Whether a send went to the channel's topic.
deciding_gate: =raw.decisions.deciding_gate
gates: =raw.decisions.gates
items: =raw.decisions.items
offer: =raw.decisions.offer
content_key: =raw.decisions.content_key
language: =raw.decisions.language
inputs: =raw.decisions.inputs
arm: =raw.decisions.arm
mixed: =raw.decisions.mixed
*/
CREATE OR REPLACE VIEW core.settled_decisions AS
WITH corrections AS (
    SELECT decision_id,
        arg_min({'outcome': outcome, 'reason': reason, 'at': decided_at, 'late': late}, (decided_at, kafka_partition, kafka_offset)) AS correction
    FROM raw.decisions
    WHERE outcome IN ('cancelled', 'regretted')
    GROUP BY decision_id
),
finals AS (
    SELECT d.*
    FROM raw.decisions d ANTI JOIN meta.repeated_decisions r USING (kafka_partition, kafka_offset)
    WHERE d.outcome IN ('sent', 'suppressed', 'ghost')
),
waiting AS (
    SELECT h.*
    FROM raw.decisions h
    WHERE h.outcome = 'held'
        AND h.decision_id NOT IN (SELECT decision_id FROM raw.decisions WHERE outcome IN ('sent', 'suppressed', 'ghost'))
    QUALIFY row_number() OVER (PARTITION BY h.decision_id ORDER BY h.decided_at, h.kafka_partition, h.kafka_offset) = 1
)
SELECT d.decision_id, coalesce(c.correction.outcome, d.outcome) AS final_outcome, d.outcome, d.reason,
    c.correction.outcome AS correction, c.correction.reason AS correction_reason, c.correction.at AS corrected_at,
    coalesce(c.correction.late, false) AS is_late_correction, d.brand, d.market,
    coalesce(l.current_customer_id, d.customer_id) AS customer_id, d.campaign, d.campaign_version, d.occasion, d.episode,
    d.step, d.channel, d.due_at, d.decided_at, CAST(d.decided_at AT TIME ZONE 'UTC' AS DATE) AS decision_date,
    d.valid_until, d.handed_over, d.deciding_gate, d.gates, d.items, d.offer, d.content_key, d.language, d.inputs, d.arm,
    d.mixed
FROM (FROM finals UNION ALL FROM waiting) d
LEFT JOIN corrections c ON c.decision_id = d.decision_id
LEFT JOIN core.customer_links l ON l.customer_id = d.customer_id;
