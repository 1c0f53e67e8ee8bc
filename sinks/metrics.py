"""The sink's metrics: Prometheus names, seconds, bytes and counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("cuepoint_sink_records", "Records written to DuckDB.", ("topic",))
ERASED = Counter("cuepoint_sink_erased_names", "Names whose rows were deleted, since the CRM said to forget them.")
SKIPPED = Counter("cuepoint_sink_records_skipped", "Records that are in no table, by reason.", ("topic", "reason"))
BATCH_RECORDS = Histogram(
    "cuepoint_sink_batch_records",
    "Records of one batch, marks included.",
    buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000),
)
BATCH_SECONDS = Histogram(
    "cuepoint_sink_batch_seconds",
    "Time of one DuckDB transaction.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
LAG_RECORDS = Gauge(
    "cuepoint_sink_lag_records", "Offsets left between the read position and what is committed.", ("topic", "partition")
)
SNAPSHOT_SECONDS = Histogram(
    "cuepoint_sink_snapshot_seconds",
    "Time to publish a snapshot.",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
SNAPSHOT_PUBLISHED = Gauge("cuepoint_sink_snapshot_timestamp_seconds", "When the newest snapshot was published.")
SNAPSHOT_BYTES = Gauge("cuepoint_sink_snapshot_bytes", "Size of the newest snapshot.")
