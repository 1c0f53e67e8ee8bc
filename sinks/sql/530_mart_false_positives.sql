/*
Messages that should not have gone, by campaign: taken back in time (cancelled) or not (regretted).

campaign: =raw.decisions.campaign
sent: Messages decided to be sent.
cancelled: Of these, taken back.
regretted: Of these, too late to take back.
regretted_late_data: Of the regretted, because of an event that arrived after its time.
regretted_share: Regretted by sent, 0 to 1.
*/
CREATE OR REPLACE VIEW mart.false_positives AS
SELECT campaign, count(*) AS sent, count(*) FILTER (correction = 'cancelled') AS cancelled,
    count(*) FILTER (correction = 'regretted') AS regretted,
    count(*) FILTER (correction = 'regretted' AND is_late_correction) AS regretted_late_data,
    count(*) FILTER (correction = 'regretted') / count(*) AS regretted_share
FROM core.fct_decisions
WHERE outcome = 'sent'
GROUP BY campaign
ORDER BY campaign;
