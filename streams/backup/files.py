"""The file of one partition's state: keys and values, compressed, with a checksum; and other files beside it."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path

from streams.errors import InputError, PlatformError

_HEADER = b"cuepoint-state 1\n"
_LENGTHS = struct.Struct(">II")
COMPRESSION = 1
"""Of gzip: states shrink to about a quarter at once, and higher levels take several times as long."""
PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600


def write_entries(path: Path, values: Mapping[bytes, bytes]) -> None:
    """Write a partition's state, readable by its owner alone, and on the disk when it returns. Raises PlatformError."""
    try:
        with open(path, "xb", opener=_private) as raw:
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=COMPRESSION, mtime=0) as file:
                file.write(_HEADER)
                for key in sorted(values):
                    value = values[key]
                    file.write(_LENGTHS.pack(len(key), len(value)) + key + value)
            raw.flush()
            os.fsync(raw.fileno())
    except OSError as error:
        raise not_written(path, error) from error


def read_entries(path: Path, sha256: str) -> dict[bytes, bytes]:
    """What ``write_entries`` wrote. Raises InputError when the file is not what the manifest says."""
    check_file(path, sha256)
    values: dict[bytes, bytes] = {}
    try:
        with gzip.open(path, "rb") as file:
            if file.read(len(_HEADER)) != _HEADER:
                raise InputError(f"{path} is no state of a backup; name the folder that cuepoint backup create made.")
            while lengths := file.read(_LENGTHS.size):
                key_length, value_length = _LENGTHS.unpack(lengths)
                key = file.read(key_length)
                values[key] = file.read(value_length)
    except (OSError, EOFError, struct.error) as error:
        raise damaged(path) from error
    return values


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, readable by its owner alone, and on the disk when it returns. Raises PlatformError."""
    try:
        with source.open("rb") as read, open(target, "xb", opener=_private) as written:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
    except OSError as error:
        raise not_written(target, error) from error


def checksum(path: Path) -> str:
    """SHA-256 of a file, hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, sha256: str) -> None:
    """Raise InputError unless the file is there and whole."""
    try:
        found = checksum(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); take another backup.") from error
    if found != sha256:
        raise damaged(path)


def damaged(path: Path) -> InputError:
    """The error for a file whose checksum is not the manifest's."""
    return InputError(f"{path} is damaged: its checksum is not the one that was written with it; take another backup.")


def not_written(path: Path, error: OSError) -> PlatformError:
    """The error for a file that could not be written."""
    return PlatformError(f"{path} cannot be written ({error.strerror}); free space there, or name another folder.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)
