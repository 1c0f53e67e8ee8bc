"""Where events go: the input topics on the broker, or the files that a replay reads; and where the refused go."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import IO, Any, Protocol
from zlib import crc32

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.quarantine import (
    HEADER_BYTES,
    HEADER_MESSAGE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_SHA256,
    HEADER_STAGE,
    HEADER_TOPIC,
)
from schemas.topics import RECORD_BYTES_MAX_INTERNAL
from streams.errors import BrokerError, BrokerUnavailableError, InputError
from streams.ingest.common import Mapped, Refused
from streams.intake.fast import FastReader
from streams.intake.validate import Rejection, validate
from streams.security import client_options
from streams.settings import Settings

STAGE = "ingest"
LINGER_MS = 2
STALLED_AFTER_S = 60.0
"""For how long Kafka may take nothing before ``/healthz`` answers 503, so that the receiver is started anew."""
REJECTED = "rejected.jsonl"
"""File of what was refused, next to the files of a replay."""
_KEYS = ("customer_id", "email_hash", "loyalty_card_id", "device_id", "anonymous_id", "order_id", "store_id")


class Refusal(msgspec.Struct):
    """A payload that could not be mapped, without personal data. ``place``: where it came from."""

    vendor: str
    place: str
    reason: str
    message: str
    sha256: str
    size: int
    payload: Any


def refusal(vendor: str, place: str, refused: Refused, raw: bytes, payload: Any) -> Refusal:
    """What is kept of a payload that was refused."""
    return Refusal(vendor, place, refused.reason, refused.message, hashlib.sha256(raw).hexdigest(), len(raw), payload)


class Outlet(Protocol):
    """Takes events and refusals. ``put`` returns when they are safe; raises BrokerError when they are not."""

    async def put(self, events: Iterable[Mapped], refusals: Iterable[Refusal] = ()) -> None:
        """Write these."""


class KafkaOutlet:
    """Writes to the broker; ``put`` returns when every in-sync replica has the records."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._calls = count()
        self._waiting: dict[int, float] = {}
        """Calls of ``put`` that the broker has not answered, and since when."""
        self._failing_since: float | None = None

    def stalled(self) -> str | None:
        """Why nothing gets through, once that has lasted ``STALLED_AFTER_S``; None: it does."""
        since = min([*self._waiting.values(), *([self._failing_since] if self._failing_since else [])], default=None)
        seconds = 0.0 if since is None else time.monotonic() - since
        return f"Kafka has taken nothing for {seconds:.0f} s" if seconds > STALLED_AFTER_S else None

    async def __aenter__(self) -> KafkaOutlet:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_request_size=2 * RECORD_BYTES_MAX_INTERNAL,
            **client_options(self._settings),
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise BrokerUnavailableError(f"No Kafka broker at {self._settings.bootstrap_servers} ({error}).") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def put(self, events: Iterable[Mapped], refusals: Iterable[Refusal] = ()) -> None:
        """See ``Outlet``."""
        call, began = next(self._calls), time.monotonic()
        self._waiting[call] = began
        try:
            sent = [await self._send(*event) for event in events]
            sent += [await self._quarantine(each) for each in refusals]
            await asyncio.gather(*sent)
            self._failing_since = None
        except KafkaError as error:
            self._failing_since = self._failing_since or began
            raise BrokerError(f"The broker did not take the records ({type(error).__name__}: {error}).") from error
        finally:
            del self._waiting[call]

    async def _send(self, topic: str, record: dict[str, Any]) -> asyncio.Future[Any]:
        key = record_key(topic, record)
        partition = crc32(key) % self._settings.partitions
        name = self._settings.topic(topic)
        return await self._producer.send(name, msgspec.json.encode(record), key=key, partition=partition)  # type: ignore[no-any-return]

    async def _quarantine(self, refused: Refusal) -> asyncio.Future[Any]:
        """The value is the payload without personal data, so it is smaller than the original, whose hash is kept."""
        topic = f"{STAGE}-{refused.vendor}"
        headers = {
            HEADER_TOPIC: topic,
            HEADER_PARTITION: "0",
            HEADER_OFFSET: "0",
            HEADER_STAGE: STAGE,
            HEADER_REASON: refused.reason,
            HEADER_MESSAGE: f"{refused.place}: {refused.message}",
            HEADER_SHA256: refused.sha256,
            HEADER_BYTES: str(refused.size),
        }
        key = f"{topic}-{refused.sha256[:32]}".encode()
        return await self._producer.send(  # type: ignore[no-any-return]
            self._settings.topic("quarantine"),
            msgspec.json.encode(refused.payload),
            key=key,
            partition=crc32(key) % self._settings.partitions,
            headers=[(name, value.encode()) for name, value in headers.items()],
        )


class FileOutlet:
    """Writes ``<topic>.jsonl`` files to a directory that has none of them. Raises InputError when it has."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, IO[bytes]] = {}
        self._stack = ExitStack()

    async def __aenter__(self) -> FileOutlet:
        self._directory.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stack.close()

    async def put(self, events: Iterable[Mapped], refusals: Iterable[Refusal] = ()) -> None:
        """See ``Outlet``."""
        for topic, record in events:
            self._file(f"{topic}.jsonl").write(msgspec.json.encode(record) + b"\n")
        for refused in refusals:
            self._file(REJECTED).write(msgspec.json.encode(refused) + b"\n")

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._files:
            path = self._directory / name
            try:
                self._files[name] = self._stack.enter_context(path.open("xb"))
            except FileExistsError as error:
                raise InputError(
                    f"{path} is there already; name another directory with --out, or remove it."
                ) from error
        return self._files[name]


def record_key(topic: str, record: dict[str, Any]) -> bytes:
    """The key of an input record, as the catalogue of topics says it."""
    if topic == "catalog":
        return f"{record['brand']}:{record['product_id']}".encode()
    names = ("store_id",) if topic == "pos-transactions" else _KEYS
    return str(next((record[name] for name in names if name in record), "?")).encode()


class Contract:
    """Checks events as intake will, by its own code: what it would put into quarantine is never written."""

    def __init__(self) -> None:
        self._fast = FastReader()

    def check(self, event: Mapped) -> None:
        """Raises Refused for an event that the contract of its topic does not allow."""
        value = msgspec.json.encode(event.record)
        if self._fast.read(event.topic, value) is not None:
            return
        checked = validate(event.topic, value)
        if isinstance(checked, Rejection):
            raise Refused(checked.reason, f"As {event.record['type']} it breaks the contract: {checked.message}")
        self._fast.learn(event.topic, checked.event)
