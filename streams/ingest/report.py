"""What came of a run of payloads: counts by fate, and the fields that the mapping does not know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from streams.errors import InputError
from streams.ingest.worker import Worker


def summary(worker: Worker) -> dict[str, Any]:
    """Events by topic; what was left out and refused, and the unknown fields, by vendor, most first."""

    def rows(counted: Any, name: str) -> list[dict[str, Any]]:
        return [{"vendor": vendor, name: what, "payloads": count} for (vendor, what), count in counted.most_common()]

    return {
        "events": dict(sorted(worker.events.items())),
        "left_out": rows(worker.left_out, "why"),
        "refused": rows(worker.refused, "reason"),
        "unknown_fields": rows(worker.unknown, "field"),
    }


def write_report(worker: Worker, path: Path) -> None:
    """Write the summary as JSON, whole or not at all. Raises InputError when the file cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(summary(worker)), indent=1) + b"\n")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"--report {path}: the file cannot be written ({error.strerror}).") from error


def in_text(worker: Worker) -> list[str]:
    """The summary in lines for people."""
    found = summary(worker)
    lines = [f"{count:>9,} events to {topic}" for topic, count in found["events"].items()]
    lines += [f"{row['payloads']:>9,} payloads left out: {row['why']} ({row['vendor']})" for row in found["left_out"]]
    lines += [f"{row['payloads']:>9,} payloads refused: {row['reason']} ({row['vendor']})" for row in found["refused"]]
    unknown = found["unknown_fields"]
    lines += [
        f"{row['payloads']:>9,} payloads with the unknown field {row['field']} ({row['vendor']})" for row in unknown
    ]
    return lines or ["nothing came"]
