/*
Addresses and devices that several customers use who are in different arms of one campaign, or in its holdout and not: what one of
them gets, the other sees. Leave them out of the analysis, or count them as one.

brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
kind: Kind of identifier: email, card, device or anon.
identifier: Its value.
customers: Customers who use it, by id.
arms: Their arms; holdout: held out.
*/
CREATE OR REPLACE VIEW mart.shared_addresses AS
WITH used AS (
    SELECT DISTINCT coalesce(l.current_customer_id, e.customer_id) AS customer_id, kind, e.identifiers->>kind AS identifier
    FROM (SELECT customer_id, identifiers, unnest(json_keys(identifiers)) AS kind FROM raw.customer_events WHERE identifiers IS NOT NULL) e
    LEFT JOIN core.customer_links l ON l.customer_id = e.customer_id
),
shared AS (
    SELECT kind, identifier, customer_id FROM used
    QUALIFY count(*) OVER (PARTITION BY kind, identifier) > 1
),
exposed AS (
    SELECT DISTINCT brand, campaign, customer_id, CASE outcome WHEN 'ghost' THEN 'holdout' ELSE coalesce(arm, 'everyone') END AS arm
    FROM core.settled_decisions WHERE outcome IN ('sent', 'ghost')
)
SELECT e.brand, e.campaign, s.kind, s.identifier, list(DISTINCT s.customer_id ORDER BY s.customer_id) AS customers,
    list(DISTINCT e.arm ORDER BY e.arm) AS arms
FROM shared s JOIN exposed e USING (customer_id)
GROUP BY ALL
HAVING count(DISTINCT s.customer_id) > 1 AND count(DISTINCT e.arm) > 1
ORDER BY ALL;
