/*
How many messages a customer got from a brand: decided and not cancelled.

brand: =raw.decisions.brand
customer_id: Customer, as known now.
messages: All messages.
messages_7_days: In the 7 days before the latest decision of all.
messages_30_days: In the 30 days before it.
most_in_7_days: Most in any 7 days.
most_in_30_days: Most in any 30 days.
last_message_at: Latest message.
*/
CREATE OR REPLACE VIEW mart.customer_pressure AS
WITH messages AS (
    SELECT brand, customer_id, decided_at,
        count(*) OVER (rolling RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND CURRENT ROW) AS in_7_days,
        count(*) OVER (rolling RANGE BETWEEN INTERVAL 30 DAYS PRECEDING AND CURRENT ROW) AS in_30_days
    FROM core.settled_decisions
    WHERE final_outcome IN ('sent', 'regretted')
    WINDOW rolling AS (PARTITION BY brand, customer_id ORDER BY decided_at)
),
latest AS (SELECT max(decided_at) AS as_of FROM raw.decisions)
SELECT brand, customer_id, count(*) AS messages,
    count(*) FILTER (decided_at > as_of - INTERVAL 7 DAYS) AS messages_7_days,
    count(*) FILTER (decided_at > as_of - INTERVAL 30 DAYS) AS messages_30_days,
    max(in_7_days) AS most_in_7_days, max(in_30_days) AS most_in_30_days, max(decided_at) AS last_message_at
FROM messages, latest
GROUP BY brand, customer_id;
