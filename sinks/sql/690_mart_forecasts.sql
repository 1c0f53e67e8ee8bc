/*
The forecasts that hold now: of each month, market, channel and category the one made last. All that were ever given, and
what was forecast at an earlier time, are in raw.forecasts.

brand: =raw.forecasts.brand
month: First day of the month.
market: =raw.forecasts.market
channel: =raw.forecasts.channel
category: =raw.forecasts.category
currency: =raw.forecasts.currency
net_sales: Net sales that are expected, less returns, without tax.
made_at: =raw.forecasts.made_at
*/
CREATE OR REPLACE VIEW mart.forecasts AS
SELECT brand, CAST(month || '-01' AS DATE) AS month, market, channel, category, currency,
    CAST(net_sales AS DECIMAL(18, 3)) AS net_sales, made_at
FROM raw.forecasts
QUALIFY row_number() OVER (
    PARTITION BY brand, month, market, channel, category, currency ORDER BY made_at DESC, kafka_partition, kafka_offset DESC
) = 1;
