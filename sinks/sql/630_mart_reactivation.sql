/*
Reactivation: messages to customers who were late by their own rhythm, by month, how many bought within the days after
it, and how many of the ghosts, who were late too and heard nothing. For the difference see mart.uplift.

days: Within how many days after the message a purchase counts.
brand: =raw.decisions.brand
month: Month of the message, its first day.
campaign: =raw.decisions.campaign
messages: Messages that were not taken back.
came_back: Of these, followed by a purchase of the brand in any channel.
rate: Came back by messages, 0 to 1.
rate_low: Lower end of the 95% interval of the rate (mart.wilson_low).
rate_high: Upper end of it.
ghosts: Ghosts: late customers who were held out.
ghosts_came_back: Of these, with a purchase.
ghosts_rate: Ghosts that came back by ghosts.
*/
CREATE OR REPLACE MACRO mart.reactivation(days := 30) AS TABLE
WITH late AS (
    SELECT d.brand, d.campaign, d.outcome, CAST(date_trunc('month', d.decided_at AT TIME ZONE 'UTC') AS DATE) AS month,
        coalesce(p.bought_at <= d.decided_at + to_days(days), false) AS bought
    FROM (FROM core.settled_decisions WHERE occasion = 'reactivation' AND final_outcome IN ('sent', 'regretted', 'ghost')) d
    ASOF LEFT JOIN (FROM core.fct_purchases WHERE customer_id IS NOT NULL) p
        ON p.brand = d.brand AND p.customer_id = d.customer_id AND p.bought_at > d.decided_at
)
SELECT brand, month, campaign, count(*) FILTER (outcome = 'sent') AS messages,
    count(*) FILTER (outcome = 'sent' AND bought) AS came_back, came_back / nullif(messages, 0) AS rate,
    mart.wilson_low(came_back, messages) AS rate_low, mart.wilson_high(came_back, messages) AS rate_high,
    count(*) FILTER (outcome = 'ghost') AS ghosts, count(*) FILTER (outcome = 'ghost' AND bought) AS ghosts_came_back,
    ghosts_came_back / nullif(ghosts, 0) AS ghosts_rate
FROM late
GROUP BY brand, month, campaign
ORDER BY brand, month, campaign;
