/*
One row per customer id ever seen, known or not yet, with the last profile of the CRM. Names and addresses never reach
Cuepoint.

customer_id: =raw.customer_events.customer_id
current_customer_id: Customer it is now; another one after a link or a merge.
kind: crm for a customer of the CRM; anon, card, device, email: not yet known.
has_profile: Whether the CRM has sent a profile.
registered_at: Earliest registration over all brands.
birth_year: Year of birth.
email_domain: Domain of the e-mail address.
language: Language, BCP 47.
country: Country, ISO 3166 alpha-2.
time_zone: Time zone.
home_store: Home store.
is_company: Company or person.
preferred_channels: Channels that the customer prefers.
consents: Consents as in the last profile; later opt-outs are in core.fct_feedback.
reachable_channels: Channels on which the CRM can reach the customer.
first_seen_at: Earliest event.
last_seen_at: Latest event.
events: Events of this id, copies included.
*/
CREATE OR REPLACE VIEW core.dim_customers AS
WITH seen AS (
    SELECT customer_id, min(occurred_at) AS first_seen_at, max(occurred_at) AS last_seen_at, count(*) AS events
    FROM raw.customer_events
    WHERE customer_id <> '*' AND NOT starts_with(customer_id, 'none:')
    GROUP BY customer_id
),
profiles AS (
    SELECT customer_id, make_timestamptz(min(CAST(data->>'registered' AS BIGINT)) * 1000) AS registered_at,
        from_json(arg_max(data, (effective_at, event_id)), '{"birth": "DATE", "email_domain": "VARCHAR",
            "language": "VARCHAR", "country": "VARCHAR", "zone": "VARCHAR", "home_store": "VARCHAR", "company": "BOOLEAN",
            "preferred": ["VARCHAR"], "consents": [{"channel": "VARCHAR", "purpose": "VARCHAR", "granted": "BOOLEAN",
            "at": "BIGINT"}], "reach": [{"channel": "VARCHAR", "reachable": "BOOLEAN"}]}') AS p
    FROM raw.customer_events
    WHERE type IN ('customer.registered', 'customer.updated')
    GROUP BY customer_id
)
SELECT s.customer_id, coalesce(l.current_customer_id, s.customer_id) AS current_customer_id,
    CASE WHEN contains(s.customer_id, ':') THEN split_part(s.customer_id, ':', 1) ELSE 'crm' END AS kind,
    f.customer_id IS NOT NULL AS has_profile, f.registered_at, year(f.p.birth) AS birth_year, f.p.email_domain,
    f.p.language, f.p.country, f.p.zone AS time_zone, f.p.home_store, f.p.company AS is_company,
    f.p.preferred AS preferred_channels, f.p.consents,
    [x.channel FOR x IN f.p.reach IF x.reachable] AS reachable_channels, s.first_seen_at, s.last_seen_at, s.events
FROM seen s
LEFT JOIN profiles f USING (customer_id)
LEFT JOIN core.customer_links l ON l.customer_id = s.customer_id;
