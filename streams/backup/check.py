"""Whether a backup can be restored: what the manifest says against what the broker and this release are.

A reason against it is a sentence that names the topic or field, the values, and the way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.topics import CATALOGUE, STAGES
from sinks.layout import LAYOUT_VERSION
from streams.backup.create import key_check
from streams.backup.files import check_file
from streams.backup.manifest import Manifest
from streams.backup.written import TOPICS as OUTPUTS
from streams.broker_logs import Place, begins, places_of, topic_ids
from streams.decide.state import STATE_VERSION
from streams.errors import InputError
from streams.settings import Settings
from streams.tools import consumer
from streams.upgrade import POSITION_VERSION


@dataclass(frozen=True)
class World:
    """What a backup is to be restored into. Topics are named without prefix."""

    topic_prefix: str
    partitions: int
    key_check: str
    logs: Mapping[str, str]
    """Topic -> what the broker calls it; those that exist."""
    begins: Mapping[Place, int]
    """The first offsets that are kept."""


def look_at(settings: Settings) -> World:
    """The broker and the settings as they are. Raises BrokerError."""
    names = sorted({*(name for stage in STAGES.values() for name in stage.inputs), *OUTPUTS})
    ids = topic_ids(settings, names)
    with consumer(settings) as client:
        kept = begins(client, settings, places_of([name for name in names if name in ids], settings))
    return World(settings.topic_prefix, settings.partitions, key_check(settings), ids, kept)


def damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Files of a backup that are not whole."""
    files = [(part.file, part.sha256) for part in manifest.parts]
    if manifest.database is not None:
        files.append((manifest.database.file, manifest.database.sha256))
    for name, sha256 in files:
        try:
            check_file(folder / name, sha256)
        except InputError as error:
            yield str(error)


def refusals(manifest: Manifest, world: World, new_logs: bool = False) -> Iterator[str]:
    """Why a backup cannot be restored here. ``new_logs``: into a pipeline whose logs begin anew."""
    yield from _of_versions(manifest)
    if manifest.partitions != world.partitions:
        yield (
            f"The backup has {manifest.partitions} partitions, the setting partitions says {world.partitions}: set "
            f"CUEPOINT_PARTITIONS={manifest.partitions} and restore, then move to another number with cuepoint "
            "repartition."
        )
        return
    if manifest.key_check != world.key_check:
        yield (
            "The backup was made under another hash_key: who was erased would not be known again. Set "
            "CUEPOINT_HASH_KEY_FILE to the key of that time."
        )
    if new_logs:
        return
    if manifest.topic_prefix != world.topic_prefix:
        yield (
            f"The backup is of the topics {manifest.topic_prefix}.*, the setting topic_prefix is "
            f"{world.topic_prefix!r}: set CUEPOINT_TOPIC_PREFIX={manifest.topic_prefix}; or begin other topics with "
            "its state: --new-logs."
        )
        return
    others = [topic for topic, known_as in sorted(manifest.logs.items()) if world.logs.get(topic) != known_as]
    if others:
        yield (
            f"Topic {world.topic_prefix}.{others[0]} is not the one that the backup was made beside: it was deleted or "
            "made anew, and the backup's offsets mean nothing in it. To go on with the backup's state and empty logs: "
            "--new-logs; what came after the backup has then to be sent again by its sources."
        )
        return
    yield from _of_retention(manifest, world)


def from_beginning(world: World) -> Iterator[str]:
    """Why a pipeline cannot be rebuilt from the beginning of its logs."""
    for (topic, number), begin in sorted(world.begins.items()):
        if begin > 0 and CATALOGUE[topic].cleanup == "delete":
            yield (
                f"Topic {world.topic_prefix}.{topic} partition {number} begins at offset {begin}: retention has "
                "deleted what came before, so nothing can be rebuilt from the beginning. Restore a backup: cuepoint "
                "backup restore DIR."
            )


def _of_versions(manifest: Manifest) -> Iterator[str]:
    layout = 0 if manifest.database is None else manifest.database.layout_version
    for what, found, known in (
        ("positions", manifest.position_version, POSITION_VERSION),
        ("customers' states", manifest.state_version, STATE_VERSION),
        ("DuckDB file", layout, LAYOUT_VERSION),
    ):
        if found > known:
            yield (
                f"The backup's {what} have version {found}, this release reads {known}: restore with release "
                f"{manifest.release} or a newer one."
            )


def _of_retention(manifest: Manifest, world: World) -> Iterator[str]:
    """One sentence for each log of which retention has deleted something that is needed."""
    needed: dict[str, dict[Place, int]] = {}
    for part in manifest.parts:
        for topic in STAGES[part.stage].inputs:
            _want(needed, topic, part.partition, part.reads.get(topic, 0))
    for topic, offsets in manifest.written.items():
        for number, offset in enumerate(offsets):
            _want(needed, topic, number, offset)
    for topic, number, offset in () if manifest.database is None else manifest.database.positions:
        _want(needed, topic, number, offset)
    for topic, places in sorted(needed.items()):
        if CATALOGUE[topic].cleanup != "delete":
            continue
        lost = [(place, offset) for place, offset in sorted(places.items()) if world.begins.get(place, 0) > offset]
        if lost:
            (_, number), offset = lost[0]
            yield (
                f"The backup of {manifest.made_at} is older than the retention: it needs {world.topic_prefix}.{topic} "
                f"partition {number} from offset {offset} on, which begins at {world.begins[topic, number]} now "
                f"({len(lost)} partitions). {_way_out(world)}"
            )


def _want(needed: dict[str, dict[Place, int]], topic: str, number: int, offset: int) -> None:
    places = needed.setdefault(topic, {})
    places[topic, number] = min(offset, places.get((topic, number), offset))


def _way_out(world: World) -> str:
    if any(True for _ in from_beginning(world)):
        return (
            "Take a newer backup; without one, --new-logs goes on with its state, and what happened after it is lost "
            "but for what the sources send again."
        )
    return "All logs are still there from their first record: cuepoint backup restore --from-beginning."
