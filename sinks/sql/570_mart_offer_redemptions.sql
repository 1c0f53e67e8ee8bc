/*
Orders that redeemed an offer: the customer used the code of a message that he had been sent, while the offer was valid.
Of several messages with the code the latest before the order counts.

decision_id: =raw.decisions.decision_id
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
arm: =raw.decisions.arm
customer_id: Customer, as known now.
code: Code of the offer.
decided_at: Logical time of the message.
order_id: Order that used the code.
ordered_at: When it was placed.
is_cancelled: Whether the whole order was cancelled.
currency: Currency of the amount, ISO 4217.
net_amount: Net amount of the order, without tax.
*/
CREATE OR REPLACE VIEW mart.offer_redemptions AS
WITH used AS (
    SELECT brand, customer_id, data->>'order' AS order_id, occurred_at, currency, unnest(CAST((data->'coupons') AS VARCHAR[])) AS code
    FROM core.accepted_events(['order.placed'])
    WHERE (data->'coupons') IS NOT NULL
),
amounts AS (
    SELECT brand, customer_id, order_id, bool_or(is_cancelled) AS is_cancelled, sum(net_amount) AS net_amount
    FROM core.fct_order_lines GROUP BY ALL
)
SELECT d.decision_id, d.brand, d.campaign, d.arm, d.customer_id, u.code, d.decided_at, u.order_id, u.occurred_at AS ordered_at,
    coalesce(a.is_cancelled, false) AS is_cancelled, u.currency, coalesce(a.net_amount, 0) AS net_amount
FROM used u
JOIN core.settled_decisions d ON d.outcome = 'sent' AND d.brand = u.brand AND d.customer_id = u.customer_id
    AND d.offer.code = u.code AND u.occurred_at BETWEEN d.decided_at AND CAST(d.offer.valid_until AS TIMESTAMPTZ)
LEFT JOIN amounts a ON a.brand = u.brand AND a.customer_id = u.customer_id AND a.order_id = u.order_id
QUALIFY row_number() OVER (PARTITION BY u.brand, u.customer_id, u.order_id, u.code ORDER BY d.decided_at DESC, d.decision_id) = 1;
