"""``cuepoint repartition``: move a pipeline that stands still to another number of partitions."""

from __future__ import annotations

import click

from streams.cli_common import settings
from streams.repartition.borders import Counting, RepartitionError
from streams.repartition.broker import BrokerNew, BrokerOld, check_stopped, check_unused
from streams.repartition.rest import Rest
from streams.repartition.run import repartition as move
from streams.settings import Settings
from streams.tools import consumer, producer

NEXT = """Next:
  1. Write to the inputs {new}.*, and let channel services, shops and the sink read {new}.*.
  2. Set CUEPOINT_TOPIC_PREFIX={new} and CUEPOINT_PARTITIONS={partitions} everywhere, and start the stages.
  3. Start no stage on {old}.* any more, unless you go back (docs/for-platform-engineers.md)."""


@click.command()
@click.option(
    "--to", "partitions", required=True, type=click.IntRange(1, 256), metavar="N", help="Partitions to move to."
)
@click.option("--new-prefix", required=True, metavar="NAME", help="Prefix of the new topics: one never used before.")
@click.option("--dry-run", is_flag=True, help="Check everything, say what would be written, and write nothing.")
def repartition(partitions: int, new_prefix: str, dry_run: bool) -> None:
    """Move all state to topics with N partitions under a new prefix; decisions go on as if nothing had been.

    Stop the sources, then intake; when --dry-run finds no fault, everything that was written is read: stop the other
    stages, and run it without. The old topics stay as they are.
    """
    old = settings()
    new = settings(topic_prefix=new_prefix, partitions=partitions)
    if new_prefix == old.topic_prefix or partitions == old.partitions:
        same, value = ("--new-prefix", new_prefix) if new_prefix == old.topic_prefix else ("--to", partitions)
        raise RepartitionError(f"{same} {value} is what the pipeline has already; name another.")
    if not dry_run:
        check_stopped(old)
    with consumer(old) as reading, consumer(new) as asking:
        source, found = BrokerOld(reading, old), Counting(partitions)
        check_unused(asking, new)
        rest = move(source, found, old.sources_by_marks)
        if not dry_run:
            with producer(new) as sending:
                target = BrokerNew(asking, sending, new)
                move(source, target, old.sources_by_marks)
                target.finish()
    _say(old, new, rest, found, "would be written" if dry_run else "written")
    if not dry_run:
        click.echo(NEXT.format(new=new.topic_prefix, old=old.topic_prefix, partitions=partitions))


def _say(old: Settings, new: Settings, rest: Rest, written: Counting, done: str) -> None:
    customers = sum(position.extra["customers"] for position in rest.decide)
    click.echo(
        f"{old.topic_prefix}.* ({old.partitions} partitions) to {new.topic_prefix}.* ({new.partitions} partitions): "
        f"{customers:,} customers, {len(rest.pointers):,} merged ids."
    )
    for stage, entries in written.kept.items():
        click.echo(f"state of {stage}: {entries:,} entries {done}")
    for topic, records in written.sent.items():
        click.echo(f"{topic}: {records:,} records {done}")
