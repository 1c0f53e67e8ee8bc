/*
Events of the given types, every fact once: of one customer's events with the same natural id (else event id) the
first in order counts, as in the decision core. customer_id is the customer the event belongs to now.

types: Event types, a list such as ['order.placed'].
*/
CREATE OR REPLACE MACRO core.accepted_events(types) AS TABLE
SELECT e.* REPLACE (coalesce(l.current_customer_id, e.customer_id) AS customer_id),
    starts_with(e.customer_id, 'none:') AS is_guest
FROM raw.customer_events e LEFT JOIN core.customer_links l ON l.customer_id = e.customer_id
WHERE list_contains(types, e.type)
QUALIFY row_number() OVER (
    PARTITION BY coalesce(l.current_customer_id, e.customer_id), coalesce(nullif(e.natural_id, ''), e.event_id)
    ORDER BY e.effective_at, e.event_id, e.kafka_partition, e.kafka_offset
) = 1;
