"""A channel service as a process: until a signal or a failure, with metrics and health over HTTP."""

from __future__ import annotations

import logging
import signal
from contextlib import closing

from sinks.channels.consumer import ChannelConsumer
from sinks.channels.handler import Clock, Handler, wall_clock
from sinks.channels.store import Store
from sinks.channels.web import ChannelWeb
from streams.errors import CuepointError
from streams.runtime.logs import configure_logging
from streams.settings import Settings

log = logging.getLogger(__name__)

EXIT_FAILURE = 1


def run_channel(
    settings: Settings, channel: str, handler: Handler, *, store: Store | None = None, clock: Clock = wall_clock
) -> int:
    """Run the service until SIGTERM or SIGINT, or a failure; returns the exit code of the process.

    A stop finishes the message in hand, answers, commits and leaves the group. A failure is logged as one line.
    """
    configure_logging(settings.log_level)
    try:
        with (
            closing(ChannelWeb(settings.web_host, settings.web_port)) as web,
            ChannelConsumer(settings, channel, handler, store=store, clock=clock) as consumer,
        ):
            for kind in (signal.SIGTERM, signal.SIGINT):
                signal.signal(kind, lambda *_: consumer.stop())
            log.info("listening", extra={"port": web.port, "channel": channel})
            taken = consumer.run(polled=web.polled)
    except CuepointError as error:
        log.error("%s", error, extra={"error": type(error).__name__})
        return error.exit_code
    except Exception:
        log.exception("the channel service failed")
        return EXIT_FAILURE
    log.info("channel service stopped", extra={"channel": channel, "taken": taken})
    return 0
