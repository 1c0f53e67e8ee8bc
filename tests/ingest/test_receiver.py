"""The receiver in this process with an outlet of the test: what it answers, and when."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import REGISTRY

from streams.errors import BrokerError, SettingsError
from streams.ingest.common import Mapped
from streams.ingest.memory import SqliteMemory
from streams.ingest.outlet import Refusal
from streams.ingest.receiver import Receiver
from streams.ingest.service import secrets_of
from streams.ingest.sources import read_secret, vendors
from streams.ingest.worker import Worker
from streams.settings import Settings
from tests.ingest import shopify_payloads as shopify
from tests.ingest.hooks import Hooks, ingest_settings
from tests.ingest.kit import NOW


class Outlet:
    """Takes events when the gate is open; fails while it is told to."""

    def __init__(self) -> None:
        self.events: list[Mapped] = []
        self.refusals: list[Refusal] = []
        self.gate = asyncio.Event()
        self.waiting = 0
        self.down = False

    async def put(self, events: Iterable[Mapped], refusals: Iterable[Refusal] = ()) -> None:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        if self.down:
            raise BrokerError("The broker is away.")
        self.events += events
        self.refusals += refusals


@asynccontextmanager
async def receiving(directory: Path, **changes: Any) -> AsyncIterator[tuple[Outlet, Hooks, Receiver, Worker]]:
    if "ingest_vendors" in changes:
        changes["ingest_secrets"] = dict.fromkeys(changes["ingest_vendors"], directory / "secret")
    settings = ingest_settings(Settings(state_dir=directory), directory, **changes)
    outlet = Outlet()
    outlet.gate.set()
    worker = Worker(vendors(settings, list(settings.ingest_vendors)), SqliteMemory(None), outlet, lambda: NOW)
    receiver = Receiver(settings, secrets_of(settings), worker, lambda: NOW)
    await receiver.start()
    try:
        yield outlet, Hooks(receiver.port), receiver, worker
    finally:
        outlet.gate.set()
        await receiver.stop()


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_it_answers_only_after_the_records_are_written(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path) as (outlet, hooks, _, __):
            outlet.gate.clear()
            sent = asyncio.create_task(hooks.post("shopify", shopify.order(), "orders/create"))
            await until(lambda: outlet.waiting == 1)
            assert not sent.done()
            outlet.gate.set()
            assert (await sent).status == 200
            assert [event.topic for event in outlet.events] == ["orders"]

    asyncio.run(run())


@pytest.mark.parametrize("vendor", ["shopify", "segment", "square"])
def test_a_bad_signature_is_refused_before_anything_is_read(tmp_path: Path, vendor: str) -> None:
    async def run() -> None:
        async with receiving(tmp_path) as (outlet, hooks, _, __):
            for wrong in ({"secret": b"another"}, {"headers": {"X-Signature": ""}, "secret": b""}):
                assert (await hooks.post(vendor, b"{no json", **wrong)).status == 401
            old = await hooks.post(vendor, {"type": "x"}, "app/uninstalled", secret=b"the-one-before")
            assert old.status == 200
            assert outlet.events == []

    asyncio.run(run())


def test_a_body_changed_on_the_way_does_not_fit_its_signature(tmp_path: Path) -> None:
    from streams.ingest.signatures import signature

    async def run() -> None:
        async with receiving(tmp_path) as (_, hooks, __, ___):
            made = signature("shopify", b"a-secret-of-the-tests", b'{"id": 1}').decode()
            answer = await hooks.post("shopify", b'{"id": 2}', headers={"X-Shopify-Hmac-Sha256": made})
            assert answer.status == 401
            assert "secret" not in answer.text

    asyncio.run(run())


def test_what_cannot_be_mapped_is_in_quarantine_and_answered_as_each_vendor_needs_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path) as (outlet, hooks, _, worker):
            assert (await hooks.post("shopify", shopify.order(line_items=[]), "orders/create")).status == 200
            assert (await hooks.post("shopify", b"{", "orders/create")).status == 200
            refund = {
                "type": "refund.updated",
                "data": {"object": {"refund": {"status": "COMPLETED", "order_id": "x"}}},
            }
            assert (await hooks.post("square", refund)).status == 200
            assert (await hooks.post("segment", {"type": "track", "timestamp": "2026-02-01T00:00:00Z"})).status == 400
            assert [(each.vendor, each.reason) for each in outlet.refusals] == [
                ("shopify", "missing_field"),
                ("shopify", "not_json"),
                ("square", "missing_field"),
                ("segment", "missing_field"),
            ]
            assert "example.com" not in str(outlet.refusals)
            assert worker.refused.total() == 4

    asyncio.run(run())


def test_a_burst_beyond_the_limit_is_told_to_come_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path, ingest_in_flight_max=3) as (outlet, hooks, receiver, _):
            outlet.gate.clear()
            orders = [shopify.order(id=number) for number in range(1, 6)]
            first = [asyncio.create_task(hooks.post("shopify", order, "orders/create")) for order in orders[:3]]
            await until(lambda: outlet.waiting == 3)
            for order in orders[3:]:
                answer = await hooks.post("shopify", order, "orders/create")
                assert (answer.status, answer.retry_after) == (503, "5")
            outlet.gate.set()
            assert {(await one).status for one in first} == {200}
            assert receiver.in_flight == 0
            again = [await hooks.post("shopify", order, "orders/create") for order in orders[3:]]
            assert {answer.status for answer in again} == {200}
            assert len(outlet.events) == 5

    asyncio.run(run())


def test_while_kafka_is_away_nothing_is_taken_and_nothing_is_remembered(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path) as (outlet, hooks, _, __):
            outlet.down = True
            update = shopify.order(updated_at="2026-02-05T00:00:00Z")
            answer = await hooks.post("shopify", update, "orders/updated")
            assert (answer.status, answer.retry_after) == (503, "5")
            outlet.down = False
            older = shopify.order(updated_at="2026-02-04T00:00:00Z")
            assert (await hooks.post("shopify", older, "orders/updated")).status == 200
            assert len(outlet.events) == 1

    asyncio.run(run())


def test_a_payload_that_waits_too_long_still_counts_against_the_limit(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path, ingest_answer_ms=100) as (outlet, hooks, receiver, _):
            outlet.gate.clear()
            assert (await hooks.post("shopify", shopify.order(), "orders/create")).status == 503
            assert receiver.in_flight == 1
            outlet.gate.set()
            await until(lambda: receiver.in_flight == 0)

    asyncio.run(run())


def test_a_stop_answers_what_is_being_worked_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path) as (outlet, hooks, receiver, _):
            outlet.gate.clear()
            sent = asyncio.create_task(hooks.post("shopify", shopify.order(), "orders/create"))
            await until(lambda: outlet.waiting == 1)
            stopping = asyncio.create_task(receiver.stop())
            await until(lambda: receiver.stopping)
            assert (await hooks.post("shopify", shopify.order(id=2), "orders/create")).status == 503
            outlet.gate.set()
            assert (await sent).status == 200
            await stopping

    asyncio.run(run())


def test_large_bodies_other_vendors_and_other_methods(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tmp_path, ingest_vendors=["shopify"], ingest_body_bytes_max=2_000) as (_, hooks, __, ___):
            assert (await hooks.post("shopify", shopify.order(), "orders/create")).status == 413
            assert (await hooks.post("segment", {"type": "track"})).status == 404
            async with aiohttp.ClientSession() as session, session.get(f"{hooks.base}/shopify") as answer:
                assert answer.status == 405

    asyncio.run(run())


def test_rows_of_ones_own_come_with_a_token(tmp_path: Path) -> None:
    mapping = Path(__file__).parents[2] / "examples" / "ingest" / "erp-orders.yaml"
    rows = list(csv.DictReader(mapping.with_suffix(".csv").read_text().splitlines(), delimiter=";"))

    async def run() -> None:
        changes = {"ingest_vendors": ["generic"], "ingest_mapping": mapping}
        async with receiving(tmp_path, **changes) as (outlet, hooks, _, __):
            assert (await hooks.post("generic", rows, secret=b"another")).status == 401
            assert (await hooks.post("generic", rows[:2])).status == 200
            assert [(event.topic, len(event.record["lines"])) for event in outlet.events] == [("orders", 2)]
            broken = await hooks.post("generic", {**rows[0], "Menge": "x"})
            assert (broken.status, "Menge" in broken.text) == (422, True)
            assert str(outlet.refusals).count("eins@") == 0

    asyncio.run(run())


def test_unknown_fields_are_counted(tmp_path: Path) -> None:
    labels = {"vendor": "shopify", "field": "a_field_of_this_test"}
    name = "cuepoint_ingest_unknown_fields_total"

    async def run() -> None:
        async with receiving(tmp_path) as (_, hooks, __, worker):
            for number in (1, 2):
                await hooks.post("shopify", shopify.order(id=number, a_field_of_this_test=1), "orders/create")
            assert worker.unknown["shopify", "a_field_of_this_test"] == 2

    asyncio.run(run())
    assert REGISTRY.get_sample_value(name, labels) == 2


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    empty, there = tmp_path / "empty", tmp_path / "there"
    empty.write_text("\n")
    there.write_text("  one \ntwo\n")
    assert read_secret(there, "ingest_secrets.shopify") == (b"one", b"two")
    for path, words in ((None, "names no file"), (empty, "is empty"), (tmp_path / "gone", "cannot be read")):
        with pytest.raises(SettingsError, match=words):
            read_secret(path, "ingest_secrets.shopify")
    with pytest.raises(SettingsError, match="ingest_vendors is empty"):
        secrets_of(Settings())


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"ingest_brand": ""}, "ingest_brand"), ({"ingest_market": "UK"}, "UK"), ({"ingest_crm": ["sap"]}, "sap")],
)
def test_settings_of_shops_are_checked(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        vendors(ingest_settings(Settings(), tmp_path, **changes), ["shopify"])
