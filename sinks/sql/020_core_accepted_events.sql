/*
Events of the given types, every fact once: of one customer's events with the same natural id (else event id) the
first in order counts, as in the decision core. 

types: Event types, a list such as ['order.placed'].
known_until: Only what was known then: events whose effective_at is not later. 'infinity': all.
kafka_topic: =raw.customer_events.kafka_topic
kafka_partition: =raw.customer_events.kafka_partition
kafka_offset: =raw.customer_events.kafka_offset
appended_at: =raw.customer_events.appended_at
event_id: =raw.customer_events.event_id
type: =raw.customer_events.type
source: =raw.customer_events.source
customer_id: Customer the event belongs to now.
occurred_at: =raw.customer_events.occurred_at
effective_at: =raw.customer_events.effective_at
brand: =raw.customer_events.brand
market: =raw.customer_events.market
currency: =raw.customer_events.currency
natural_id: =raw.customer_events.natural_id
identifiers: =raw.customer_events.identifiers
data: =raw.customer_events.data
is_guest: Whether it names no customer.
*/
CREATE OR REPLACE MACRO core.accepted_events(types, known_until := 'infinity'::TIMESTAMPTZ) AS TABLE
SELECT e.* REPLACE (coalesce(l.current_customer_id, e.customer_id) AS customer_id),
    starts_with(e.customer_id, 'none:') AS is_guest
FROM raw.customer_events e LEFT JOIN core.customer_links l ON l.customer_id = e.customer_id
WHERE list_contains(types, e.type) AND e.effective_at <= known_until
QUALIFY row_number() OVER (
    PARTITION BY coalesce(l.current_customer_id, e.customer_id), coalesce(nullif(e.natural_id, ''), e.event_id)
    ORDER BY e.effective_at, e.event_id, e.kafka_partition, e.kafka_offset
) = 1;
