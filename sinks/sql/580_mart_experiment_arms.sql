/*
Messages and ghosts of each campaign by arm, and what their customers bought of the brand in the 14 days after. Customers of whom
merged profiles were in different arms are counted apart and not in the other figures.

brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
arm: =raw.decisions.arm
is_held_out: Whether these are ghosts: what would have been sent to those held out.
messages: Messages, or ghosts.
customers: Of how many customers.
buyers: Of these, with an order or receipt in the 14 days after one.
mixed_customers: Customers left out, since a merged profile of theirs was in another arm or holdout.
*/
CREATE OR REPLACE VIEW mart.experiment_arms AS
WITH purchases AS (
    SELECT brand, customer_id, ordered_at AS at FROM core.fct_order_lines WHERE NOT is_cancelled AND customer_id IS NOT NULL
    UNION
    SELECT brand, customer_id, sold_at FROM core.fct_pos_lines WHERE kind = 'sale' AND customer_id IS NOT NULL
),
exposed AS (
    SELECT d.brand, d.campaign, d.arm, d.outcome = 'ghost' AS is_held_out, d.customer_id, d.mixed, d.decision_id,
        coalesce(p.at <= d.decided_at + INTERVAL 14 DAYS, false) AS bought
    FROM (FROM core.settled_decisions WHERE outcome IN ('sent', 'ghost')) d
    ASOF LEFT JOIN purchases p ON p.brand = d.brand AND p.customer_id = d.customer_id AND p.at > d.decided_at
)
SELECT brand, campaign, arm, is_held_out, count(*) FILTER (NOT mixed) AS messages,
    count(DISTINCT customer_id) FILTER (NOT mixed) AS customers,
    count(DISTINCT customer_id) FILTER (NOT mixed AND bought) AS buyers,
    count(DISTINCT customer_id) FILTER (mixed) AS mixed_customers
FROM exposed
GROUP BY ALL
ORDER BY ALL;
