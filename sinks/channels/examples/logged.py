"""A channel that logs each message as if it had been sent: ``cuepoint channel run``, for demos and dry runs."""

from __future__ import annotations

import logging

from sinks.channels.handler import Handler, Message, Outcome

log = logging.getLogger(__name__)


class Logged(Handler):
    """Sends nothing."""

    def send(self, message: Message) -> Outcome:
        """Log it, at level DEBUG: without names, as triggers carry none."""
        log.debug("sent", extra={"decision_id": message.trigger.decision_id, "campaign": message.trigger.campaign})
        return "delivered"
