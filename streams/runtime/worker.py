"""Run one stage in this process until a signal or a failure."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import faust

from schemas.topics import STAGES, Stage
from streams.errors import CuepointError, SettingsError
from streams.runtime.app import StageApp, build_app
from streams.runtime.checks import check_stage_topics
from streams.runtime.health import HealthServer
from streams.runtime.logs import configure_logging
from streams.runtime.runtime import StageRuntime
from streams.settings import Settings
from streams.task import Task

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 25.0
"""After this the process ends without waiting for anything; an open transaction is aborted by the next owner."""
FAILURE_STOP_TIMEOUT_S = 5.0
"""The same after a failure: nothing is left to be finished, and the partitions wait for another owner."""
EXIT_FAILURE = 1
COLLECT_CYCLES_AFTER = (50_000, 20, 50)
"""Thresholds of the cycle collector. State is records of numbers and text without cycles; with Python's own thresholds
it is walked again and again (a backtest of 281,000 lines took 79 s of CPU with them, 66 s with rarer collections)."""
SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the interpreter lock while another waits. Each socket call of a transaction gives it up
and has to get it back from the consumer thread, which may keep it for Python's 5 ms. A choice, not a
measured optimum."""


class StageWorker(faust.Worker):  # type: ignore[misc]
    """Faust's worker (services, signals, loop) without its console output, with a bound on stopping."""

    _signal_stop_time: float | None = None
    _signal_stop_future: asyncio.Future[None] | None = None

    def __init__(self, app: StageApp, **options: Any) -> None:
        super().__init__(app, quiet=True, override_logging=False, redirect_stdouts=False, **options)
        self.spinner = None
        app.runtime.on_failure = self._stop_on_failure

    async def on_first_start(self) -> None:
        """Signals only: logging is ours, and there is nothing to discover."""
        self.install_signal_handlers()

    def on_worker_shutdown(self) -> None:
        """No process title."""

    async def start(self) -> None:
        """Start everything; a failure is said once, and the worker stops."""
        try:
            await super().start()
        except Exception as error:
            self.app.runtime.fail(error)
            raise asyncio.CancelledError from error

    def _crash(self, reason: BaseException) -> None:
        """A service of the worker has crashed, in whatever thread."""
        super()._crash(reason)
        self.loop.call_soon_threadsafe(self.app.runtime.fail, reason)

    async def stop(self) -> None:
        """Stop everything, within ``STOP_TIMEOUT_S``."""
        _end_process_after(STOP_TIMEOUT_S, self.app.runtime)
        await super().stop()

    def _stop_on_failure(self, error: BaseException) -> None:
        _end_process_after(FAILURE_STOP_TIMEOUT_S, self.app.runtime)
        if not self._signal_stop_time:
            self._signal_stop_time = self.loop.time()
            self._signal_stop_future = asyncio.ensure_future(self.stop(), loop=self.loop)


def run_worker(
    stage: str | Stage, settings: Settings, make_task: Callable[[int], Task], instance_id: str | None = None
) -> int:
    """Run ``stage`` until SIGTERM, SIGINT or a failure; returns the exit code of the process (0 after a signal).

    A failure is logged as one line and nothing of its transaction is committed. What a user can cause ends with the
    error's own ``exit_code``; anything else with 1. Call it once in a process, in its main thread.
    """
    configure_logging(settings.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*COLLECT_CYCLES_AFTER)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        found = _stage(stage)
        check_stage_topics(found, settings)
        app = build_app(found, settings, make_task, instance_id)
        health = HealthServer(settings, app.runtime)
        loop.set_exception_handler(partial(_say_once, app.runtime))
        loop.run_until_complete(health.start())
    except CuepointError as error:
        log.error("%s", error, extra={"error": type(error).__name__})
        loop.close()
        return error.exit_code
    return _run(app, loop)


def _run(app: StageApp, loop: asyncio.AbstractEventLoop) -> int:
    worker = StageWorker(app, loop=loop)
    code: int | str | None
    try:
        worker.execute_from_commandline()
    except SystemExit as done:
        code = done.code
    if app.runtime.failure is not None or code:
        return _exit_code(app.runtime)
    log.info("worker stopped", extra={"stage": app.runtime.stage.name})
    return 0


def _stage(stage: str | Stage) -> Stage:
    if isinstance(stage, Stage):
        return stage
    if stage not in STAGES:
        raise SettingsError(f"There is no stage {stage!r}; stages are {', '.join(STAGES)}.")
    return STAGES[stage]


def _say_once(runtime: StageRuntime, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """After a failure the client's futures repeat it, one by one, behind the sentence that says it."""
    if runtime.failure is None:
        loop.default_exception_handler(context)


def _exit_code(runtime: StageRuntime) -> int:
    failure = runtime.failure
    return failure.exit_code if isinstance(failure, CuepointError) else EXIT_FAILURE


def _end_process_after(seconds: float, runtime: StageRuntime) -> None:
    def end() -> None:
        log.warning("the worker did not stop in time and ends at once", extra={"seconds": seconds})
        os._exit(_exit_code(runtime))

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
