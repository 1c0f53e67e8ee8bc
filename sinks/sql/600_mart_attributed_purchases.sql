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
WITH moments AS (
    SELECT brand, customer_id, bought_at AS moment, 0 AS rank, document_id, currency, sales_amount, returned_amount, net_amount,
        NULL AS message
    FROM core.fct_purchases WHERE customer_id IS NOT NULL
    UNION ALL
    SELECT brand, customer_id, decided_at, 1, NULL, NULL, NULL, NULL, NULL,
        {'decision_id': decision_id, 'campaign': campaign, 'decided_at': decided_at}
    FROM core.settled_decisions WHERE final_outcome IN ('sent', 'regretted')
),
followed AS (
    SELECT *, last_value(message IGNORE NULLS) OVER (
        PARTITION BY brand, customer_id ORDER BY moment, rank ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS latest
    FROM moments
)
SELECT brand, document_id, customer_id, moment AS bought_at, currency, sales_amount, returned_amount, net_amount,
    latest.decision_id, latest.campaign, latest.decided_at
FROM followed
WHERE document_id IS NOT NULL AND moment <= latest.decided_at + to_days(days);
