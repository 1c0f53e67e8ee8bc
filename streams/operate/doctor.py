"""What ``cuepoint doctor`` checks, each with what to do about it. It changes nothing and writes nothing."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.base import to_ms
from schemas.topics import STAGES, TOPICS
from streams.admin_client import connect
from streams.campaign_store import published
from streams.errors import CuepointError
from streams.operate.pauses import stops
from streams.replay.control import now, read_control
from streams.security import client_options, describe_files
from streams.settings import Settings
from streams.tools import consumer, read_all
from streams.topics_plan import plan

DISK_FREE_MB_MIN = 1_000
SKEW_MS_MAX = 2_000
SILENT_MS_MAX = 60_000
"""A running pipeline writes marks and progress each second, even when nothing comes in."""

REPORTING = tuple(stage for stage in STAGES if stage != "capacity")
"""Stages that report whatever happens; capacity reports when something reaches it."""

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What one check found. ``advice``: what to do; empty when nothing is."""

    area: str
    verdict: Verdict
    text: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, area by area. What needs the broker is left out when there is none."""
    yield from _guarded("security", lambda: _security(settings))
    yield from _guarded("versions", _versions)
    yield from _guarded("disk", lambda: _disk(settings))
    reached = list(_guarded("broker", lambda: _broker(settings)))
    yield from reached
    if any(finding.verdict == "fail" for finding in reached):
        return
    topics = list(_guarded("topics", lambda: _topics(settings)))
    yield from topics
    if any(finding.verdict == "fail" for finding in topics):
        return
    yield from _guarded("clock", lambda: _progress(settings))
    yield from _guarded("campaigns", lambda: _campaigns(settings))
    yield from _guarded("paused", lambda: _paused(settings))


def _guarded(area: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """An error of a check is its finding: the sentence says what to do."""
    try:
        yield from check()
    except CuepointError as error:
        yield Finding(area, "fail", str(error))


def _security(settings: Settings) -> Iterator[Finding]:
    client_options(settings)
    for field, path in describe_files(settings):
        if not field.startswith("ssl_c") and path.stat().st_mode & 0o004:
            yield Finding("security", "warn", f"{field} = {path} can be read by everybody", f"chmod o-r {path}")
    if settings.security_protocol == "PLAINTEXT":
        yield Finding(
            "security", "warn", "clients talk in the clear and as nobody", "set security_protocol (docs/security.md)"
        )
    else:
        who = settings.sasl_username or settings.ssl_certificate_file or "nobody"
        yield Finding("security", "ok", f"{settings.security_protocol} as {who}")
    if settings.hash_key == Settings.model_fields["hash_key"].default:
        yield Finding("security", "warn", "hash_key is the one of the documentation", "set hash_key_file to a secret")


def _versions() -> Iterator[Finding]:
    version = importlib.metadata.version("cuepoint")
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("versions", "ok", f"cuepoint {version}, Python {python}")
    for requirement in importlib.metadata.requires("cuepoint") or []:
        pinned = re.fullmatch(r"([A-Za-z0-9_.-]+)==([^ ;]+)", requirement)
        if pinned and (found := importlib.metadata.version(pinned[1])) != pinned[2]:
            yield Finding(
                "versions", "fail", f"{pinned[1]} is {found}, tested is {pinned[2]}", f"install {requirement}"
            )


def _disk(settings: Settings) -> Iterator[Finding]:
    for field in ("state_dir", "duckdb_path", "snapshot_dir"):
        path: Path = getattr(settings, field).absolute()
        place = next(parent for parent in (path, *path.parents) if parent.is_dir())
        free_mb = shutil.disk_usage(place).free // 1_000_000
        verdict: Verdict = "ok" if free_mb >= DISK_FREE_MB_MIN else "fail"
        advice = "" if verdict == "ok" else f"free some space, or set {field} to a larger disk"
        yield Finding("disk", verdict, f"{free_mb:,} MB free for {field} = {path}", advice)


def _broker(settings: Settings) -> Iterator[Finding]:
    with connect(settings) as admin:
        nodes = len(admin.describe_cluster()["brokers"])
    yield Finding("broker", "ok", f"{settings.bootstrap_servers} answers, {nodes} brokers")
    if nodes < settings.replication:
        yield Finding(
            "broker", "fail", f"{nodes} brokers for replication = {settings.replication}", "add brokers or set it lower"
        )


def _topics(settings: Settings) -> Iterator[Finding]:
    steps = plan(settings)
    if not steps:
        yield Finding("topics", "ok", f"all {len(TOPICS)} are as the catalogue says")
    for step in steps:
        missing = step.action == "create" or step.difference.kind == "partitions"
        advice = step.why if step.action == "leave" else "cuepoint topics apply"
        yield Finding("topics", "fail" if missing else "warn", str(step.difference), advice)


def _progress(settings: Settings) -> Iterator[Finding]:
    """The times that the broker gave to the newest record of each task, against this machine's clock."""
    latest: dict[str, int] = {}
    with consumer(settings) as client:
        for record in read_all(client, settings, "progress"):
            stage = record.key.decode().rpartition("-")[0]
            latest[stage] = max(record.timestamp, latest.get(stage, 0))
    present = to_ms(now())
    ahead = max(latest.values(), default=0) - present
    if ahead > SKEW_MS_MAX:
        yield Finding(
            "clock", "fail", f"the broker's clock is {ahead / 1000:.0f} s ahead of this machine's", "run NTP on both"
        )
    elif latest:
        yield Finding("clock", "ok", "not behind the broker's")
    for stage in REPORTING:
        silent_ms = present - latest.get(stage, 0)
        if stage not in latest:
            yield Finding("stages", "warn", f"{stage} has never reported", f"start it: cuepoint worker {stage}")
        elif silent_ms > SILENT_MS_MAX:
            text = f"{stage} was last heard of {silent_ms / 1000:,.0f} s ago"
            yield Finding("stages", "warn", text, f"see its log, or start it: cuepoint worker {stage}")
        else:
            yield Finding("stages", "ok", f"{stage} reports")


def _paused(settings: Settings) -> Iterator[Finding]:
    with consumer(settings) as client:
        found = stops(client, settings)
    for stop in found:
        why = f": {stop.reason}" if stop.reason else ""
        text = f"{stop.words} is paused since {stop.since} by {stop.by}{why}"
        yield Finding("paused", "warn", text, f"when it may go on: {stop.resume}")


def _campaigns(settings: Settings) -> Iterator[Finding]:
    mode = read_control(settings).get("mode")
    if mode is None:
        yield Finding("campaigns", "warn", "nothing is decided yet", "cuepoint replay DIR or cuepoint go-live")
    found = published(settings)
    if not found.campaigns:
        yield Finding("campaigns", "warn", "no campaign is published", "cuepoint campaigns publish DIRECTORY")
        return
    with_rules = {rules.brand for rules in found.brands}
    yield Finding("campaigns", "ok", f"{len(found.campaigns)} published, of {len(with_rules)} brands")
    for brand in sorted({brand for campaign in found.campaigns for brand in campaign.brands} - with_rules):
        yield Finding("campaigns", "warn", f"brand {brand} has campaigns and no rules", "publish its brand file")
