"""The star of links: an identifier belongs to at most one customer at a time. Pure; one partition's identifiers.

An identifier under which events were seen before its first link was an unknown customer (``anon:…``, ``card:…``): the
link merges that customer into the linked one. An identifier that a second CRM customer claims is shared: it follows the
latest login and merges nobody.

An erasure comes to every partition, as do the CRM's merges. It takes everybody who is the same customer, and unlinks
all that was ever given to any of them: each name gets its own ``customer.erased`` in ``customer-events``, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from schemas.envelope import Envelope
from streams.identity.families import MERGED, Families

TO_ALL = "*"
"""Customer of an order that every partition gets."""


class Link(msgspec.Struct, array_like=True):
    """What is known of an identifier."""

    customer: str | None = None
    """The CRM customer it belongs to; None: events were seen, nobody has claimed it."""
    shared: bool = False
    latest: tuple[int, str] = (0, "")
    """Time and event id of the link that gave it to the customer."""


class IdentityTable:
    """Resolves events in their order; the caller sorts them. ``fetch`` finds what is not in ``links``."""

    def __init__(
        self,
        fetch: Callable[[str], Link | None] = lambda identifier: None,
        families: Families | None = None,
        owns: Callable[[str], bool] = lambda identifier: True,
    ) -> None:
        """``owns``: whether an identifier is of this partition; of an order to all, one partition speaks."""
        self.links: dict[str, Link] = {}
        """Those that were asked for; the caller may take some out that are not dirty."""
        self.dirty: dict[str, None] = {}
        """Identifiers changed since it was last emptied, in order; those without a link were deleted."""
        self.families = Families() if families is None else families
        self._fetch = fetch
        self._owns = owns

    def apply(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        """Resolve an event, or take an order (link, merge); ``emit`` gets what goes to ``customer-events``."""
        if event.type in ("identity.link", "customer.merged"):
            self._link(event, emit)
            return
        if event.type == "customer.erased":
            self._erase(event, emit)
            return
        link = self._get(event.customer)
        if link is None:
            if not self.families.leaves_out(event.customer, event.at):
                self._set(event.customer, Link())
        elif link.customer is not None:
            event.customer = link.customer
        emit(event)

    def _get(self, identifier: str) -> Link | None:
        link = self.links.get(identifier)
        if link is None and identifier not in self.dirty:
            link = self._fetch(identifier)
            if link is not None:
                self.links[identifier] = link
        return link

    def _set(self, identifier: str, link: Link) -> None:
        self.links[identifier] = link
        self.dirty[identifier] = None

    def _link(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        is_merge, customer = event.type == "customer.merged", event.data["customer"]
        identifier = event.customer if event.customer != TO_ALL else MERGED + event.data["merged"]
        families = self.families
        if families.erased_at(customer) is not None:
            return
        if is_merge and families.erased_at(identifier[len(MERGED) :]) is not None:
            return
        link, latest = self._get(identifier), (event.at, event.id)
        if link is not None and link.customer is not None:
            if latest > link.latest and not is_merge:
                if link.customer != customer:
                    families.enter(customer, identifier)
                self._set(identifier, Link(customer, link.shared or link.customer != customer, latest))
            return
        self._set(identifier, Link(customer, latest=latest))
        families.enter(customer, identifier)
        if is_merge:
            source = identifier[len(MERGED) :]
        elif link is not None:
            source = identifier
        else:
            return
        if source != customer and (event.customer != TO_ALL or self._owns(identifier)):
            self._merge(event, source, customer, emit)

    def _erase(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        named, families = event.data["customer"], self.families
        members = families.of(named, self._merged_into)
        for member in members:
            for identifier in families.owned(member):
                if not identifier.startswith(MERGED):
                    self._unlink(identifier, members)
                    families.erase(identifier, event.at)
                    emit(_erased(event, identifier, "identity"))
        for member in members:
            self._delete(MERGED + member)
            families.erase(member, event.at)
            if self._owns(MERGED + member):
                emit(_erased(event, member, event.source if member == named else "identity"))

    def _merged_into(self, customer: str) -> str | None:
        link = self._get(MERGED + customer)
        return None if link is None else link.customer

    def _unlink(self, identifier: str, members: Sequence[str]) -> None:
        """One that has gone to somebody else meanwhile stays his."""
        link = self._get(identifier)
        if link is not None and link.customer in members:
            self._delete(identifier)

    def _delete(self, identifier: str) -> None:
        if self._get(identifier) is not None:
            del self.links[identifier]
            self.dirty[identifier] = None

    def _merge(self, event: Envelope, source: str, target: str, emit: Callable[[Envelope], None]) -> None:
        merge = f"{source}>{target}@{event.eff}"
        for kind, key, data in (
            ("merge.expected", target, {"merge": merge, "from": source}),
            ("merge.out", source, {"merge": merge, "to": target}),
        ):
            emit(
                Envelope(
                    id=f"{kind}/{merge}",
                    type=kind,
                    source="identity",
                    customer=key,
                    at=event.at,
                    eff=event.eff,
                    data=data,
                )
            )


def _erased(event: Envelope, name: str, source: str) -> Envelope:
    """The order to forget one name. ``source``: of the name that the CRM gave, the CRM's; only that is counted."""
    return Envelope(
        id=event.id,
        type=event.type,
        source=source,
        customer=name,
        at=event.at,
        eff=event.eff,
        brand=event.brand,
        market=event.market,
    )
