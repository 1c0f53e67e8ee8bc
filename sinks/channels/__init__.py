"""The kit of a channel service, on kafka-python: a class with a handler per message, and everything around it.

``docs/for-channels.md`` is the page to start with; ``sinks.channels.examples`` holds services that run.
"""

from sinks.channels.consumer import ChannelConsumer
from sinks.channels.handler import (
    Bounced,
    Handler,
    Message,
    Outcome,
    Refused,
    Retry,
    logical_clock,
    wall_clock,
)
from sinks.channels.outbox import Outbox
from sinks.channels.run import run_channel
from sinks.channels.store import Entry, SqliteStore, Store

__all__ = [
    "Bounced",
    "ChannelConsumer",
    "Entry",
    "Handler",
    "Message",
    "Outbox",
    "Outcome",
    "Refused",
    "Retry",
    "SqliteStore",
    "Store",
    "logical_clock",
    "run_channel",
    "wall_clock",
]
