"""Metrics of the sources."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

PAYLOADS = Counter(
    "cuepoint_ingest_payloads",
    "Payloads by what became of them: mapped, left_out, refused (in quarantine), unsigned, too_large, busy, failed.",
    ("vendor", "result"),
)
LEFT_OUT = Counter("cuepoint_ingest_left_out", "Payloads that say nothing which the contracts hold.", ("vendor", "why"))
EVENTS = Counter("cuepoint_ingest_events", "Events written to the input topics.", ("vendor", "topic"))
REFUSED = Counter("cuepoint_ingest_refused", "Payloads that could not be mapped.", ("vendor", "reason"))
UNKNOWN_FIELDS = Counter(
    "cuepoint_ingest_unknown_fields", "Fields that the mapping does not know, by payloads.", ("vendor", "field")
)
IN_FLIGHT = Gauge("cuepoint_ingest_in_flight", "Payloads that are being worked on.")
SECONDS = Histogram("cuepoint_ingest_seconds", "Time from a payload's arrival to its answer.", ("vendor",))
