/*
One row per line of every till receipt, sales and returns at the till, with a card or without, each receipt once.

receipt_id: =core.pos_lines_at.receipt_id
line_number: =core.pos_lines_at.line_number
kind: =core.pos_lines_at.kind
customer_id: =core.pos_lines_at.customer_id
is_guest: =core.pos_lines_at.is_guest
brand: =core.pos_lines_at.brand
market: =core.pos_lines_at.market
store_id: =core.pos_lines_at.store_id
sold_at: =core.pos_lines_at.sold_at
receipt_date: =core.pos_lines_at.receipt_date
product_id: =core.pos_lines_at.product_id
category: =core.pos_lines_at.category
quantity: =core.pos_lines_at.quantity
currency: =core.pos_lines_at.currency
unit_price: =core.pos_lines_at.unit_price
discount_amount: =core.pos_lines_at.discount_amount
tax_amount: =core.pos_lines_at.tax_amount
net_minor: =core.pos_lines_at.net_minor
net_amount: =core.pos_lines_at.net_amount
gross_amount: =core.pos_lines_at.gross_amount
*/
CREATE OR REPLACE VIEW core.fct_pos_lines AS
FROM core.pos_lines_at('infinity'::TIMESTAMPTZ);
