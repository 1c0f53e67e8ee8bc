"""Decisions that were written twice, found once: at a publication, among the records that are new since the last one.

A decision id has one final record (sent, suppressed or ghost). A pipeline that was rebuilt from an older state may
decide it again, with the same id. Looking for that at every query would group all decisions anew; so the positions of
the later ones are kept in ``meta.repeated_decisions``, and ``core.settled_decisions`` leaves those out.
"""

from __future__ import annotations

import duckdb

_NEW = """
FROM raw.decisions d LEFT JOIN meta.checked_decisions c ON c.partition_number = d.kafka_partition
WHERE d.kafka_offset >= coalesce(c.next_offset, 0)
"""
_REPEATED = f"""
INSERT OR IGNORE INTO meta.repeated_decisions
SELECT kafka_partition, kafka_offset
FROM (
    SELECT kafka_partition, kafka_offset, row_number() OVER (
        PARTITION BY decision_id ORDER BY decided_at, kafka_partition, kafka_offset
    ) AS place
    FROM raw.decisions
    WHERE outcome NOT IN ('held', 'cancelled', 'regretted') AND decision_id IN (SELECT d.decision_id {_NEW})
)
WHERE place > 1
"""
_CHECKED = f"""
INSERT OR REPLACE INTO meta.checked_decisions
SELECT d.kafka_partition, max(d.kafka_offset) + 1 {_NEW} GROUP BY d.kafka_partition
"""


def find_repeats(database: duckdb.DuckDBPyConnection) -> None:
    """Note the repeats among records since the last call, in a transaction of its own. Raises duckdb.Error."""
    database.begin()
    database.execute(_REPEATED)
    database.execute(_CHECKED)
    database.commit()
