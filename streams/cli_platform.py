"""Commands for platform engineers: the local broker, and the topics of the catalogue on any broker."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.local import container, jars
from deploy.local.broker import LocalBroker
from deploy.local.config import KAFKA_VERSION
from deploy.local.ports import LOCALHOST
from deploy.strimzi.resources import resources
from schemas.topics import TOPICS
from streams import access_admin
from streams.admin_client import connect
from streams.errors import PlatformError
from streams.settings import Settings, load_settings
from streams.topics_admin import check_topics, ensure_topics
from streams.topics_plan import change, plan

PORT_DEFAULT = 9092
HEAP_MB_DEFAULT = 512

_directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Data, log and pid file of the broker  [default: <state_dir>/broker]",
)


@click.group()
def broker() -> None:
    """Start, stop and look at a local Kafka broker."""


@broker.command("start")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port on 127.0.0.1  [default: that of bootstrap_servers]")
@_directory_option
@click.option("--heap-mb", type=click.IntRange(min=128), default=HEAP_MB_DEFAULT, show_default=True, help="Java heap.")
def broker_start(port: int | None, directory: Path | None, heap_mb: int) -> None:
    """Start a broker and leave it running.

    It runs from Kafka's jars where Java and Maven are there, else in a container where a Docker engine answers.
    """
    settings = _settings()
    local = LocalBroker(_directory(settings, directory), port or _local_port(settings) or PORT_DEFAULT, heap_mb=heap_mb)
    if local.pid:
        click.echo(f"It already runs: {_describe(LocalBroker(local.directory))}")
        return
    if _needs_container():
        container.start(local.port, heap_mb)
        click.echo(f"Kafka {KAFKA_VERSION} runs in a container at {local.bootstrap_servers}.")
    else:
        local.start()
        click.echo(_describe(local))
    if local.port != _local_port(settings):
        click.echo(f"For the other commands: export CUEPOINT_BOOTSTRAP_SERVERS={local.bootstrap_servers}")


@broker.command("stop")
@_directory_option
def broker_stop(directory: Path | None) -> None:
    """Stop the broker that ``start`` started; its records stay."""
    if LocalBroker(_directory(_settings(), directory)).stop():
        click.echo("The broker has stopped.")
    elif container.is_running():
        container.stop()
        click.echo("The broker's container has stopped.")
    else:
        click.echo("No broker was running.")


@broker.command("status")
@_directory_option
def broker_status(directory: Path | None) -> None:
    """Say which broker runs. Fails when none answers."""
    settings = _settings()
    local = LocalBroker(_directory(settings, directory))
    if local.pid:
        connect(local.bootstrap_servers).close()
        click.echo(_describe(local))
        return
    connect(settings).close()
    kind = "the broker's container" if container.is_running() else "a broker that was not started from here"
    click.echo(f"At {settings.bootstrap_servers} answers {kind}.")


_access_option = click.option("--access", is_flag=True, help="The rights of the users, too (docs/security.md).")


@click.group()
def topics() -> None:
    """Compare the topics of the catalogue with a broker, and create them."""


@topics.command("plan")
@_access_option
@click.option("--strimzi", metavar="CLUSTER", help="Write KafkaTopic and KafkaUser resources for this Kafka resource.")
def topics_plan(access: bool, strimzi: str | None) -> None:
    """Show what differs between catalogue and broker; change nothing.

    ``create`` and ``change`` is what ``apply`` does; ``leave`` needs a person. With --strimzi the resources are written
    to standard output, and no broker is asked.
    """
    settings = _settings()
    if strimzi:
        click.echo(resources(settings, strimzi), nl=False)
        return
    steps = plan(settings)
    for step in steps:
        click.echo(step)
    found = access_admin.plan(settings) if access else None
    if found is not None:
        _say_access(found, "grant ")
    if not steps and not (found and (found.missing or found.beyond)):
        rights = " and the rights of its users" if access else ""
        click.echo(f"All {len(TOPICS)} topics{rights} on {settings.bootstrap_servers} are as the catalogue says.")


@topics.command("apply")
@_access_option
def topics_apply(access: bool) -> None:
    """Create missing topics and change what is safe to change; say what is left, and why.

    Wrong partition counts are an error. No right is ever taken away.
    """
    settings = _settings()
    for name in ensure_topics(settings):
        click.echo(f"created {name}")
    steps = plan(settings)
    change(settings, steps)
    for step in steps:
        click.echo(str(step).replace("change ", "changed", 1))
    if access:
        found = access_admin.plan(settings)
        access_admin.grant(settings, found.missing)
        _say_access(found, "granted")
    check_topics(settings)
    click.echo(f"All {len(TOPICS)} topics are on {settings.bootstrap_servers}.")


def _say_access(found: access_admin.AccessPlan, verb: str) -> None:
    for rule in found.missing:
        click.echo(f"{verb} {rule}")
    for rule in found.beyond:
        click.echo(f"leave   {rule}: more than it needs; take it away with the broker's own tools")


def _settings() -> Settings:
    """The settings that the main command put into the context, or those of environment and file."""
    return click.get_current_context().find_object(Settings) or load_settings()


def _directory(settings: Settings, directory: Path | None) -> Path:
    return directory or settings.state_dir / "broker"


def _local_port(settings: Settings) -> int | None:
    """The port at which the other commands look for a broker on this machine, if they do."""
    for address in settings.bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        if host in (LOCALHOST, "localhost") and port.isdigit():
            return int(port)
    return None


def _needs_container() -> bool:
    """Whether only a container can do it. Raises PlatformError naming all ways when nothing can."""
    try:
        jars.check_prerequisites()
    except PlatformError:
        if container.engine_answers():
            return True
        raise
    return False


def _describe(local: LocalBroker) -> str:
    return (
        f"Kafka {KAFKA_VERSION} runs at {local.bootstrap_servers} "
        f"(process {local.pid}, directory {local.directory}, log {local.log_file})."
    )
