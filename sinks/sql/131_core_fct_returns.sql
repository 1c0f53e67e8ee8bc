/*
One row per line of every return, each return once with its latest state; returns at the till are in
core.fct_pos_lines. A return without an order is matched to the customer's latest purchase of the product in the 90
days before; its value is the refund, else what that purchase cost. The decision core matches line by line
(docs/semantics.md); this is its figure for sales.

return_id: =core.returns_at.return_id
line_number: =core.returns_at.line_number
status: =core.returns_at.status
customer_id: =core.returns_at.customer_id
is_guest: =core.returns_at.is_guest
brand: =core.returns_at.brand
market: =core.returns_at.market
returned_at: =core.returns_at.returned_at
return_date: =core.returns_at.return_date
order_id: =core.returns_at.order_id
channel: =core.returns_at.channel
product_id: =core.returns_at.product_id
quantity: =core.returns_at.quantity
reason: =core.returns_at.reason
currency: =core.returns_at.currency
net_minor: =core.returns_at.net_minor
net_amount: =core.returns_at.net_amount
value_source: =core.returns_at.value_source
*/
CREATE OR REPLACE VIEW core.fct_returns AS
FROM core.returns_at('infinity'::TIMESTAMPTZ);
