/*
Quality and freshness of each source. Counts are those of mart.input_quality. Freshness is by the broker's append time,
against the newest record of any source: a source that has fallen silent while others go on shows here. How old the
snapshot is as a whole is in meta.snapshot_info.

source: =meta.stage_counts.source
received: Records that came in.
accepted: Facts, each counted once.
duplicate_share: Copies by received, 0 to 1.
late_share: Accepted that arrived after their time, by accepted, 0 to 1.
quarantined: Records in quarantine.
quarantined_share: Quarantined by received, 0 to 1.
newest_event_at: When the newest event happened (occurred_at).
newest_arrival_at: When the newest record came in.
behind_s: Seconds from its newest arrival to the newest arrival of any source.
*/
CREATE OR REPLACE VIEW mart.source_health AS
WITH newest AS (
    SELECT source, max(occurred_at) AS newest_event_at, max(appended_at) AS newest_arrival_at
    FROM raw.customer_events GROUP BY source
)
SELECT q.source, q.received, q.accepted, q.duplicate / nullif(q.received, 0) AS duplicate_share,
    q.late / nullif(q.accepted, 0) AS late_share, q.quarantined, q.quarantined / nullif(q.received, 0) AS quarantined_share,
    n.newest_event_at, n.newest_arrival_at,
    (SELECT epoch(max(newest_arrival_at)) FROM newest) - epoch(n.newest_arrival_at) AS behind_s
FROM mart.input_quality q LEFT JOIN newest n USING (source)
ORDER BY q.source;
