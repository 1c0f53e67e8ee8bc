/*
Messages by month and channel, and what the channels answered. A message with several answers of a kind counts once.

brand: =raw.decisions.brand
month: Month of the message, its first day.
channel: Channel of the message.
messages: Messages that were not taken back.
share: Share of the brand's messages of the month, 0 to 1.
customers: To how many customers, about (within 2% as a rule).
delivered: Of the messages, those that the channel says were delivered.
bounced: Of the messages, bounced.
opened: Of the messages, opened.
clicked: Of the messages, clicked.
opted_out: Of the messages, answered by an unsubscription or complaint.
*/
CREATE OR REPLACE VIEW mart.channel_mix AS
WITH answers AS (
    SELECT decision_id, bool_or(status = 'delivered') AS delivered, bool_or(status = 'bounced') AS bounced,
        bool_or(status = 'opened') AS opened, bool_or(status = 'clicked') AS clicked,
        bool_or(status IN ('unsubscribed', 'complained')) AS opted_out
    FROM raw.feedback WHERE decision_id IS NOT NULL
    GROUP BY decision_id
)
SELECT d.brand, d.month, d.channel,
    count(*) AS messages, count(*) / sum(count(*)) OVER (PARTITION BY d.brand, d.month) AS share,
    approx_count_distinct(d.customer_id) AS customers, count(*) FILTER (a.delivered) AS delivered,
    count(*) FILTER (a.bounced) AS bounced, count(*) FILTER (a.opened) AS opened, count(*) FILTER (a.clicked) AS clicked,
    count(*) FILTER (a.opted_out) AS opted_out
FROM (
    SELECT *, CAST(date_trunc('month', decided_at AT TIME ZONE 'UTC') AS DATE) AS month
    FROM core.settled_decisions WHERE final_outcome IN ('sent', 'regretted')
) d
LEFT JOIN answers a USING (decision_id)
GROUP BY d.brand, d.month, d.channel
ORDER BY d.brand, d.month, d.channel;
