/*
How soon messages go, by campaign: from the moment they are due to the decision (waiting for quiet hours, slots and late
sources), and from the decision to the channel's first answer that it was accepted or delivered.

since: First moment of the period, by the logical time of the message.
until: End of the period, exclusive.
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
messages: Messages decided to be sent.
at_once: Of these, decided at the moment they were due.
median_wait_s: Median of the seconds from due to decided.
most_wait_s: Longest wait, seconds.
p95_wait_s: 95th percentile of the wait, seconds.
answered: Of these, with an answer of the channel.
median_channel_s: Median of the seconds from decided to accepted or delivered.
late_corrections: Of these, undone by an event that arrived after its time.
*/
CREATE OR REPLACE MACRO mart.timeliness(since := '-infinity'::TIMESTAMPTZ, until := 'infinity'::TIMESTAMPTZ) AS TABLE
WITH answers AS (
    SELECT decision_id, min(occurred_at) AS at
    FROM raw.feedback WHERE decision_id IS NOT NULL AND status IN ('accepted', 'delivered')
    GROUP BY decision_id
),
waits AS (
    SELECT d.brand, d.campaign, d.is_late_correction, (epoch_ms(d.decided_at) - epoch_ms(d.due_at)) / 1000 AS wait_s,
        (epoch_ms(a.at) - epoch_ms(d.decided_at)) / 1000 AS channel_s
    FROM core.settled_decisions d LEFT JOIN answers a USING (decision_id)
    WHERE d.outcome = 'sent' AND d.decided_at >= since AND d.decided_at < until
)
SELECT brand, campaign, count(*) AS messages, count(*) FILTER (wait_s = 0) AS at_once, median(wait_s) AS median_wait_s,
    max(wait_s) AS most_wait_s, quantile_cont(wait_s, 0.95) AS p95_wait_s, count(channel_s) AS answered,
    median(channel_s) AS median_channel_s, count(*) FILTER (is_late_correction) AS late_corrections
FROM waits
GROUP BY brand, campaign
ORDER BY brand, campaign;
