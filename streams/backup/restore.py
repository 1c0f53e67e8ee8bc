"""Restoring: the state that each stage had when it was lost, written into its empty changelog, and the sink's file.

Nothing else is written: no decision, no trigger, no event. The workers, started afterwards, go on behind the last step
whose outputs are on their topics, and hand over what was never decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from schemas.topics import STAGES, Stage
from streams.backup.files import check_file, copy_file, read_entries
from streams.backup.intake import rebuild_intake
from streams.backup.manifest import Manifest
from streams.backup.rebuild import Rebuilt, rebuild
from streams.backup.written import TOPICS, Written
from streams.broker_logs import Place, committed_ends, copy_of_state, places_of, records
from streams.changelog_writer import transactional_producer, write_changelog
from streams.consumer_groups import members
from streams.errors import InputError, StateError
from streams.settings import Settings
from streams.stages import task_factory
from streams.task import Record
from streams.tools import consumer
from streams.topics_admin import administering

Say = Callable[[str], None]
Backup = tuple[Path, Manifest]


def check_target(settings: Settings, stages: Sequence[str]) -> None:
    """Raise StateError while workers of these stages run, or when a changelog holds something."""
    with administering(settings) as admin:
        for name in stages:
            group = f"{settings.topic_prefix}-{name}"
            if running := members(admin, group):
                raise StateError(
                    f"{running} workers of {name} run (group {group}): stop them, and whatever starts them again, "
                    "before its state is restored. One that has just died counts for session_timeout_s."
                )
    with consumer(settings) as client:
        changelogs = places_of([STAGES[name].changelog for name in stages], settings)
        for (topic, number), end in committed_ends(client, settings, changelogs).items():
            if copy_of_state(client, settings, (topic, number), end):
                full = settings.topic(topic)
                raise StateError(
                    f"{full} partition {number} is not empty: a restore never writes over state. If that state is lost "
                    f"or wrong, delete {full} with the broker's tools, make it anew with cuepoint topics apply, and "
                    "restore again; or leave its stage out with --stage."
                )


def restore_state(settings: Settings, backup: Backup | None, stages: Sequence[str], say: Say) -> None:
    """Rebuild the state of each stage and partition, and write it. ``backup``: None: from the beginning of the logs.

    Raises BrokerError, InputError, StateError; what was written until then has to be deleted before another try.
    """
    chosen = [STAGES[name] for name in stages]
    for stage in chosen:
        for number in range(settings.partitions):
            _settle(settings, stage, number)
    with consumer(settings) as client:
        say("reading what the stages had written")
        written = _written(client, settings, backup)
        for stage in chosen:
            for number in range(settings.partitions):
                values = state_of(backup, stage.name, number)
                rebuilt = _rebuild(client, settings, stage, number, values, written)
                write_state(settings, stage, number, rebuilt.values)
                say(f"{stage.name} {number}: {_words(rebuilt)}")


def _words(rebuilt: Rebuilt) -> str:
    told = [f"{len(rebuilt.values):,} entries", f"{rebuilt.records:,} records after the backup"]
    told.append(f"{rebuilt.known:,} outputs found on their topics")
    if rebuilt.left:
        told.append(f"{rebuilt.left:,} are still to be made by the workers")
    if rebuilt.unknown:
        told.append(f"{rebuilt.unknown:,} come out otherwise than they were written, and are not written again")
    return ", ".join(told)


def state_of(backup: Backup | None, stage: str, number: int) -> dict[bytes, bytes]:
    """A partition's state as the backup has it; empty without one. Raises InputError."""
    if backup is None:
        return {}
    folder, manifest = backup
    part = next((each for each in manifest.parts if (each.stage, each.partition) == (stage, number)), None)
    if part is None:
        raise InputError(f"{folder} holds no state of {stage} partition {number}; take another backup.")
    return read_entries(folder / part.file, part.sha256)


def _written(client: KafkaConsumer, settings: Settings, backup: Backup | None) -> Written:
    """What the stages wrote after the backup."""
    found = Written()
    for (topic, number), end in committed_ends(client, settings, places_of(TOPICS, settings)).items():
        start = None if backup is None else backup[1].written[topic][number]
        for batch in records(client, settings, (topic, number), start, end):
            found.note(batch)
    return found


def _rebuild(
    client: KafkaConsumer, settings: Settings, stage: Stage, number: int, values: dict[bytes, bytes], written: Written
) -> Rebuilt:
    places: list[Place] = [(topic, number) for topic in stage.inputs]
    ends = committed_ends(client, settings, places)

    def log(topic: str, start: int | None) -> Iterator[list[Record]]:
        return records(client, settings, (topic, number), start, ends[topic, number])

    if stage.name == "intake":
        return rebuild_intake(settings, values, log, written)
    (topic,) = stage.inputs
    return rebuild(partial(task_factory(stage.name, settings), number), values, topic, partial(log, topic), written)


def _settle(settings: Settings, stage: Stage, number: int) -> None:
    """Fence whoever may still hold the stage's transactional id, and settle what he left open."""
    with _as_worker(settings, stage, number):
        pass


def write_state(settings: Settings, stage: Stage, number: int, values: dict[bytes, bytes]) -> None:
    """Write a partition's state in one transaction. Raises BrokerError, and then nothing of it is visible."""
    if values:
        with _as_worker(settings, stage, number) as client:
            write_changelog(client, settings, (stage.changelog, number), values)


def _as_worker(settings: Settings, stage: Stage, number: int) -> AbstractContextManager[KafkaProducer]:
    """A producer with the transactional id that the stage's worker has. Raises BrokerError."""

    def sentence(error: KafkaError) -> str:
        return (
            f"The state of {stage.name} partition {number} could not be restored ({error}); nothing of it is visible. "
            "See that no worker runs and the broker is well, and restore again."
        )

    return transactional_producer(settings, f"{stage.name}-{number}", sentence)


def restore_database(settings: Settings, backup: Backup) -> str:
    """Put the sink's file in its place; what was done, in words. Raises InputError when a file is there, PlatformError.

    The sink reads on behind its rows; erasures that came after the backup are in the log, and it obeys them.
    """
    folder, manifest = backup
    target = settings.duckdb_path
    if manifest.database is None:
        return "the backup holds no DuckDB file: the sink makes a new one from what its topics still hold"
    if target.exists():
        raise InputError(
            f"{target} exists: a restore never writes over a file. Move it away, or set CUEPOINT_DUCKDB_PATH to "
            "another place; or leave it as it is: --without-duckdb."
        )
    check_file(folder / manifest.database.file, manifest.database.sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".restoring")
    part.unlink(missing_ok=True)
    copy_file(folder / manifest.database.file, part)
    part.rename(target)
    return f"{target}: {manifest.database.size_bytes:,} bytes; the sink reads on behind its rows"
