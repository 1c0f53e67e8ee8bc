"""One run of ``cuepoint ingest file``: which mapping, which outlet, which memory."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from streams.errors import InputError
from streams.ingest.file import take_payloads, take_rows
from streams.ingest.generic import Generic
from streams.ingest.mapping import load_mapping
from streams.ingest.memory import SqliteMemory
from streams.ingest.outlet import FileOutlet, KafkaOutlet, Outlet
from streams.ingest.service import TOPICS, now_ms
from streams.ingest.sources import check_frame, frames_of, product_ids, vendors
from streams.ingest.worker import Worker
from streams.settings import Settings
from streams.topics_admin import check_topics

VENDORS = ("shopify", "segment", "square")


async def load(settings: Settings, path: Path, mapping: str, kind: str | None, out: Path | None) -> Worker:
    """Take a file; the worker has the counts. Raises InputError, SettingsError, BrokerError.

    The memory is that of this run: a file tells its orders before their refunds.
    """
    async with AsyncExitStack() as stack:
        memory = SqliteMemory(None)
        stack.callback(memory.close)
        if mapping in VENDORS:
            made = vendors(settings, [mapping])
        elif not Path(mapping).is_file():
            raise InputError(f"--mapping {mapping}: it is neither {', '.join(VENDORS)} nor a mapping file.")
        else:
            rules = load_mapping(Path(mapping))
            if not (rules.brand and rules.market):
                check_frame(settings)
            made = {"generic": Generic(frames_of(settings, "generic", product_ids(settings.ingest_product_ids)), rules)}
        outlet: Outlet
        if out is not None:
            outlet = await stack.enter_async_context(FileOutlet(out))
        else:
            check_topics(settings, TOPICS)
            outlet = await stack.enter_async_context(KafkaOutlet(settings))
        worker = Worker(made, memory, outlet, now_ms, keep_sentences=True)
        generic = made.get("generic")
        if isinstance(generic, Generic):
            await take_rows(path, generic, worker, outlet)
        else:
            await take_payloads(path, mapping, kind, worker, now_ms())
    return worker
