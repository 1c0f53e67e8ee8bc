"""DuckDB's errors as one sentence with the cause and the way out."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from streams.errors import SinkError

_FULL = ("No space left on device", "File too large", "Disk quota exceeded", "disk full")
_DAMAGED = ("Corrupt ", "Could not read enough bytes", "Failure while replaying WAL")


def sink_error(error: BaseException, path: Path) -> SinkError:
    """The SinkError of what DuckDB or the file system raised about ``path``."""
    text = " ".join(str(error).split())
    if "Could not set lock" in text or "Conflicting lock" in text:
        return SinkError(
            f"{path} is in use by {_holder(text)}: one sink may write a DuckDB file. Stop that process, or set "
            "CUEPOINT_DUCKDB_PATH to another file; to read, open the newest snapshot."
        )
    if any(cause in text for cause in _FULL):
        return SinkError(
            f"The disk of {path} is full ({_cause(text)}): everything up to the last batch is kept, this one is not. "
            "Free space and start the sink again; it goes on where it stopped."
        )
    if isinstance(error, PermissionError) or "Permission denied" in text or "Read-only file system" in text:
        return SinkError(
            f"{path} cannot be written ({_cause(text)}): give this user the right to write there, or set "
            "CUEPOINT_DUCKDB_PATH and CUEPOINT_SNAPSHOT_DIR to another directory."
        )
    if any(cause in text for cause in _DAMAGED):
        return damaged(path, text)
    if "not a valid DuckDB database" in text:
        return SinkError(
            f"{path} is no DuckDB file: set CUEPOINT_DUCKDB_PATH to another file, or move this one away; the sink "
            "makes a new one from the topics."
        )
    if "read a database file with version number" in text:
        return SinkError(f"{path} was written by a newer DuckDB than {duckdb.__version__}: install that one ({text}).")
    return SinkError(f"{path} could not be used: {text}. Everything up to the last batch is kept.")


def damaged(path: Path, why: str) -> SinkError:
    """The SinkError of a file of which something is gone or changed. A snapshot says itself how far it has read."""
    return SinkError(
        f"{path} is damaged ({why}): move it and {path.name}.wal away, then start the sink again; it makes a new one "
        "from the topics. To keep what is older than the topics, first copy the newest snapshot to where the file was; "
        "the sink goes on where that ends."
    )


def _holder(text: str) -> str:
    """Program and process id that DuckDB names."""
    found = re.search(r"held in (.+?) \(PID (\d+)\)", text)
    return f"process {found[2]} ({Path(found[1]).name})" if found else "another process"


def _cause(text: str) -> str:
    for cause in (*_FULL, "Permission denied", "Read-only file system"):
        if cause in text:
            return cause
    return text
