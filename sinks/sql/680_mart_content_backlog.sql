/*
Content that is missing, ranked by the decisions lost to it: what to write first.

since: First moment of the period, by the logical time of the decision.
until: End of the period, exclusive.
place: Place in the ranking, from 1.
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
content_key: Content that was wanted.
market: =raw.decisions.market
wanted: Why it is not there: the languages that were looked for, in order, or the market it is not made for.
decisions_lost: Decisions that were suppressed as content_missing.
customers: Of how many customers.
last_at: When the last was lost.
*/
CREATE OR REPLACE MACRO mart.content_backlog(since := '-infinity'::TIMESTAMPTZ, until := 'infinity'::TIMESTAMPTZ) AS TABLE
WITH lost AS (
    SELECT brand, campaign, market, customer_id, decided_at, gates[len(gates)].value AS told
    FROM core.settled_decisions
    WHERE outcome = 'suppressed' AND reason = 'content_missing' AND decided_at >= since AND decided_at < until
),
named AS (
    SELECT brand, campaign, market, customer_id, decided_at, regexp_extract(told, '^(\S+) ', 1) AS content_key,
        CASE
            WHEN contains(told, ' in none of ') THEN split_part(told, ' in none of ', 2)
            ELSE 'market ' || market
        END AS wanted
    FROM lost
)
SELECT row_number() OVER (ORDER BY count(*) DESC, brand, campaign, content_key, market, wanted) AS place, brand, campaign,
    content_key, market, wanted, count(*) AS decisions_lost, count(DISTINCT customer_id) AS customers, max(decided_at) AS last_at
FROM named
GROUP BY brand, campaign, content_key, market, wanted
ORDER BY place;
