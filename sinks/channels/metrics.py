"""A channel service's metrics: Prometheus names, seconds and counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60)
TRIGGERS = Counter("cuepoint_channel_triggers", "Triggers by what became of them.", ("channel", "result"))
ANSWERS = Counter("cuepoint_channel_answers", "Answers written, repeated ones too.", ("channel", "status"))
RETRIES = Counter("cuepoint_channel_retries", "Tries to send that failed and are repeated.", ("channel",))
DEAD_LETTERS = Counter("cuepoint_channel_dead_letters", "Triggers that were given up.", ("channel", "reason"))
WAITING = Gauge(
    "cuepoint_channel_waiting", "Messages that wait for another try, or behind one of their customer.", ("channel",)
)
HANDLER_SECONDS = Histogram(
    "cuepoint_channel_handler_seconds", "Time of one call of the handler.", ("channel",), buckets=_SECONDS
)
AGE_SECONDS = Histogram(
    "cuepoint_channel_age_seconds",
    "From the decision to the handler's return, by the channel's clock.",
    ("channel",),
    buckets=(0.1, 0.5, 1, 5, 10, 60, 300, 3_600, 86_400),
)
