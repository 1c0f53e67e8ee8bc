/*
Purchases that followed a message: each counts for the latest message of its brand to the customer before it, of any
campaign and channel, when that is at most so many days ago. So a purchase counts once. This is what came after
messages, not what they caused: for that, see mart.uplift. Messages that were taken back in time count for nothing.

days: The attribution window, days after the message.
brand: =raw.customer_events.brand
document_id: =core.fct_purchases.document_id
customer_id: =core.fct_purchases.customer_id
bought_at: =core.fct_purchases.bought_at
currency: =core.fct_purchases.currency
sales_amount: =core.fct_purchases.sales_amount
returned_amount: =core.fct_purchases.returned_amount
net_amount: =core.fct_purchases.net_amount
decision_id: =raw.decisions.decision_id
campaign: =raw.decisions.campaign
decided_at: Logical time of the message.
*/
CREATE OR REPLACE MACRO mart.attributed_purchases(days := 14) AS TABLE
SELECT p.brand, p.document_id, p.customer_id, p.bought_at, p.currency, p.sales_amount, p.returned_amount, p.net_amount,
    m.decision_id, m.campaign, m.decided_at
FROM (FROM core.fct_purchases WHERE customer_id IS NOT NULL) p
ASOF JOIN (FROM core.settled_decisions WHERE final_outcome IN ('sent', 'regretted')) m
    ON m.brand = p.brand AND m.customer_id = p.customer_id AND m.decided_at < p.bought_at
WHERE p.bought_at <= m.decided_at + to_days(days);
