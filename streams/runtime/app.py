"""The Faust app of a stage: one agent, one table, and the runtime that carries its tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import faust
from faust import stores

from schemas.topics import Stage
from streams.runtime.faust_store import STORE_URL, TaskStore
from streams.runtime.runtime import StageRuntime
from streams.runtime.switch import Switch, has_switch
from streams.runtime.transport import Transport, WakeSchema
from streams.settings import INSTANCE_ENV, Settings
from streams.task import Task

MAX_POLL_INTERVAL_S = 300.0
REBALANCE_TIMEOUT_S = 60.0
HEARTBEAT_INTERVAL_S_MAX = 1.0
"""By a heartbeat a worker learns of a rebalance, and until all have learned of it none goes on."""


class StageApp(faust.App):  # type: ignore[misc]
    """A Faust app that knows its runtime, and stops it before its consumer."""

    runtime: StageRuntime

    async def on_first_start(self) -> None:
        """Nothing on disk: Faust would make directories for tables of its own."""

    async def on_start(self) -> None:
        """Nothing begins before the switch is read; start the heartbeat that ticks partitions."""
        runtime = self.runtime
        runtime.paused = has_switch(runtime.stage.name)
        await super().on_start()
        if runtime.paused:
            switch = Switch(runtime.settings, runtime.stage.name, runtime.pause)
            await switch.start()
            self.add_future(self._follow(switch))
        self.add_future(self.runtime.heartbeat())

    async def _follow(self, switch: Switch) -> None:
        try:
            await switch.follow()
        except Exception as error:
            self.runtime.fail(error)

    async def on_stop(self) -> None:
        """Running rounds end and producers close while the consumer still holds its partitions."""
        await self.runtime.stop()
        await super().on_stop()


def build_app(
    stage: Stage, settings: Settings, make_task: Callable[[int], Task], instance_id: str | None = None
) -> StageApp:
    """The app of ``stage``, ready to be started by a worker; ``app.runtime`` is its ``StageRuntime``.

    ``instance_id`` (or CUEPOINT_INSTANCE_ID) makes the worker a static member of the group: a restart within the
    session timeout gets its partitions back without a rebalance.
    """
    stores.STORES.aliases.setdefault("cuepoint", f"{TaskStore.__module__}:{TaskStore.__qualname__}")
    app = StageApp(
        f"{settings.topic_prefix}-{stage.name}",
        env={},  # Faust's unprefixed variables (BROKER_URL, WEB_PORT, TIMEZONE...) must not reach us
        env_prefix="CUEPOINT_FAUST_",
        broker=[f"kafka://{server.strip()}" for server in settings.bootstrap_servers.split(",")],
        broker_client_id=f"{settings.topic_prefix}-{stage.name}",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=min(HEARTBEAT_INTERVAL_S_MAX, settings.session_timeout_s / 4),
        broker_request_timeout=max(40.0, settings.session_timeout_s * 2),
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        broker_max_poll_interval=MAX_POLL_INTERVAL_S,
        consumer_group_instance_id=instance_id or os.environ.get(INSTANCE_ENV),
        datadir=settings.state_dir / "faust" / stage.name,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        table_standby_replicas=0,
        web_enabled=False,
        web_tables_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    app.runtime = StageRuntime(stage, settings, make_task)
    first, *others = (settings.topic(name) for name in stage.inputs)
    for name in others:
        app.topics.add(app.topic(name, acks=False))
    app.Table(
        f"{stage.name}-table",
        store=STORE_URL,
        partitions=settings.partitions,
        changelog_topic=app.topic(settings.topic(stage.changelog), partitions=settings.partitions, acks=False),
    )
    app.on_partitions_revoked.connect(app.runtime.on_revoked)
    app.on_partitions_assigned.connect(app.runtime.on_assigned)

    @app.agent(app.topic(first, schema=WakeSchema(), acks=False), name=f"{stage.name}-rounds")  # type: ignore[untyped-decorator]
    async def rounds(wakes: Any) -> None:
        """Begin a round for each wake. Rounds of different partitions overlap, so the agent waits for none."""
        async for partition in wakes:
            app.runtime.begin_round(partition)

    return app
