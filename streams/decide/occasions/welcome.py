"""Welcome: a customer has registered with a brand.

Episode: customer and UTC date of the registration. Source: customers.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.occasions.base import END, Arming, Verdict, not_registered
from streams.decide.rules import Compiled
from streams.decide.state import Sent
from streams.decide.view import View, utc_date

PROFILE_TYPES = frozenset({"customer.registered", "customer.updated"})


class Welcome:
    """See the module."""

    name = "welcome"
    triggers = PROFILE_TYPES
    undone_by: frozenset[str] = frozenset()
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The brand's registration."""
        registered = view.state.registered.get(brand)
        return [] if registered is None else [Arming(_episode(view, registered), registered)]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """The registration still has this date."""
        registered = view.state.registered.get(brand)
        if registered is None or _episode(view, registered) != episode:
            return END
        if registered + after > view.now:
            return Verdict("wait", until=registered + after)
        return Verdict("go", value=f"registered {utc_date(registered)}", since=registered)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A registration with the brand."""
        return not_registered(view, brand)

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Nothing but consent or erasure undoes a welcome."""
        return None


def _episode(view: View, registered: int) -> str:
    return f"{view.state.customer}/{utc_date(registered)}"
