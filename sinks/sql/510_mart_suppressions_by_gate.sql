/*
Why messages were not sent: suppressed decisions by campaign, the gate that decided, and reason.

campaign: =raw.decisions.campaign
gate: Gate that decided; slot when another message, a cap or time decided at the release.
reason: =raw.decisions.reason
decisions: How many.
customers: Of how many customers.
*/
CREATE OR REPLACE VIEW mart.suppressions_by_gate AS
SELECT campaign, deciding_gate AS gate, reason,
    count(*) AS decisions, count(DISTINCT customer_id) AS customers
FROM core.settled_decisions
WHERE outcome = 'suppressed'
GROUP BY ALL
ORDER BY campaign, decisions DESC, gate, reason;
