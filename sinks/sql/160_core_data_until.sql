/*
One row: until when the data tell everything: the clock of the decide tasks, but not beyond the last event (after a
replay the clock stands at the end of time).

data_until: Complete until then.
*/
CREATE OR REPLACE VIEW core.data_until AS
SELECT least(
    (SELECT max(effective_at) FROM raw.customer_events),
    coalesce((SELECT min(complete_until) FROM meta.stage_progress WHERE stage = 'decide'), TIMESTAMPTZ 'infinity')
) AS data_until;
