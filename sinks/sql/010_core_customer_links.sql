/*
Ids of customers that became another customer, by a link or a CRM merge, with the customer they are now.

customer_id: Id that is no longer used.
current_customer_id: Customer it belongs to now, over all merges.
*/
CREATE OR REPLACE VIEW core.customer_links AS
WITH RECURSIVE merges AS (
    SELECT old_id, arg_max(new_id, (effective_at, kafka_offset)) AS new_id
    FROM (
        SELECT effective_at, kafka_offset,
            CASE type WHEN 'merge.out' THEN customer_id WHEN 'merge.expected' THEN data->>'from' ELSE data->>'merged' END AS old_id,
            CASE type WHEN 'merge.out' THEN data->>'to' ELSE customer_id END AS new_id
        FROM raw.customer_events
        WHERE type IN ('merge.out', 'merge.expected', 'customer.merged')
    )
    WHERE old_id <> new_id
    GROUP BY old_id
),
walk AS (
    SELECT old_id, new_id, 1 AS steps FROM merges
    UNION ALL
    SELECT walk.old_id, merges.new_id, steps + 1
    FROM walk JOIN merges ON merges.old_id = walk.new_id
    WHERE steps < 20 AND merges.new_id <> walk.old_id
)
SELECT old_id AS customer_id, arg_max(new_id, steps) AS current_customer_id
FROM walk
GROUP BY old_id;
