/*
What was bought, one row per product of every order that was not cancelled and every till receipt: what returns are
matched to.

brand: =core.purchased_items_at.brand
document_id: =core.purchased_items_at.document_id
customer_id: =core.purchased_items_at.customer_id
channel: =core.purchased_items_at.channel
bought_at: =core.purchased_items_at.bought_at
product_id: =core.purchased_items_at.product_id
quantity: =core.purchased_items_at.quantity
net_minor: =core.purchased_items_at.net_minor
*/
CREATE OR REPLACE VIEW core.purchased_items AS
FROM core.purchased_items_at('infinity'::TIMESTAMPTZ);
