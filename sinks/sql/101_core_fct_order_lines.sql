/*
One row per line of every order of all channels but the till, guests included, each order once. An order that was
changed has its latest lines.

order_id: =core.order_lines_at.order_id
line_id: =core.order_lines_at.line_id
line_number: =core.order_lines_at.line_number
customer_id: =core.order_lines_at.customer_id
is_guest: =core.order_lines_at.is_guest
brand: =core.order_lines_at.brand
market: =core.order_lines_at.market
channel: =core.order_lines_at.channel
ordered_at: =core.order_lines_at.ordered_at
order_date: =core.order_lines_at.order_date
product_id: =core.order_lines_at.product_id
category: =core.order_lines_at.category
quantity: =core.order_lines_at.quantity
currency: =core.order_lines_at.currency
unit_price: =core.order_lines_at.unit_price
discount_amount: =core.order_lines_at.discount_amount
tax_amount: =core.order_lines_at.tax_amount
net_minor: =core.order_lines_at.net_minor
net_amount: =core.order_lines_at.net_amount
gross_amount: =core.order_lines_at.gross_amount
is_changed: =core.order_lines_at.is_changed
is_cancelled: =core.order_lines_at.is_cancelled
*/
CREATE OR REPLACE VIEW core.fct_order_lines AS
FROM core.order_lines_at('infinity'::TIMESTAMPTZ);
