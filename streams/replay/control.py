"""The mode of a topic prefix: undecided, replay, live; records on ``control``, one in each partition."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from kafka import KafkaConsumer
from pydantic import BaseModel, TypeAdapter

from schemas.base import to_ms
from schemas.catalog import ControlRecord, FeedContinue, KnownBrands, LiveMode, ReplayDone, ReplayMode
from streams.errors import InputError
from streams.settings import Settings
from streams.tools import consumer, latest_values, producer, read_progress, send_to_all

_records: TypeAdapter[object] = TypeAdapter(ControlRecord)
WAIT_S = 0.2


def read_control(settings: Settings) -> dict[str, object]:
    """The control records in force, by key: ``mode``, ``brands``, ``replayed``."""
    with consumer(settings) as client:
        return control_records(client, settings)


def control_records(client: KafkaConsumer, settings: Settings) -> dict[str, object]:
    """The same, with a client that is there."""
    latest = latest_values(client, settings, "control")
    return {
        key.decode(): _records.validate_json(value)
        for (partition, key), value in sorted(latest.items())
        if partition == 0
    }


def write_control(settings: Settings, key: str, record: BaseModel) -> None:
    """Write a control record to every partition."""
    value = record.model_dump_json().encode()
    with producer(settings) as client:
        send_to_all(client, settings, "control", key.encode(), value)


def begin_replay(settings: Settings, brands: frozenset[str], hand_over: bool) -> None:
    """Decide for a replay; before any input. Raises InputError when the prefix has a mode already."""
    mode = read_control(settings).get("mode")
    if mode is not None:
        raise InputError(
            f"The topics {settings.topic_prefix}.* hold a pipeline in mode {getattr(mode, 'kind', '?')!r} already; a "
            "replay begins on fresh topics. Choose another CUEPOINT_TOPIC_PREFIX."
        )
    if brands:
        write_control(settings, "brands", KnownBrands(kind="brands", brands=sorted(brands)))
    write_control(settings, "mode", ReplayMode(kind="replay", sources=[], hand_over=hand_over))


def end_replay(settings: Settings, until: datetime) -> None:
    """All records of the replay are written."""
    write_control(settings, "replayed", ReplayDone(kind="replayed", until=until))


def go_live(settings: Settings, wait_s: float) -> datetime:
    """End a replay, or begin without one: from now on sources are live. Returns the moment.

    Raises InputError when the prefix is live already, or its replay has not ended after ``wait_s`` seconds.
    """
    control = read_control(settings)
    mode, done = control.get("mode"), control.get("replayed")
    if isinstance(mode, LiveMode):
        raise InputError(f"The pipeline {settings.topic_prefix} is live since {mode.from_time.isoformat()} already.")
    if isinstance(mode, ReplayMode):
        if not isinstance(done, ReplayDone):
            raise InputError(f"The replay of {settings.topic_prefix} is not finished: cuepoint replay still writes.")
        wait_for_clocks(settings, to_ms(done.until), wait_s)
    moment = now()
    write_control(settings, "mode", LiveMode(kind="live", from_time=moment))
    return moment


def now() -> datetime:
    """The wall clock: the only place outside the runtime and the sink where it is read."""
    return datetime.now(UTC)


def wait_for_clocks(settings: Settings, until: int, wait_s: float) -> None:
    """Wait until every decide partition has applied all before ``until``. Raises InputError after ``wait_s``."""
    deadline = time.monotonic() + wait_s
    with consumer(settings) as client:
        while True:
            progress = read_progress(client, settings)
            clocks = [progress.get(("decide", number)) for number in range(settings.partitions)]
            behind = [number for number, row in enumerate(clocks) if row is None or (row.clock or 0) < until]
            if not behind:
                return
            if time.monotonic() > deadline:
                missing = sorted({name for row in clocks if row is not None for name in row.missing})
                why = f"they wait for {', '.join(missing)}: " if missing else ""
                raise InputError(
                    f"Partitions {behind} of decide have not reached the end of the replay after {wait_s:.0f} s; {why}"
                    "is every stage running (cuepoint up)?"
                )
            time.sleep(WAIT_S)


def continue_feed(settings: Settings, source: str) -> None:
    """Let intake go on with a source at which it stopped."""
    write_control(settings, f"continue-{source}", FeedContinue(kind="continue", source=source))
