/*
Everything that is known of one customer in order of time: events, decisions with their reasons, answers of channels;
of all ids that are this customer now.

id_wanted: Customer id, current or earlier.
occurred_at: When it happened.
effective_at: The time the pipeline orders by.
kind: event, decision or feedback.
what: Type of the event; campaign, step, outcome and reason of a decision; channel and status of an answer.
id: Event id or decision id.
details: What else is known of it.
*/
CREATE OR REPLACE MACRO mart.customer_timeline(id_wanted) AS TABLE
WITH wanted AS (
    SELECT coalesce((SELECT current_customer_id FROM core.customer_links WHERE customer_id = id_wanted), id_wanted) AS id
),
ids AS (
    SELECT id FROM wanted
    UNION
    SELECT customer_id FROM core.customer_links WHERE current_customer_id = (SELECT id FROM wanted)
)
SELECT occurred_at, effective_at, 'event' AS kind, type AS what, event_id AS id, data AS details
FROM raw.customer_events WHERE customer_id IN (SELECT id FROM ids)
UNION ALL
SELECT decided_at, decided_at, 'decision', concat_ws(' ', campaign, 'step', step, outcome, reason), decision_id,
    to_json({'channel': channel, 'due_at': due_at, 'valid_until': valid_until, 'handed_over': handed_over, 'gates': gates, 'items': items, 'offer': offer, 'inputs': inputs})
FROM raw.decisions WHERE customer_id IN (SELECT id FROM ids)
UNION ALL
SELECT occurred_at, occurred_at, 'feedback', concat_ws(' ', channel, status), event_id,
    to_json({'decision_id': decision_id, 'detail': detail})
FROM raw.feedback WHERE customer_id IN (SELECT id FROM ids)
ORDER BY 2, 1, 3, 5;
