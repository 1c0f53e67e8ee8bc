/*
One row per decision, sent or not, with its correction if there was one. The history is in raw.decisions.

decision_id: =core.settled_decisions.decision_id
final_outcome: =core.settled_decisions.final_outcome
outcome: =core.settled_decisions.outcome
reason: =core.settled_decisions.reason
correction: =core.settled_decisions.correction
correction_reason: =core.settled_decisions.correction_reason
corrected_at: =core.settled_decisions.corrected_at
is_late_correction: =core.settled_decisions.is_late_correction
brand: =core.settled_decisions.brand
market: =core.settled_decisions.market
customer_id: =core.settled_decisions.customer_id
campaign: =core.settled_decisions.campaign
campaign_version: =core.settled_decisions.campaign_version
occasion: =core.settled_decisions.occasion
episode: =core.settled_decisions.episode
step: =core.settled_decisions.step
channel: =core.settled_decisions.channel
due_at: =core.settled_decisions.due_at
decided_at: =core.settled_decisions.decided_at
decision_date: =core.settled_decisions.decision_date
valid_until: =core.settled_decisions.valid_until
was_held: Whether it had to wait.
handed_over: =core.settled_decisions.handed_over
cancel_handed_over: Whether a cancel went to the channel's topic.
deciding_gate: =core.settled_decisions.deciding_gate
gates: =core.settled_decisions.gates
items: =core.settled_decisions.items
offer: =core.settled_decisions.offer
content_key: =core.settled_decisions.content_key
language: =core.settled_decisions.language
inputs: =core.settled_decisions.inputs
arm: =core.settled_decisions.arm
mixed: =core.settled_decisions.mixed
*/
CREATE OR REPLACE VIEW core.fct_decisions AS
WITH history AS (
    SELECT decision_id, bool_or(outcome = 'held') AS was_held, bool_or(outcome = 'cancelled' AND handed_over) AS cancel_handed_over
    FROM raw.decisions
    WHERE outcome IN ('held', 'cancelled')
    GROUP BY decision_id
)
SELECT d.* EXCLUDE (valid_until, handed_over, deciding_gate, gates, items, offer, content_key, language, inputs, arm, mixed),
    d.valid_until, coalesce(h.was_held, false) AS was_held, d.handed_over,
    coalesce(h.cancel_handed_over, false) AS cancel_handed_over, d.deciding_gate, d.gates, d.items, d.offer, d.content_key,
    d.language, d.inputs, d.arm, d.mixed
FROM core.settled_decisions d LEFT JOIN history h USING (decision_id);
