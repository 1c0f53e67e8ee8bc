/*
One row per campaign, in its last version.

campaign: Campaign id.
name: Name.
owner: Who answers for it.
occasion: =raw.decisions.occasion
purpose: Purpose of consent it needs.
priority: Higher goes first.
channels: Channels it may use, in order.
brands: Brands it runs for.
markets: Markets it runs in; empty: all.
steps: Number of its messages.
is_withdrawn: Whether it was withdrawn.
version: Hash of its content.
versions: How many contents it has had.
valid_from: Since when the last version is in force.
definition: The whole campaign as JSON.
*/
CREATE OR REPLACE VIEW core.dim_campaigns AS
WITH last AS (
    SELECT data->>'campaign' AS campaign, arg_max(data, (effective_at, event_id)) AS data,
        arg_max(type, (effective_at, event_id)) AS type, max(occurred_at) AS valid_from,
        arg_max(data->'definition', (effective_at, event_id)) FILTER (type = 'campaign.published') AS definition,
        count(DISTINCT data->>'version') FILTER (type = 'campaign.published') AS versions
    FROM raw.customer_events
    WHERE type IN ('campaign.published', 'campaign.withdrawn')
    GROUP BY ALL
)
SELECT campaign, definition->>'name' AS name, definition->>'owner' AS owner, definition->>'occasion' AS occasion,
    definition->>'purpose' AS purpose, CAST(definition->>'priority' AS INTEGER) AS priority,
    CAST(definition->'channels' AS VARCHAR[]) AS channels, CAST(definition->'brands' AS VARCHAR[]) AS brands,
    CAST(definition->'markets' AS VARCHAR[]) AS markets, json_array_length(definition->'steps') AS steps,
    type = 'campaign.withdrawn' AS is_withdrawn, data->>'version' AS version, versions, valid_from, definition
FROM last;
