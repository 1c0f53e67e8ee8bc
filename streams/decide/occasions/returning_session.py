"""Returning session: a visitor is back, and is greeted otherwise than at his first visit.

Episode: the session id. It starts with ``session.started`` and lasts as long as ``valid_for`` says. Its number is that
of the visit among those remembered of customer and brand (the last 50 of the customer, before and after he was known).
Which visits: by number, by the time since the one before began, by device, by the host that the visitor came from, by
segment; by anything else with ``when``. Others end without a record. Meant for ``onsite`` with ``timing: on_arrival``.
Source: web sessions.
"""

from __future__ import annotations

from typing import Any

from schemas.envelope import Envelope
from streams.decide.lifecycle import is_in_named
from streams.decide.occasions.base import END, Arming, Verdict
from streams.decide.rules import Compiled
from streams.decide.state import Sent, Session
from streams.decide.view import View

DIRECT = "direct"
"""In ``origins``: a visitor who came from no other site."""


class ReturningSession:
    """See the module."""

    name = "returning_session"
    triggers = frozenset({"session.started"})
    undone_by: frozenset[str] = frozenset()
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's session, or at a new campaign every one that is remembered."""
        start = f"{brand}|"
        if event is not None:
            names = [f"{start}{event.data['session']}"]
        else:
            names = sorted(name for name in view.state.sessions if name.startswith(start))
        sessions = view.state.sessions
        return [Arming(name[len(start) :], sessions[name].at) for name in names if name in sessions]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """A visit of the kind that the options describe."""
        start = f"{brand}|"
        session = view.state.sessions.get(f"{start}{episode}")
        if session is None:
            return END
        if session.at + after > view.now:
            return Verdict("wait", until=session.at + after)
        place = (session.at, f"{start}{episode}")
        before = [
            known.at
            for name, known in view.state.sessions.items()
            if name.startswith(start) and (known.at, name) < place
        ]
        if not _fits(session, before, campaign.options) or not _is_meant(view, brand, campaign.options.segment):
            return END
        value = f"visit {len(before) + 1}, {session.device}, from {session.origin or DIRECT}"
        return Verdict("go", value=value, since=session.at, inputs=(episode,))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A visit to the brand has to have begun."""
        begun = any(name.startswith(f"{brand}|") for name in view.state.sessions)
        return "" if begun else f"No visit to {brand} is remembered."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Nothing but consent or erasure undoes a greeting."""
        return None


def _fits(session: Session, before: list[int], options: Any) -> bool:
    number = len(before) + 1
    if number < options.visits_min or (options.visits_max is not None and number > options.visits_max):
        return False
    if before and session.at - max(before) < options.away_for:
        return False
    if options.devices and session.device not in options.devices:
        return False
    return not options.origins or any(_is_from(session.origin, origin) for origin in options.origins)


def _is_from(host: str, origin: str) -> bool:
    if origin == DIRECT:
        return not host
    return host == origin.lower() or host.endswith(f".{origin.lower()}")


def _is_meant(view: View, brand: str, segment: str | None) -> bool:
    return segment is None or is_in_named(view, brand, segment)
