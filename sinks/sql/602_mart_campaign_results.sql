/*
What each campaign's messages were followed by: conversion and revenue net of returns, by currency.

days: The attribution window, days after the message.
since: First moment of the period, by the logical time of the message.
until: End of the period, exclusive.
brand: =raw.decisions.brand
campaign: =raw.decisions.campaign
messages: Messages of the campaign in the period, those taken back left out.
currency: Currency of the amounts; NULL when nothing was bought.
converted: Of the messages, those followed by a purchase in this currency.
conversion_rate: Converted by messages, 0 to 1.
purchases: Purchases that count for them.
sales_amount: Net amount sold, without tax.
returned_amount: Of this, what came back.
net_amount: Sales less returns.
net_per_message: Net amount by messages.
*/
CREATE OR REPLACE MACRO mart.campaign_results(days := 14, since := '-infinity'::TIMESTAMPTZ, until := 'infinity'::TIMESTAMPTZ) AS TABLE
WITH messages AS (
    SELECT brand, campaign, count(*) AS messages
    FROM core.settled_decisions
    WHERE final_outcome IN ('sent', 'regretted') AND decided_at >= since AND decided_at < until
    GROUP BY brand, campaign
),
bought AS (
    SELECT brand, campaign, currency, count(DISTINCT decision_id) AS converted, count(*) AS purchases,
        sum(sales_amount) AS sales_amount, sum(returned_amount) AS returned_amount, sum(net_amount) AS net_amount
    FROM mart.attributed_purchases(days := days)
    WHERE decided_at >= since AND decided_at < until
    GROUP BY ALL
)
SELECT m.brand, m.campaign, m.messages, b.currency, coalesce(b.converted, 0) AS converted,
    coalesce(b.converted, 0) / m.messages AS conversion_rate, coalesce(b.purchases, 0) AS purchases,
    coalesce(b.sales_amount, 0) AS sales_amount, coalesce(b.returned_amount, 0) AS returned_amount,
    coalesce(b.net_amount, 0) AS net_amount, coalesce(b.net_amount, 0) / m.messages AS net_per_message
FROM messages m LEFT JOIN bought b USING (brand, campaign)
ORDER BY m.brand, m.campaign, b.currency;
