"""A person in every store of a running pipeline, on a real broker: found before the erasure, and nowhere after it.

The topics' deadlines are days; here they are set to moments, and nothing else is changed: nothing compresses, the
broker cleans and deletes its segments as it always does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.local.broker import LocalBroker
from schemas.base import rfc3339, to_ms
from schemas.topics import TOPICS
from sinks.snapshots import LATEST
from sinks.tables import RAW_TABLES
from streams.erasure import hasher
from streams.replay.control import now
from streams.settings import Settings
from streams.tools import consumer, latest_values
from streams.topics_admin import administering, configs
from tests.e2e import kit
from tests.e2e.shop import BRAND, REMINDER_MS, campaign, shop_campaigns
from tests.oracle.builders import DAY, HOUR, History
from tests.sinks.pipeline import start_sink

GONE, MERGED, COOKIE, STAYS = "customer-77193", "customer-68211", "cookie-90125", "customer-20481"
PERSON = (GONE, MERGED, COOKIE)
NEIGHBOUR, BORROWED = "customer-20484", "cookie-31007"
"""Somebody whose profile is in the partition of the one who goes, and a cookie that was taken for one of his."""
QUICK = {
    "log.initial.task.delay.ms": "500",
    "log.cleaner.backoff.ms": "200",
    "log.segment.delete.delay.ms": "100",
    "log.retention.check.interval.ms": "300",
}
COMPACTED = {"max.compaction.lag.ms": "500", "delete.retention.ms": "0", "min.cleanable.dirty.ratio": "0.001"}
RETENTION_MS = "20000"
"""Long enough for the workers to read a record before it goes."""
WAIT_S = 180


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    """A broker of this test alone, which cleans at once."""
    with LocalBroker(tmp_path / "broker", short_lived=True, start_timeout_s=240, settings=QUICK) as running:
        yield running


def configure(settings: Settings, cleanup: str, values: dict[str, str]) -> None:
    """Change the topics of one kind; what the request does not name, the broker sets to its defaults."""
    changed = [
        ConfigResource(ConfigResourceType.TOPIC, settings.topic(topic.name), configs(topic, settings) | values)
        for topic in TOPICS.values()
        if topic.cleanup == cleanup
    ]
    with administering(settings) as admin:
        admin.alter_configs(changed)


def story(until: int) -> History:
    """Somebody with a cookie, a merged id, a purchase and a cart that he was reminded of; and others, of whom one had a
    cookie that was not his."""
    history = History()
    for who in (GONE, MERGED, STAYS, NEIGHBOUR):
        history.profile(until - 20 * DAY, who, reach=("email", "onsite"))
    history.cart(until - 10 * DAY, {"phone": 1}, "c-1", anonymous_id=COOKIE)
    history.identified(until - 9 * DAY, GONE, anonymous_id=COOKIE)
    history.order(until - 8 * DAY, {"phone": 1}, "o-1", customer_id=MERGED)
    history.merged(until - 7 * DAY, MERGED, GONE)
    history.cart(until - 6 * DAY, {"phone": 1}, "c-2", anonymous_id=BORROWED)
    history.identified(until - 5 * DAY, STAYS, anonymous_id=BORROWED)
    taken = {"customer_id": STAYS, "identifier": "anonymous_id", "value": BORROWED}
    history.add("customers", "customer.unlinked", until - 4 * DAY, **taken)
    for number, who in enumerate((GONE, STAYS)):
        history.cart(until - 2 * DAY + 9 * HOUR, {"tablet": 1}, f"k-{number}", customer_id=who)
    history.feedback(until - HOUR, "opened", customer_id=GONE)
    history.sources["orders"].append({"event_id": "broken", "customer_id": GONE, "type": "order.placed"})
    return history


def in_changelogs(settings: Settings, names: Iterable[str]) -> set[str]:
    """The stages whose changelog holds one of the names, by its reader."""
    found = set()
    with consumer(settings) as client:
        for stage in ("intake", "identity", "decide"):
            for (_, key), value in latest_values(client, settings, f"{stage}-changelog").items():
                if any(name.encode() in key + value for name in names):
                    found.add(stage)
    return found


def in_segments(broker: LocalBroker, names: Iterable[str]) -> set[str]:
    """The topics of which a segment on the broker's disk holds one of the names, byte by byte."""
    found = set()
    for path in (broker.directory / "data").glob("*/*.log"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # cleaned meanwhile
            continue
        if any(name.encode() in data for name in names):
            found.add(path.parent.name.rpartition("-")[0].partition(".")[2])
    return found


def in_snapshot(settings: Settings, name: str) -> set[str]:
    """The tables of the newest snapshot with a row that names somebody, by DuckDB."""
    with duckdb.connect(str(settings.snapshot_dir / LATEST), read_only=True) as database:
        asked = {
            table.full_name: f"SELECT count(*) FROM {table.full_name} t WHERE contains(CAST(t AS VARCHAR), ?)"
            for table in RAW_TABLES
        }
        return {table for table, sql in asked.items() if database.execute(sql, [name]).fetchone() != (0,)}


def audited(settings: Settings, name: str) -> list[tuple[str, str | None, str | None]]:
    """Action, history that came with it and who has what follows, of each change of one customer's identity."""
    with duckdb.connect(str(settings.snapshot_dir / LATEST), read_only=True) as database:
        asked = "SELECT action, merged, unknown FROM raw.identity_audit WHERE customer_id = ? ORDER BY effective_at"
        return database.execute(asked, [name]).fetchall()


def profiled(settings: Settings) -> set[str]:
    """Whom the shop has a profile of."""
    with consumer(settings) as client:
        return {key.decode() for _, key in latest_values(client, settings, "customer-profile")}


def visits(pipeline: kit.Pipeline, number: int) -> None:
    """Others visit the shop, so that profiles are written after the one that is deleted."""
    at = kit.now_ms()
    for who in (STAYS, NEIGHBOUR):
        visit = {"event_id": f"v-{who}-{number}", "type": "session.started", "occurred_at": rfc3339(at), "market": "GB"}
        pipeline.send("web-sessions", visit | {"brand": BRAND, "customer_id": who, "session_id": f"{who}-{number}"})


def sink(settings: Settings) -> None:
    """Write all that is on the topics, and publish."""
    process = start_sink(settings)
    _, log = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, log


@pytest.mark.timeout(900)
def test_an_erased_person_is_in_no_store(broker: LocalBroker, prefix: str, tmp_path: Path) -> None:
    settings = kit.small_settings(broker, prefix, tmp_path, erasure_rewrite_s=0)
    until = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    content = shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS), profile=True)
    kit.write_campaigns(tmp_path / "campaigns", content)
    history = kit.write_lines(tmp_path / "history", story(to_ms(until)).sources)
    with kit.Pipeline(settings) as pipeline:
        configure(settings, "compact", COMPACTED)
        pipeline.replay(history, tmp_path / "campaigns", "--until", f"{until:%Y-%m-%d}")
        kit.succeed(settings, "go-live")
        sink(settings)
        assert in_changelogs(settings, PERSON) == {"identity", "decide"}
        segments = {"identity-events", "customer-events", "decisions", "identity-changelog", "decide-changelog"}
        assert in_segments(broker, PERSON) >= segments | {"orders", "customers", "quarantine"}
        tables = {"raw.customer_events", "raw.decisions", "raw.feedback", "raw.quarantine", "raw.identity_audit"}
        assert in_snapshot(settings, GONE) == tables
        assert audited(settings, GONE) == [("linked", f"anon:{COOKIE}", None), ("merged", MERGED, None)]
        assert audited(settings, STAYS) == [
            ("linked", f"anon:{BORROWED}", None),
            ("unlinked", None, f"anon~1:{BORROWED}"),
        ]
        assert profiled(settings) == {f"{BRAND}:{who}" for who in (GONE, STAYS, NEIGHBOUR)}
        assert GONE in kit.succeed(settings, "customer", "export", MERGED, "--json")

        order = {"event_id": "x", "type": "customer.erased", "occurred_at": rfc3339(kit.now_ms()), "market": "GB"}
        pipeline.send("customers", order | {"brand": BRAND, "customer_id": MERGED})
        pipeline.wait(lambda: not in_changelogs(settings, PERSON), "the changelogs have nobody any more", WAIT_S)
        refused = kit.command(settings, "customer", "export", GONE)
        assert "was erased on" in refused.stderr
        sink(settings)
        assert not any(in_snapshot(settings, name) for name in PERSON)
        assert profiled(settings) == {f"{BRAND}:{who}" for who in (STAYS, NEIGHBOUR)}
        assert in_snapshot(settings, STAYS) >= {"raw.customer_events", "raw.decisions"}
        files = [*tmp_path.glob("*.duckdb*"), *settings.snapshot_dir.glob("*.duckdb")]
        assert not [path for path in files for name in PERSON if name.encode() in path.read_bytes()]

        configure(settings, "delete", {"retention.ms": RETENTION_MS, "segment.ms": "1000"})
        deadline, number = time.monotonic() + WAIT_S, 0
        while left := in_segments(broker, PERSON):
            visits(pipeline, number := number + 1)
            pipeline.watch()
            assert time.monotonic() < deadline, f"segments of {left} still hold bytes of him"
            time.sleep(1)
        assert in_changelogs(settings, [STAYS]) == {"identity", "decide"}
        hashes = {hasher(settings.hash_key)(name).encode() for name in (GONE, MERGED, f"anon:{COOKIE}")}
        with consumer(settings) as client:
            assert {key for _, key in latest_values(client, settings, "erasures")} == hashes
        assert not pipeline.restarts
