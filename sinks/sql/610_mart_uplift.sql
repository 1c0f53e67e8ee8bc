/*
What messages cause: buyers among customers who got a campaign's message against those held out from it (ghosts: they
would have got it). Each customer counts once, from his first message or ghost; he is a buyer when he bought of the brand,
in any channel, within the window after it. Customers of mixed profiles are left out. The campaign (all) is the brand's
global holdout against everybody else, whatever campaign. Holdouts are drawn by chance, so a difference that the interval
does not explain away is the messages' doing.

days: The window, days after the first message or ghost.
since: First moment of the period, by the time of the first message or ghost.
until: End of the period, exclusive.
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
holdout: campaign_holdout or global_holdout: against whom.
customers: Customers who got it.
buyers: Of these, buyers.
rate: Buyers by customers, 0 to 1.
held_out_customers: Customers held out.
held_out_buyers: Of these, buyers.
held_out_rate: Buyers by customers of those held out.
uplift: Rate less the rate of those held out.
uplift_low: Lower end of the 95% interval of the uplift (Newcombe; mart.difference_low).
uplift_high: Upper end of it.
excludes_zero: Whether the interval leaves zero out: the messages did something.
warning: Why not to trust it yet: small groups, few buyers; NULL when nothing speaks against it.
*/
CREATE OR REPLACE MACRO mart.uplift(days := 14, since := '-infinity'::TIMESTAMPTZ, until := 'infinity'::TIMESTAMPTZ) AS TABLE
WITH exposures AS (
    SELECT brand, campaign, customer_id, 'campaign_holdout' AS holdout, bool_or(outcome = 'ghost') AS is_held_out,
        min(decided_at) AS first_at, bool_or(mixed) AS mixed, count(DISTINCT outcome) AS kinds
    FROM core.settled_decisions
    WHERE outcome = 'sent' OR (outcome = 'ghost' AND reason = 'campaign_holdout')
    GROUP BY brand, campaign, customer_id
    UNION ALL
    SELECT brand, '(all)', customer_id, 'global_holdout', bool_or(reason = 'global_holdout'), min(decided_at),
        bool_or(mixed), count(DISTINCT reason = 'global_holdout')
    FROM core.settled_decisions
    WHERE outcome IN ('sent', 'ghost')
    GROUP BY brand, customer_id
),
counted AS (
    SELECT e.*, p.bought_at IS NOT NULL AND p.bought_at <= e.first_at + to_days(days) AS bought
    FROM (FROM exposures WHERE NOT mixed AND kinds = 1 AND first_at >= since AND first_at < until) e
    ASOF LEFT JOIN (FROM core.fct_purchases WHERE customer_id IS NOT NULL) p
        ON p.brand = e.brand AND p.customer_id = e.customer_id AND p.bought_at > e.first_at
),
groups AS (
    SELECT brand, campaign, holdout, count(*) FILTER (NOT is_held_out) AS customers,
        count(*) FILTER (NOT is_held_out AND bought) AS buyers, count(*) FILTER (is_held_out) AS held_out_customers,
        count(*) FILTER (is_held_out AND bought) AS held_out_buyers
    FROM counted
    GROUP BY ALL
)
SELECT brand, campaign, holdout, customers, buyers, buyers / nullif(customers, 0) AS rate, held_out_customers,
    held_out_buyers, held_out_buyers / nullif(held_out_customers, 0) AS held_out_rate, rate - held_out_rate AS uplift,
    mart.difference_low(buyers, customers, held_out_buyers, held_out_customers) AS uplift_low,
    mart.difference_high(buyers, customers, held_out_buyers, held_out_customers) AS uplift_high,
    uplift_low > 0 OR uplift_high < 0 AS excludes_zero,
    CASE
        WHEN least(customers, held_out_customers) < 100 THEN 'fewer than 100 customers in a group'
        WHEN least(buyers, held_out_buyers, customers - buyers, held_out_customers - held_out_buyers) < 10
            THEN 'fewer than 10 buyers, or fewer than 10 others, in a group'
    END AS warning
FROM groups
WHERE held_out_customers > 0
ORDER BY brand, campaign;
