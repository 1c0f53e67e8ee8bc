"""Fetches from Square what its notices only point at: orders (RetrieveOrder), items (SearchCatalogObjects)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp
import msgspec

from schemas.base import rfc3339
from schemas.topics import DAY_MS
from streams.errors import BrokerError
from streams.ingest.common import Delivery, Memory, objects_in, optional_id
from streams.ingest.square import CATALOGUE_TOLD, catalogue_told, wanted_order

API_VERSION = "2025-01-23"
TIMEOUT_S = 8.0
PAGES_MAX = 100
OVERLAP_MS = 300_000
"""The catalogue is fetched from a little before the last notice on: an object twice is harmless."""


class SquareError(BrokerError):
    """Square's API does not give what a notice points at: the notice is answered with 503, and comes again."""


class SquareApi:
    """See ``streams.ingest.worker.Fetch``."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: bytes, memory: Memory) -> None:
        self._session = session
        self._memory = memory
        self._base = base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token.decode()}", "Square-Version": API_VERSION}

    async def __call__(self, delivery: Delivery) -> Delivery:
        """The payload with the objects it points at. Raises SquareError."""
        if delivery.kind == "catalog.version.updated":
            return replace(delivery, fetched={"objects": await self._catalogue(delivery.body)})
        number = wanted_order(delivery)
        if number is None:
            return delivery
        order = await self._order(number)
        sources = {}
        for one in objects_in(order.get("returns"), "returns"):
            source = optional_id(one.get("source_order_id"))
            if source is not None:
                sources[source] = await self._order(source)
        return replace(delivery, fetched={"order": order, "sources": sources})

    async def _order(self, number: str) -> dict[str, Any]:
        found = (await self._call("GET", f"/v2/orders/{number}")).get("order")
        return found if isinstance(found, dict) else {}

    async def _catalogue(self, body: object) -> list[Any]:
        """Items that changed since the last time, at first since a day before the notice."""
        told = catalogue_told(body if isinstance(body, dict) else {})
        since = self._memory.get(CATALOGUE_TOLD) or told - DAY_MS
        wanted: dict[str, Any] = {
            "object_types": ["ITEM"],
            "include_deleted_objects": True,
            "begin_time": rfc3339(min(since, told) - OVERLAP_MS),
        }
        found: list[Any] = []
        for _ in range(PAGES_MAX):
            page = await self._call("POST", "/v2/catalog/search", wanted)
            found += objects_in(page.get("objects"), "objects")
            if not page.get("cursor"):
                break
            wanted["cursor"] = page["cursor"]
        return found

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.request(
                method, self._base + path, json=body, headers=self._headers, timeout=timeout
            ) as answer:
                if answer.status != 200:
                    raise SquareError(f"Square's API answered {path} with {answer.status}; check ingest_square_token.")
                found = msgspec.json.decode(await answer.read())
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
            raise SquareError(f"Square's API gave no answer to {path} ({type(error).__name__}).") from error
        return found if isinstance(found, dict) else {}
