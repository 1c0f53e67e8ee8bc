"""The switch that stops a stage from reading (``cuepoint pause everything``), beside its log.

The topic ``switch`` has the last word on each stage. A worker reads it to its end before it reads anything else, so
that one that starts while its stage is stopped decides nothing; then it follows it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import TOPICS
from streams.runtime import metrics
from streams.security import client_options
from streams.settings import Settings

log = logging.getLogger(__name__)

TOPIC = "switch"
LOOK_MS = 500
"""How long one look at the topic waits for news."""


class Word(msgspec.Struct):
    """What was said of a stage. ``at``: RFC 3339."""

    paused: bool
    at: str
    by: str
    reason: str = ""


def has_switch(stage: str) -> bool:
    """Whether the stage can be stopped."""
    return stage in TOPICS[TOPIC].consumers


class Switch:
    """Tells a runtime whether its stage is stopped."""

    def __init__(self, settings: Settings, stage: str, said: Callable[[bool], None]) -> None:
        """``said``: called with each word of the stage, True to stop."""
        self._stage = stage
        self._said = said
        self._paused = False
        self._place = TopicPartition(settings.topic(TOPIC), 0)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=LOOK_MS,
            **client_options(settings),
        )

    async def start(self) -> None:
        """Read what was said so far, and tell the last word of it. Raises KafkaError."""
        await self._consumer.start()
        self._consumer.assign([self._place])
        await self._consumer.seek_to_beginning(self._place)
        end = (await self._consumer.end_offsets([self._place]))[self._place]
        while await self._consumer.position(self._place) < end:
            await self._look()
        self._tell()

    async def follow(self) -> None:
        """Tell every word that comes, until cancelled. Raises KafkaError."""
        try:
            while True:
                if await self._look():
                    self._tell()
        finally:
            await self._consumer.stop()

    async def _look(self) -> bool:
        """Whether something was said of the stage."""
        heard = False
        for records in (await self._consumer.getmany(self._place, timeout_ms=LOOK_MS)).values():
            for record in records:
                if record.key == self._stage.encode() and record.value is not None:
                    word = msgspec.json.decode(record.value, type=Word)
                    self._paused, heard = word.paused, True
                    log.warning(
                        "stage paused" if word.paused else "stage resumed",
                        extra={"stage": self._stage, "by": word.by, "since": word.at, "reason": word.reason},
                    )
        return heard

    def _tell(self) -> None:
        metrics.PAUSED.labels(self._stage).set(self._paused)
        self._said(self._paused)
