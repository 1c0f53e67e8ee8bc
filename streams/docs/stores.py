"""Every place that may hold a person, and when an erasure has left it: a table made from the topic catalogue."""

from __future__ import annotations

from schemas.topics import CATALOGUE, COMPACTED_WITHIN_MS, DAY_MS, INPUTS, SEGMENT_MS, Topic
from streams.docs.markdown import code, table
from streams.ingest.memory import KEPT_DAYS
from streams.runtime.rocks import COMPACT_AFTER_MS
from streams.settings import Settings

HOUR_MS = 3_600_000
NOBODY = frozenset(
    {
        "catalog",
        "campaigns",
        "control",
        "campaign-history",
        "progress",
        "intake-changelog",
        "shadow-progress",
        "forecasts",
        "switch",
    }
)
"""Topics in which no person is."""
HASHES = "erasures"
STATES = {
    "identity-changelog": ("links", "at once"),
    "decide-changelog": ("customers' states", "at once"),
    "capacity-changelog": ("messages that wait for a place", "at their cut-off"),
    "customer-profile": ("what the brand's shop may know, by customer id", "at once"),
    "shadow-changelog": ("customers' states", "at once while a shadow runs, else with `cuepoint shadow forget`"),
}
"""Compacted topic -> what it holds, and when it deletes it."""


def stores() -> str:
    """A row for each store: what it holds of a person, and the time after which nothing of it is left."""
    rewrite = Settings.model_fields["erasure_rewrite_s"].default
    kept = Settings.model_fields["backup_kept_days"].default
    rows = [_row(topic) for topic in CATALOGUE.values()]
    rows += [
        (
            "the workers' memory and their RocksDB (`state_dir`)",
            "links, customers' states",
            f"values at once; bytes within {COMPACT_AFTER_MS // HOUR_MS} hours of work, then compacted",
        ),
        (
            "the sink's DuckDB file",
            "events, decisions, feedback, quarantined records",
            f"rows with the sink's next batch; bytes within {rewrite / 3600:g} hours (`erasure_rewrite_s`): the file "
            "is rewritten",
        ),
        (
            "the memory of `cuepoint ingest http` (`state_dir/ingest.sqlite`)",
            "customer ids and hashes of orders and carts that vendors told of",
            f"at once when the vendor tells the erasure; else {KEPT_DAYS} days after the order's last word",
        ),
        (
            "backups (`cuepoint backup create DIR`)",
            "customers' states, links, messages that wait for a place; and as the DuckDB file",
            f"with the backup: {kept} days after it was made (`backup_kept_days`), with the next `cuepoint backup "
            "create` or `prune`; who is restored from one is erased again by the log",
        ),
        ("snapshots", "as the DuckDB file", "as its bytes: older snapshots are dropped when the file is rewritten"),
        (
            "Parquet (`cuepoint sink --parquet`)",
            "as the DuckDB file",
            "rows and bytes with the sink's next commit: files that hold them are written anew and deleted",
        ),
    ]
    return table(("store", "what it holds of a person", "when an erasure has left it"), rows)


def _row(topic: Topic) -> tuple[str, str, str]:
    days = (topic.retention_ms + SEGMENT_MS) // DAY_MS
    if topic.name in NOBODY:
        return code(topic.name), "nothing", "-"
    if topic.name == HASHES:
        return code(topic.name), "keyed hashes of names, no name", "stays: it is what keeps the person out"
    if topic in INPUTS:
        what = f"records of its owner ({topic.owner})"
        return (
            code(topic.name),
            what,
            f"the owner's to delete at the source; here after {days} days (as below)",
        )
    if topic.cleanup == "compact":
        within, (what, when) = COMPACTED_WITHIN_MS // DAY_MS, STATES[topic.name]
        return (
            code(topic.name),
            what,
            f"deleted {when}; values cleaned within {within} day (`max.compaction.lag.ms`), the keys of the deletions "
            f"after {within} more (`delete.retention.ms`) with the next cleaning, within {3 * within} days",
        )
    return (
        code(topic.name),
        "records by customer id",
        f"after {days} days (retention, and the day that a segment is written)",
    )
