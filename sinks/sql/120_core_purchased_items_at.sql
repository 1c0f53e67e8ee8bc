/*
What was bought, one row per product of every order that was not cancelled and every till receipt: what returns are
matched to.
As it was known at a moment: with what had arrived (effective_at) until then. core.purchased_items is the same as of now.

known_until: The moment; 'infinity': now.
brand: =raw.customer_events.brand
document_id: Order or receipt.
customer_id: Customer it belongs to now; NULL for a guest.
channel: Channel of the order; store for a receipt.
bought_at: When it was bought.
product_id: =raw.event_lines.product_id
quantity: Pieces bought.
net_minor: Net amount of these pieces, minor units.
*/
CREATE OR REPLACE MACRO core.purchased_items_at(known_until) AS TABLE
SELECT brand, order_id AS document_id, any_value(customer_id) AS customer_id, any_value(channel) AS channel,
    min(ordered_at) AS bought_at, product_id, CAST(sum(quantity) AS BIGINT) AS quantity,
    CAST(sum(net_minor) AS BIGINT) AS net_minor
FROM core.order_lines_at(known_until)
WHERE NOT is_cancelled
GROUP BY brand, order_id, product_id
UNION ALL
SELECT brand, receipt_id, any_value(customer_id), 'store', min(sold_at), product_id, CAST(sum(quantity) AS BIGINT),
    CAST(sum(net_minor) AS BIGINT)
FROM core.pos_lines_at(known_until)
WHERE kind = 'sale'
GROUP BY brand, receipt_id, product_id;
