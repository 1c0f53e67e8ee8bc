/*
One row per message: what was bought after it, net of returns. Attribution as in mart.attributed_purchases. A message
followed by purchases in two currencies has two rows.

days: The attribution window, days after the message.
decision_id: =raw.decisions.decision_id
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
channel: =raw.decisions.channel
arm: =raw.decisions.arm
customer_id: Customer, as known now.
decided_at: Logical time of the message.
purchases: Purchases that count for it.
currency: Currency of the amounts; NULL without a purchase.
sales_amount: Net amount sold, without tax.
returned_amount: Of this, what came back.
net_amount: Sales less returns.
*/
CREATE OR REPLACE MACRO mart.conversions(days := 14) AS TABLE
WITH bought AS (
    SELECT decision_id, currency, count(*) AS purchases, sum(sales_amount) AS sales_amount,
        sum(returned_amount) AS returned_amount, sum(net_amount) AS net_amount
    FROM mart.attributed_purchases(days := days)
    GROUP BY decision_id, currency
)
SELECT d.decision_id, d.brand, d.campaign, d.channel, d.arm, d.customer_id, d.decided_at,
    coalesce(b.purchases, 0) AS purchases, b.currency, coalesce(b.sales_amount, 0) AS sales_amount,
    coalesce(b.returned_amount, 0) AS returned_amount, coalesce(b.net_amount, 0) AS net_amount
FROM core.settled_decisions d LEFT JOIN bought b USING (decision_id)
WHERE d.final_outcome IN ('sent', 'regretted');
