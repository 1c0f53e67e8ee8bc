/*
One row per answer of a channel, copies counted once.

event_id: =raw.feedback.event_id
decision_id: =raw.feedback.decision_id
customer_id: Customer the answer belongs to now; NULL when the channel did not name one.
brand: =raw.feedback.brand
market: =raw.feedback.market
channel: =raw.feedback.channel
status: =raw.feedback.status
occurred_at: =raw.feedback.occurred_at
is_permanent: =raw.feedback.permanent
detail: =raw.feedback.detail
*/
CREATE OR REPLACE VIEW core.fct_feedback AS
SELECT f.event_id, f.decision_id, coalesce(l.current_customer_id, f.customer_id) AS customer_id, f.brand, f.market, f.channel,
    f.status, f.occurred_at, f.permanent AS is_permanent, f.detail
FROM raw.feedback f LEFT JOIN core.customer_links l ON l.customer_id = f.customer_id
QUALIFY row_number() OVER (PARTITION BY f.event_id ORDER BY f.kafka_partition, f.kafka_offset) = 1;
