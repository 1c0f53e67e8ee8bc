"""Commands for platform engineers: the local broker, and the topics of the catalogue on any broker."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.local import container, jars
from deploy.local.broker import LocalBroker
from deploy.local.config import KAFKA_VERSION
from deploy.local.ports import LOCALHOST
from schemas.topics import TOPICS
from streams.admin_client import connect
from streams.errors import PlatformError
from streams.settings import Settings, load_settings
from streams.topics_admin import check_topics, differences, ensure_topics

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
    connect(settings.bootstrap_servers).close()
    kind = "the broker's container" if container.is_running() else "a broker that was not started from here"
    click.echo(f"At {settings.bootstrap_servers} answers {kind}.")


@click.group()
def topics() -> None:
    """Compare the topics of the catalogue with a broker, and create them."""


@topics.command("plan")
def topics_plan() -> None:
    """Show what differs between catalogue and broker; change nothing."""
    settings = _settings()
    found = differences(settings)
    for difference in found:
        if difference.kind == "missing":
            click.echo(f"create  {difference.topic} with {difference.expected}")
        else:
            click.echo(f"differs {difference} (not changed by apply)")
    if not found:
        click.echo(f"All {len(TOPICS)} topics on {settings.bootstrap_servers} are as the catalogue says.")


@topics.command("apply")
def topics_apply() -> None:
    """Create missing topics. What exists is never changed: it is named, and wrong partition counts are an error."""
    settings = _settings()
    for name in ensure_topics(settings):
        click.echo(f"created {name}")
    found = differences(settings)
    for difference in found:
        click.echo(f"left as it is: {difference}")
    check_topics(settings)
    click.echo(f"All {len(TOPICS)} topics are on {settings.bootstrap_servers}.")


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
