"""One payload after the other: mapped, written, remembered, counted; the same for webhooks and files."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

from streams.ingest import metrics
from streams.ingest.common import Delivery, Refused, Result, Vendor
from streams.ingest.memory import SqliteMemory
from streams.ingest.outlet import Contract, Outlet, refusal
from streams.intake.admit import UNKNOWN_FIELDS_MAX
from streams.runtime.failpoints import failpoint

log = logging.getLogger(__name__)

Fate = Literal["mapped", "left_out", "refused"]
Fetch = Callable[[Delivery], Awaitable[Delivery]]


class Worker:
    """Maps payloads and writes their events. ``fetch``: vendor -> what gets the objects its payloads only point at."""

    def __init__(
        self,
        vendors: dict[str, Vendor],
        memory: SqliteMemory,
        outlet: Outlet,
        now_ms: Callable[[], int],
        fetch: dict[str, Fetch] | None = None,
        keep_sentences: bool = False,
    ) -> None:
        self.vendors = vendors
        self.unknown: Counter[tuple[str, str]] = Counter()
        """(vendor, field) -> payloads with a field that the mapping does not know."""
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.events: Counter[str] = Counter()
        self.sentences: list[str] = []
        """Why payloads of a file were refused."""
        self.keep_sentences = keep_sentences
        self._contract = Contract()
        self._memory = memory
        self._outlet = outlet
        self._now_ms = now_ms
        self._fetch = fetch or {}
        self._locks: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    async def take(self, vendor: str, delivery: Delivery, raw: bytes, place: str) -> tuple[Fate, str]:
        """Work one payload off; its fate, and the sentence that goes with it. Raises BrokerError: nothing is safe then.

        What was refused is in quarantine. A payload that came before has the same ids, and changes nothing downstream.
        """
        mapping = self.vendors[vendor]
        async with self._alone(mapping.objects(delivery)):
            try:
                if vendor in self._fetch:
                    delivery = await self._fetch[vendor](delivery)
                result = self._mapped(mapping, delivery)
            except Refused as reason:
                await self.refuse(vendor, place, reason, raw, mapping.stripped(delivery))
                if self.keep_sentences:
                    self.sentences.append(f"{place}: {reason.message}")
                return "refused", reason.message
            self._count_unknown(vendor, result)
            if result.left_out is not None and not result.events:
                self._remember(result)
                why = (vendor, result.left_out)
                if why not in self.left_out and len(self.left_out) >= UNKNOWN_FIELDS_MAX:
                    why = (vendor, "(others)")
                metrics.LEFT_OUT.labels(*why).inc()
                self.left_out[why] += 1
                return "left_out", result.left_out
            await self._outlet.put(result.events)
            failpoint("ingest_before_answer")
            self._remember(result)
        for event in result.events:
            metrics.EVENTS.labels(vendor, event.topic).inc()
            self.events[event.topic] += 1
        return "mapped", f"{len(result.events)} events"

    def _mapped(self, mapping: Vendor, delivery: Delivery) -> Result:
        """The events of a payload. A shape that nobody thought of is refused, too: else its vendor would never stop."""
        try:
            result = mapping.map(delivery, self._memory)
            for event in result.events:
                self._contract.check(event)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            log.error("a mapping failed", extra={"vendor": mapping.name, "error": type(error).__name__})
            raise Refused(
                "invalid_field", f"The payload {delivery.kind} has a shape that no field of it should have."
            ) from error
        return result

    async def refuse(self, vendor: str, place: str, reason: Refused, raw: bytes, payload: object) -> None:
        """Put a payload into quarantine, without personal data. Raises BrokerError."""
        await self._outlet.put((), [refusal(vendor, place, reason, raw, payload)])
        metrics.REFUSED.labels(vendor, reason.reason).inc()
        self.refused[vendor, reason.reason] += 1
        log.warning("refused", extra={"vendor": vendor, "place": place, "reason": reason.reason})

    def _remember(self, result: Result) -> None:
        self._memory.remember(result.remember, self._now_ms())
        for event in result.events:
            if event.record["type"] == "customer.erased":
                self._memory.forget(event.record["customer_id"])

    def _count_unknown(self, vendor: str, result: Result) -> None:
        for field in result.unknown:
            key = (vendor, field)
            if key not in self.unknown:
                if len(self.unknown) >= UNKNOWN_FIELDS_MAX:
                    key = (vendor, "(others)")
                else:
                    log.info("a field that the mapping does not know", extra={"vendor": vendor, "field": field})
            self.unknown[key] += 1
            metrics.UNKNOWN_FIELDS.labels(*key).inc()

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Alone with an object: its payloads are mapped, written and remembered one after the other."""
        lock, users = self._locks.setdefault(name, (asyncio.Lock(), []))
        users.append(None)
        try:
            async with lock:
                yield
        finally:
            users.pop()
            if not users:
                del self._locks[name]
