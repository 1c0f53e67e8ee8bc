"""The pipeline on a broker with TLS, users and rights: each stage may do its own work and nothing else."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from deploy.local.certificates import Authority
from deploy.local.secured import ADMIN, SecuredBroker
from schemas.access import USERS, rights
from schemas.topics import CATALOGUE, STAGES
from sinks.channels import ChannelConsumer, logical_clock
from sinks.channels.examples.logged import Logged
from sinks.read import open_latest
from streams.admin_client import connect
from streams.errors import BrokerError
from streams.security import client_options
from streams.settings import Settings
from streams.up import Fleet
from tests.e2e import kit
from tests.e2e.shop import REMINDER_MS, campaign, shop_campaigns
from tests.oracle.builders import HOUR, History, t

PREFIX = "safe"
HASH_KEY = "a-hash-key-that-nobody-may-read"
START_S = 120.0
"""Longest a process may take to begin."""
BY_CERTIFICATE = ("identity", "sink", "shop")
"""Users that come with a certificate in this test; the others with a password."""
START = t("2025-03-03T10:00")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    directory = tmp_path_factory.mktemp("secured")
    with SecuredBroker(directory, short_lived=True, start_timeout_s=240) as running:
        running.make_users(PREFIX)
        admin = settings_of(running, ADMIN, directory)
        made = kit.succeed(admin, "topics", "apply", "--access")
        assert f"granted {PREFIX}-decide read topic {PREFIX}.customer-events" in made
        assert "are as the catalogue says" in kit.succeed(admin, "topics", "plan", "--access")
        yield running


def settings_of(broker: SecuredBroker, user: str, directory: Path, **changes: Any) -> Settings:
    """The settings of one user; the prefix is part of its name on the broker."""
    full = user if user == ADMIN else f"{PREFIX}-{user}"
    client = broker.tls_client(full) if user in BY_CERTIFICATE else broker.client(full)
    key = directory / "hash-key"
    key.write_text(HASH_KEY)
    return kit.small_settings(broker, PREFIX, directory, **{**client, "hash_key_file": str(key), **changes})


def test_the_pipeline_runs_with_a_user_for_each_stage_and_no_secret_is_told(
    secured: SecuredBroker, tmp_path: Path
) -> None:
    history = History()
    for number in range(4):
        history.profile(START, f"c{number}")
        history.cart(START + HOUR, {"mug": 1}, f"cart-{number}", customer_id=f"c{number}")
    history_at = kit.write_lines(tmp_path / "history", {**history.sources, "orders": [b"not json"]})
    kit.write_campaigns(tmp_path / "campaigns", shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)))
    settings = {user: settings_of(secured, user, tmp_path, log_level="DEBUG") for user in (*STAGES, "sink", "tools")}
    fleets = [Fleet(settings[stage], {stage: ["worker", stage]}) for stage in STAGES]
    fleets.append(Fleet(settings["sink"], {"sink": ["sink"]}))
    told = []
    try:
        for fleet in fleets:
            fleet.__enter__()
        told.append(
            kit.succeed(settings["tools"], "replay", history_at, "--hand-over", "--campaigns", tmp_path / "campaigns")
        )
        told += [_served(tmp_path / "state" / "log" / f"{name}.log") for name in (*STAGES, "sink")]
        for fleet in fleets:
            fleet.watch()
    finally:
        for fleet in fleets:
            fleet.stop()
    assert [child.started for fleet in fleets for child in fleet.children if len(child.started) > 1] == []
    with open_latest(settings["sink"]) as snapshot:
        sent = "SELECT count(*) FROM core.fct_decisions WHERE outcome = 'sent'"
        assert snapshot.execute(sent).fetchall() == [(4,)]
        assert snapshot.execute("SELECT count(*) FROM raw.quarantine").fetchall() == [(1,)]
    mail = ChannelConsumer(settings_of(secured, "email-service", tmp_path), "email", Logged(), clock=logical_clock)
    with mail:
        assert mail.run(idle_s_max=20) == 4
    keeper = settings_of(secured, "backup", tmp_path)
    kit.succeed(keeper, "backup", "create", tmp_path / "backups")
    assert "raw.decisions: the same, 4 rows" in kit.succeed(keeper, "backup", "rehearse", tmp_path / "backups")
    told += [
        kit.succeed(settings["decide"], "config", "show"),
        kit.succeed(settings["sink"], "config", "show", "--json"),
    ]
    wrong = kit.command(settings["decide"], "broker", "status", environ={"CUEPOINT_SASL_USERNAME": "somebody"})
    assert "does not know user 'somebody'" in wrong.stderr
    told += [wrong.stderr, *(path.read_text() for path in (tmp_path / "state" / "log").iterdir())]
    _hold_no_secret(told, secured)


def test_a_secret_that_is_told_is_noticed(secured: SecuredBroker) -> None:
    with pytest.raises(AssertionError):
        _hold_no_secret([f"options {{'sasl_plain_password': '{secured.password_file(ADMIN).read_text()}'}}"], secured)


def _served(log: Path) -> str:
    """What a process serves over HTTP: metrics and health, and nothing else."""
    deadline = time.monotonic() + START_S
    while not (lines := [line for line in log.read_text().splitlines() if '"port": ' in line]):
        assert time.monotonic() < deadline, f"{log} names no port"
        time.sleep(0.2)
    root = f"http://127.0.0.1:{json.loads(lines[0])['port']}"
    texts = [urllib.request.urlopen(f"{root}/{path}").read().decode() for path in ("metrics", "healthz", "readyz")]
    for path in ("", "tables", "table", "graph", "router", "stats"):  # Faust's pages would be some of these
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{root}/{path}")
        refused.value.close()
        assert refused.value.code == 404
    assert "c0" not in " ".join(texts).split(), "a customer is served"
    return "\n".join(texts)


def _hold_no_secret(texts: list[str], broker: SecuredBroker) -> None:
    held = [HASH_KEY]
    held += [path.read_text() for path in broker.secrets.glob("*.password")]
    held += [path.read_text().splitlines()[1] for path in broker.secrets.glob("*.key")]
    assert len(held) > len(USERS)
    for text, secret in itertools.product(texts, held):
        assert len(secret) > 10
        assert secret not in text


@pytest.mark.parametrize("user", [*STAGES, "sink", "email-service", "shop", "backup"])
def test_a_user_may_do_what_the_table_says_and_nothing_else(user: str, secured: SecuredBroker, tmp_path: Path) -> None:
    settings = settings_of(secured, user, tmp_path)
    with connect(settings) as admin:
        seen = {topic["name"]: topic for topic in admin.describe_topics([settings.topic(name) for name in CATALOGUE])}
    own = {right.name for right in rights(USERS[user], PREFIX) if right.resource == "topic"}
    assert {name for name, topic in seen.items() if topic["error_code"] == 0} == own - {
        settings.topic(name) for name in CATALOGUE if name.startswith("shadow-")
    }
    for name in ("customer-events", "orders", "decisions", "triggers.email", "triggers.push"):
        assert _can_read(settings, name) == (name in USERS[user].reads), f"{user} reads {name}"
        assert _can_write(settings, name) == (name in USERS[user].writes), f"{user} writes {name}"


def test_groups_and_transactions_of_other_stages_are_closed(secured: SecuredBroker, tmp_path: Path) -> None:
    settings = settings_of(secured, "decide", tmp_path)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, group_id=f"{PREFIX}-intake", **client_options(settings)
    )
    consumer.subscribe([settings.topic("customer-events")])
    with pytest.raises(GroupAuthorizationFailedError):
        consumer.poll(timeout_ms=60_000)
    consumer.close()
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{PREFIX}-intake-0", **client_options(settings)
    )
    with pytest.raises(KafkaError, match="TransactionalIdAuthorizationFailed"):
        producer.init_transactions()
    producer.close()


def test_a_stranger_gets_in_nowhere(secured: SecuredBroker, tmp_path: Path) -> None:
    own = Authority(tmp_path / "own").issue(f"{PREFIX}-decide")
    wrong = tmp_path / "wrong-password"
    wrong.write_text("guessed-it-i-hope")
    by_certificate = secured.tls_client(f"{PREFIX}-identity")
    in_the_clear = {"bootstrap_servers": secured.bootstrap_servers}
    no_certificate = {"ssl_certificate_file": "", "ssl_key_file": ""}
    signed_by_another = {"ssl_certificate_file": str(own.certificate), "ssl_key_file": str(own.key)}
    for client in (
        in_the_clear,
        {**by_certificate, "security_protocol": "PLAINTEXT", **no_certificate, "ssl_ca_file": ""},
        {**by_certificate, **no_certificate},
        {**by_certificate, **signed_by_another},
        {**by_certificate, "bootstrap_servers": f"127.0.0.1:{secured.controller_port}", **no_certificate},
        {**secured.client("stranger"), "sasl_password_file": str(wrong)},
        {**secured.client(f"{PREFIX}-tools"), "sasl_password_file": str(wrong)},
    ):
        with pytest.raises(BrokerError):
            connect(Settings(**client), timeout_s=2)
    with connect(settings_of(secured, "tools", tmp_path)) as admin:  # the same call with the right password
        assert f"{PREFIX}.orders" in admin.list_topics()
    with connect(Settings(**secured.tls_client("stranger"))) as admin:  # signed by the right authority, with no rights
        assert admin.list_topics() == []
    stranger = Settings(topic_prefix=PREFIX, **secured.tls_client("stranger"))
    assert not _can_read(stranger, "orders")
    assert not _can_write(stranger, "orders")


def _can_read(settings: Settings, topic: str) -> bool:
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest", **client_options(settings)
    )
    place = TopicPartition(settings.topic(topic), 0)
    consumer.assign([place])
    try:
        consumer.end_offsets([place])
        consumer.poll(timeout_ms=500)
    except TopicAuthorizationFailedError:
        return False
    else:
        return True
    finally:
        consumer.close()


def _can_write(settings: Settings, topic: str) -> bool:
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        enable_idempotence=False,  # with it, who may write nowhere is refused before a topic is asked for
        max_block_ms=20_000,
        **client_options(settings),
    )
    try:
        producer.send(settings.topic(topic), b"{}", partition=0).get(timeout=20)
    except TopicAuthorizationFailedError:
        return False
    else:
        return True
    finally:
        producer.close()
