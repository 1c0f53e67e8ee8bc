/*
Fields that sources leave out or give poorly, and what that costs, by share of records, most first.

source: Input topic without prefix.
field: Field.
records: Records that could have it.
missing: Of these, without it.
missing_share: Missing by records, 0 to 1.
costs: What the pipeline or the marts cannot do without it.
*/
CREATE OR REPLACE VIEW mart.missing_fields AS
WITH found AS (
    SELECT 'orders' AS source, 'customer' AS field, count(*) AS records, count(*) FILTER (is_guest) AS missing,
        'an order of nobody: no reminder is stopped by it, no review is asked for' AS costs
    FROM (SELECT any_value(is_guest) AS is_guest FROM core.fct_order_lines GROUP BY brand, order_id)
    UNION ALL
    SELECT 'orders', 'category', count(*), count(*) FILTER (category IS NULL), 'no forecast by category, no cap by category'
    FROM core.fct_order_lines
    UNION ALL
    SELECT 'pos-transactions', 'customer', count(*), count(*) FILTER (is_guest),
        'a receipt of nobody: a customer of the store looks lost'
    FROM (SELECT any_value(is_guest) AS is_guest FROM core.fct_pos_lines GROUP BY brand, receipt_id)
    UNION ALL
    SELECT 'pos-transactions', 'category', count(*), count(*) FILTER (category IS NULL),
        'no forecast by category, no cap by category'
    FROM core.fct_pos_lines
    UNION ALL
    SELECT 'returns', 'order', count(*), count(*) FILTER (value_source <> 'refund' AND order_id IS NULL),
        'the return is matched to no purchase: its value and channel are unknown'
    FROM core.fct_returns
    UNION ALL
    SELECT 'returns', 'reason', count(*), count(*) FILTER (reason IS NULL), 'nobody learns why things come back'
    FROM core.fct_returns
    UNION ALL
    SELECT 'customers', field, count(*), count(*) FILTER (NOT is_there), costs
    FROM (
        SELECT unnest([
            {'field': 'birth', 'is_there': birth_year IS NOT NULL, 'costs': 'no birthday message'},
            {'field': 'language', 'is_there': language IS NOT NULL, 'costs': 'the language of the market is taken'},
            {'field': 'country', 'is_there': country IS NOT NULL, 'costs': 'the market of the last event is taken'},
            {'field': 'time_zone', 'is_there': time_zone IS NOT NULL, 'costs': 'quiet hours of the store, market or brand are taken'},
            {'field': 'consents', 'is_there': len(consents) > 0, 'costs': 'nothing can be sent'}
        ], recursive := true)
        FROM core.dim_customers WHERE has_profile
    )
    GROUP BY field, costs
)
SELECT source, field, records, missing, missing / records AS missing_share, costs
FROM found
WHERE records > 0
ORDER BY missing_share DESC, source, field;
