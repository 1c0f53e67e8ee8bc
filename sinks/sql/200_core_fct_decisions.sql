/*
One row per decision, sent or not, with its correction if there was one. The history is in raw.decisions.

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
was_held: Whether it had to wait.
handed_over: Whether a send went to the channel's topic.
cancel_handed_over: Whether a cancel went to the channel's topic.
gates: =raw.decisions.gates
items: =raw.decisions.items
offer: =raw.decisions.offer
content_key: =raw.decisions.content_key
language: =raw.decisions.language
inputs: =raw.decisions.inputs
arm: =raw.decisions.arm
mixed: =raw.decisions.mixed
*/
CREATE OR REPLACE VIEW core.fct_decisions AS
WITH history AS (
    SELECT decision_id, bool_or(outcome = 'held') AS was_held,
        arg_min({'partition': kafka_partition, 'offset': kafka_offset}, (outcome = 'held', decided_at, kafka_partition, kafka_offset))
            FILTER (outcome NOT IN ('cancelled', 'regretted')) AS decided,
        arg_min({'outcome': outcome, 'reason': reason, 'at': decided_at, 'late': late}, (decided_at, kafka_partition, kafka_offset))
            FILTER (outcome IN ('cancelled', 'regretted')) AS correction,
        coalesce(bool_or(handed_over) FILTER (outcome = 'cancelled'), false) AS cancel_handed_over
    FROM raw.decisions
    GROUP BY decision_id
)
SELECT d.decision_id, coalesce(h.correction.outcome, d.outcome) AS final_outcome, d.outcome, d.reason,
    h.correction.outcome AS correction, h.correction.reason AS correction_reason, h.correction.at AS corrected_at,
    coalesce(h.correction.late, false) AS is_late_correction, d.brand, d.market,
    coalesce(l.current_customer_id, d.customer_id) AS customer_id, d.campaign, d.campaign_version, d.occasion, d.episode,
    d.step, d.channel, d.due_at, d.decided_at, CAST(d.decided_at AT TIME ZONE 'UTC' AS DATE) AS decision_date,
    d.valid_until, h.was_held, d.handed_over, h.cancel_handed_over, d.gates, d.items, d.offer, d.content_key, d.language,
    d.inputs, d.arm, d.mixed
FROM raw.decisions d
JOIN history h ON h.decided.partition = d.kafka_partition AND h.decided.offset = d.kafka_offset
LEFT JOIN core.customer_links l ON l.customer_id = d.customer_id;
