/*
How many decisions of each campaign ended how, and why.

campaign: =raw.decisions.campaign
outcome: How they ended: sent, suppressed, held, ghost, cancelled or regretted.
reason: Why they ended so.
decisions: How many.
handed_over: How many went to a channel.
customers: Of how many customers.
share: Share of the campaign's decisions, 0 to 1.
*/
CREATE OR REPLACE VIEW mart.decision_funnel AS
SELECT campaign, final_outcome AS outcome, coalesce(correction_reason, reason) AS reason, count(*) AS decisions,
    count(*) FILTER (handed_over) AS handed_over, count(DISTINCT customer_id) AS customers,
    count(*) / sum(count(*)) OVER (PARTITION BY campaign) AS share
FROM core.settled_decisions
GROUP BY 1, 2, 3
ORDER BY 1, 4 DESC, 2, 3;
