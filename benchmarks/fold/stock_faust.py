"""The fold on Faust as its documentation shows it: an agent with ``async for``, a table, ``topic.send``; at least once.

In its favour: JSON by orjson, the loop by uvloop, no standby replicas, no web server, plain dicts instead of records,
and a last commit as soon as the last event is done (its own comes every 2.8 s).
"""

from __future__ import annotations

import asyncio
from typing import Any

import faust
import mode.loop

from benchmarks.fold.job import PARTITIONS, fold_json, fresh
from benchmarks.fold.progress import Progress, Run


class Commits(faust.Sensor):
    """A clock reading after each commit of offsets."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_commit_completed(self, consumer: Any, state: Any) -> None:
        """Called by Faust."""
        self._progress.committed()


def build(run: Run, progress: Progress) -> faust.App:
    """The app: one agent, one table, one output topic."""
    app = faust.App(
        run.name,
        broker=f"kafka://{run.bootstrap}",
        store="memory://",
        datadir=run.directory,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.sensors.add(Commits(progress))
    source = app.topic(run.input, key_type=str, key_serializer="raw", value_serializer="json")
    decisions = app.topic(run.output, key_type=str, key_serializer="raw", value_serializer="json")
    customers = app.Table("customers", default=fresh)
    left = run.events

    @app.agent(source)
    async def fold(events: Any) -> None:
        nonlocal left
        async for event in events:
            progress.began()
            key = event["customer_id"]
            customer = customers[key]
            decision = fold_json(customer, event)
            customers[key] = customer
            if decision is not None:
                await decisions.send(key=key, value=decision)
            left -= 1
            if left == 0:
                app.add_future(finish(app, run, progress))

    return app


async def finish(app: faust.App, run: Run, progress: Progress) -> None:
    """Flush and commit, as soon as the agent has taken leave of the last event."""
    await app.producer._producer.flush()
    while (
        sum(offset or 0 for tp, offset in app.consumer._committed_offset.items() if tp.topic == run.input) < run.events
    ):
        await app.consumer.commit()
        await asyncio.sleep(0.001)
    progress.ended()


if __name__ == "__main__":
    mode.loop.use("uvloop")
    faust.Worker(build(Run.from_arguments(), Progress()), loglevel="warning", quiet=True).execute_from_commandline()
