/*
One row per product of a brand: as the catalogue has it now, and products that were only ever bought.

brand: =raw.customer_events.brand
product_id: =raw.event_lines.product_id
in_catalog: Whether the catalogue has it.
name: Name.
category: Category of the catalogue, else of its last purchase.
is_available: Whether it can be bought; NULL when the catalogue does not have it.
accessories: Products that fit it, best first.
prices: Prices by market, in minor units of the currency.
valid_from: Since when the catalogue has had it so.
*/
CREATE OR REPLACE VIEW core.dim_products AS
WITH items AS (
    SELECT brand, data->>'product' AS product_id, arg_max(data, (effective_at, event_id)) AS data,
        max(occurred_at) AS valid_from
    FROM raw.customer_events
    WHERE type = 'catalog.item'
    GROUP BY ALL
),
parsed AS (
    SELECT brand, product_id, valid_from, from_json(data, '{"name": "VARCHAR", "category": "VARCHAR",
        "available": "BOOLEAN", "accessories": ["VARCHAR"],
        "prices": [{"market": "VARCHAR", "currency": "VARCHAR", "price": "BIGINT"}]}') AS i
    FROM items
),
bought AS (
    SELECT e.brand, l.product_id, arg_max(l.category, e.effective_at) AS category
    FROM raw.event_lines l JOIN raw.customer_events e USING (kafka_partition, kafka_offset)
    GROUP BY ALL
)
SELECT brand, product_id, p.product_id IS NOT NULL AS in_catalog, p.i.name, coalesce(p.i.category, b.category) AS category,
    p.i.available AS is_available, p.i.accessories, p.i.prices, p.valid_from
FROM parsed p FULL JOIN bought b USING (brand, product_id);
