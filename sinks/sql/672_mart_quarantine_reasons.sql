/*
What is in quarantine, by source and reason, most first.

source: =raw.quarantine.source_topic
stage: =raw.quarantine.stage
reason: =raw.quarantine.reason
records: How many.
first_at: When the first came.
last_at: When the last came.
example: What is wrong with one of them, in words.
*/
CREATE OR REPLACE VIEW mart.quarantine_reasons AS
SELECT source_topic AS source, stage, reason, count(*) AS records, min(appended_at) AS first_at, max(appended_at) AS last_at,
    arg_max(message, (appended_at, kafka_offset)) AS example
FROM raw.quarantine
GROUP BY ALL
ORDER BY records DESC, source, stage, reason;
