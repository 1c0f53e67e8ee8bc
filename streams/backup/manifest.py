"""What a backup says of itself: ``manifest.json``, written last, so that a folder without one is no backup."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from streams.backup.files import not_written
from streams.errors import InputError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"
_NAME = re.compile(r"cuepoint-\d{8}T\d{6}Z")


class Part(msgspec.Struct, frozen=True):
    """The state of one partition of one stage."""

    stage: str
    partition: int
    file: str
    sha256: str
    size_bytes: int
    entries: int
    reads: dict[str, int]
    """Input topic -> the first offset that was not done, or still waited for its turn; absent: the first one."""


class Database(msgspec.Struct, frozen=True):
    """The sink's file: a copy of its newest snapshot."""

    file: str
    sha256: str
    size_bytes: int
    layout_version: int
    positions: list[tuple[str, int, int]]
    """(topic, partition, next offset to read)."""


class Manifest(msgspec.Struct, frozen=True):
    """Topics are named without prefix."""

    made_at: str
    """RFC 3339."""
    release: str
    topic_prefix: str
    partitions: int
    position_version: int
    state_version: int
    key_check: str
    """A hash under the secret ``hash_key``: tells whether it is the same, and nothing else."""
    logs: dict[str, str]
    """Topic that a stage reads -> what the broker calls it, and no other topic that ever has its name."""
    written: dict[str, list[int]]
    """Topic that a stage writes -> for each partition an offset: all that was written after the backup comes later."""
    parts: list[Part]
    database: Database | None = None
    format: int = FORMAT_VERSION

    @property
    def stages(self) -> list[str]:
        """The stages that it holds."""
        return list(dict.fromkeys(part.stage for part in self.parts))


class _Format(msgspec.Struct):
    format: int


def folder_name(made_at: datetime) -> str:
    """The name of a backup below the folder of backups."""
    return f"cuepoint-{made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it into the folder of a backup. Raises PlatformError."""
    path = folder / MANIFEST
    try:
        with path.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise not_written(path, error) from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises InputError: there is none, it is damaged, or of a newer release."""
    path = folder / MANIFEST
    try:
        raw = path.read_bytes()
        version = msgspec.json.decode(raw, type=_Format).format
        if version > FORMAT_VERSION:
            raise InputError(
                f"{path} has format {version}, this release reads {FORMAT_VERSION}: restore with the release that "
                "made the backup, or a newer one."
            )
        return msgspec.json.decode(raw, type=Manifest)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name the folder of a backup.") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is damaged ({error}); take another backup.") from error


def backups(directory: Path) -> list[Path]:
    """The finished backups in a folder, oldest first."""
    return sorted(path.parent for path in directory.glob(f"cuepoint-*/{MANIFEST}") if _NAME.fullmatch(path.parent.name))


def find_backup(directory: Path) -> Path:
    """The backup that a user names: the folder of one, or a folder of several, then the newest. Raises InputError."""
    if (directory / MANIFEST).exists():
        return directory
    found = backups(directory)
    if not found:
        raise InputError(f"{directory} holds no finished backup; make one with: cuepoint backup create {directory}")
    return found[-1]


def prune(directory: Path, kept_days: int, now: datetime) -> list[Path]:
    """Delete backups that are older than ``kept_days``, and what a backup left that never finished; which these were.

    Raises PlatformError.
    """
    oldest = folder_name(now - timedelta(days=kept_days))
    old = [path for path in backups(directory) if path.name < oldest]
    old += [path for path in directory.glob(f"cuepoint-*{UNFINISHED}") if path.name < oldest]
    for path in old:
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise not_written(path, error) from error
    return old
