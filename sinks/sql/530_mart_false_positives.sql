/*
Messages that should not have gone, by campaign: taken back in time (cancelled) or not (regretted); and how many there
would have been without the tills' data, or without data of returns. A message that these data stopped would have had to
pass the gates after the episode too, so of each only the campaign's pass rate is reckoned; of those taken back, all.

brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
sent: Messages decided to be sent.
cancelled: Of these, taken back.
regretted: Of these, too late to take back: the false positives.
regretted_late_data: Of the regretted, because of an event that arrived after its time.
regretted_share: Regretted by sent, 0 to 1.
stopped_by_store_data: Not sent, since the customer had bought at a till.
cancelled_by_store_data: Taken back, since the customer had bought at a till.
stopped_by_return_data: Not sent, since it had come back or its order was cancelled.
cancelled_by_return_data: Taken back, since it had come back or its order was cancelled.
pass_rate: Of the campaign's decisions that passed the episode gate, the share that was sent; 1 when none did.
regretted_without_store_data: False positives there would have been without the tills, rounded.
regretted_without_return_data: False positives there would have been without returns, rounded.
regretted_without_either: False positives there would have been without both, rounded.
*/
CREATE OR REPLACE VIEW mart.false_positives AS
WITH counts AS (
    SELECT brand, campaign, count(*) FILTER (outcome = 'sent') AS sent,
        count(*) FILTER (correction = 'cancelled') AS cancelled, count(*) FILTER (correction = 'regretted') AS regretted,
        count(*) FILTER (correction = 'regretted' AND is_late_correction) AS regretted_late_data,
        count(*) FILTER (outcome = 'suppressed' AND reason = 'bought_in_store') AS stopped_by_store_data,
        count(*) FILTER (correction = 'cancelled' AND correction_reason = 'bought_in_store') AS cancelled_by_store_data,
        count(*) FILTER (outcome = 'suppressed' AND reason = 'returned') AS stopped_by_return_data,
        count(*) FILTER (correction = 'cancelled' AND correction_reason = 'returned') AS cancelled_by_return_data,
        count(*) FILTER (outcome <> 'held' AND deciding_gate IS DISTINCT FROM 'episode') AS passed_the_episode
    FROM core.settled_decisions
    GROUP BY brand, campaign
)
SELECT brand, campaign, sent, cancelled, regretted, regretted_late_data, regretted / nullif(sent, 0) AS regretted_share,
    stopped_by_store_data, cancelled_by_store_data, stopped_by_return_data, cancelled_by_return_data,
    coalesce(sent / nullif(passed_the_episode, 0), 1) AS pass_rate,
    CAST(round(regretted + cancelled_by_store_data + stopped_by_store_data * pass_rate) AS BIGINT) AS regretted_without_store_data,
    CAST(round(regretted + cancelled_by_return_data + stopped_by_return_data * pass_rate) AS BIGINT) AS regretted_without_return_data,
    CAST(round(regretted + cancelled_by_store_data + cancelled_by_return_data
        + (stopped_by_store_data + stopped_by_return_data) * pass_rate) AS BIGINT) AS regretted_without_either
FROM counts
ORDER BY brand, campaign;
