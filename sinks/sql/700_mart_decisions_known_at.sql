/*
What was known of each decision at a moment, beside what is known now: a message that is regretted today was a good one
when it went. By logical time: records of the decision until the moment. Of customers who were erased since nothing is
left, in either column: erasure reaches the past too.

moment: The moment.
decision_id: =raw.decisions.decision_id
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
customer_id: Customer, as known now.
outcome_then: How it stood at the moment: held, sent, suppressed, ghost, cancelled or regretted.
reason_then: Why.
outcome_now: How it stands now.
reason_now: Why.
has_changed: Whether that differs.
*/
CREATE OR REPLACE MACRO mart.decisions_known_at(moment) AS TABLE
WITH known AS (
    SELECT decision_id, arg_max({'outcome': outcome, 'reason': reason}, (
        CASE WHEN outcome IN ('cancelled', 'regretted') THEN 3 WHEN outcome = 'held' THEN 1 ELSE 2 END, decided_at, kafka_offset
    )) AS state
    FROM raw.decisions
    WHERE decided_at <= moment
    GROUP BY decision_id
)
SELECT d.decision_id, d.brand, d.campaign, d.customer_id, k.state.outcome AS outcome_then, k.state.reason AS reason_then,
    d.final_outcome AS outcome_now, coalesce(d.correction_reason, d.reason) AS reason_now,
    (outcome_then, reason_then) IS DISTINCT FROM (outcome_now, reason_now) AS has_changed
FROM known k JOIN core.settled_decisions d USING (decision_id);
