"""A folder of Parquet files whose commits are manifests: what a manifest names is there, everything else is not.

A commit is one JSON file, ``manifests/<number>.json``, which appears whole or not at all, and of which there is one for
each number: whoever comes second fails. It names the data files that it adds and those that it takes away, and carries
the positions behind them. On object storage the same needs ``PUT`` with ``If-None-Match: *``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinks.protocol import TopicPartition
from streams.errors import SinkError

MANIFESTS = "manifests"
DATA = "data"


@dataclass
class Folder:
    """What has been committed in a folder, as read from its manifests."""

    path: Path
    number: int = 0
    """Of the newest commit; 0: there is none."""
    files: dict[str, int] = field(default_factory=dict)
    """Data files, relative to the folder -> number of the commit that added them."""
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    state: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rows of the small tables that commits replace as a whole."""
    prefix: str = ""
    """Topic prefix of what is in it."""

    def of_table(self, table: str) -> list[Path]:
        """The data files of a table, in the order of their commits."""
        found = [name for name in self.files if name.startswith(f"{DATA}/{table}/")]
        return [self.path / name for name in sorted(found, key=lambda name: (self.files[name], name))]

    def commit(self, added: list[str], removed: list[str]) -> None:
        """Make the files, positions and state what readers see, in one step.

        Raises SinkError when another sink has committed in between.
        """
        number = self.number + 1
        content = {
            "number": number,
            "topic_prefix": self.prefix,
            "added": added,
            "removed": removed,
            "positions": [[topic, part, offset] for (topic, part), offset in sorted(self.positions.items())],
            "state": self.state,
        }
        directory = self.path / MANIFESTS
        directory.mkdir(parents=True, exist_ok=True)
        partial = directory / f"{number:012}.partial-{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file, default=str)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, directory / f"{number:012}.json")
        except FileExistsError:
            raise SinkError(
                f"{self.path} has a commit {number} of another sink: only one may write there. Stop the other, or name "
                "another folder."
            ) from None
        finally:
            partial.unlink()
        _sync(directory)
        self._apply(number, added, removed)

    def remove_leftovers(self) -> None:
        """Remove data files and half-written manifests that no commit names: what a death has left."""
        for path in (self.path / DATA).rglob("*.parquet"):
            if path.relative_to(self.path).as_posix() not in self.files:
                path.unlink()
        for path in (self.path / MANIFESTS).glob("*.partial-*"):
            path.unlink()

    def _apply(self, number: int, added: list[str], removed: list[str]) -> None:
        self.number = number
        for name in removed:
            self.files.pop(name, None)
        self.files.update(dict.fromkeys(added, number))


def read_folder(path: Path) -> Folder:
    """What is committed there. Raises SinkError: a manifest is damaged or missing."""
    folder = Folder(path)
    for file in sorted((path / MANIFESTS).glob("*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            number = content["number"]
            if number != folder.number + 1:
                raise SinkError(
                    f"{path}: commit {folder.number + 1} is missing; restore it from a backup of the folder."
                )
            folder._apply(number, content["added"], content["removed"])
        except (OSError, ValueError, KeyError) as error:
            raise SinkError(f"{file} is damaged ({error}); restore it from a backup of the folder.") from error
        folder.positions = {(topic, part): offset for topic, part, offset in content["positions"]}
        folder.state, folder.prefix = content["state"], content["topic_prefix"]
    return folder


def sync_file(path: Path) -> None:
    """Bring a file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
