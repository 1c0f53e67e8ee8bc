/*
One row per decision, sent or not, with its correction if there was one. The history is in raw.decisions.

decision_id: =raw.decisions.decision_id
final_outcome: How it ended: the correction if there was one, else the outcome.
outcome: What was decided: sent, suppressed, or held as long as quiet hours last.
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
was_held: Whether quiet hours moved it.
handed_over: Whether a send went to the channel's topic.
cancel_handed_over: Whether a cancel went to the channel's topic.
gates: =raw.decisions.gates
items: =raw.decisions.items
offer: =raw.decisions.offer
content_key: =raw.decisions.content_key
language: =raw.decisions.language
inputs: =raw.decisions.inputs
*/
CREATE OR REPLACE VIEW core.fct_decisions AS
WITH decided AS (
    SELECT *
    FROM raw.decisions
    WHERE outcome IN ('sent', 'suppressed', 'held')
    QUALIFY row_number() OVER (
        PARTITION BY decision_id ORDER BY outcome = 'held', decided_at, kafka_partition, kafka_offset
    ) = 1
),
corrections AS (
    SELECT decision_id, arg_min(outcome, decided_at) AS correction, arg_min(reason, decided_at) AS correction_reason,
        min(decided_at) AS corrected_at, arg_min(late, decided_at) AS is_late_correction,
        bool_or(handed_over) AS cancel_handed_over
    FROM raw.decisions
    WHERE outcome IN ('cancelled', 'regretted')
    GROUP BY decision_id
),
held AS (
    SELECT DISTINCT decision_id FROM raw.decisions WHERE outcome = 'held'
)
SELECT d.decision_id, coalesce(c.correction, d.outcome) AS final_outcome, d.outcome, d.reason, c.correction,
    c.correction_reason, c.corrected_at, coalesce(c.is_late_correction, false) AS is_late_correction, d.brand, d.market,
    coalesce(l.current_customer_id, d.customer_id) AS customer_id, d.campaign, d.campaign_version, d.occasion, d.episode,
    d.step, d.channel, d.due_at, d.decided_at, CAST(d.decided_at AT TIME ZONE 'UTC' AS DATE) AS decision_date,
    d.valid_until, h.decision_id IS NOT NULL AS was_held, d.handed_over,
    coalesce(c.cancel_handed_over, false) AS cancel_handed_over, d.gates, d.items, d.offer, d.content_key, d.language,
    d.inputs
FROM decided d
LEFT JOIN corrections c USING (decision_id)
LEFT JOIN held h USING (decision_id)
LEFT JOIN core.customer_links l ON l.customer_id = d.customer_id;
