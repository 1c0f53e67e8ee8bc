"""The star of links: an identifier belongs to at most one customer at a time. Pure; one partition's identifiers.

An identifier under which events were seen before its first link was an unknown customer (``anon:…``, ``card:…``): the
link merges that customer into the linked one. An identifier that a second CRM customer claims is shared: it follows the
latest login and merges nobody.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.envelope import Envelope


class Link(msgspec.Struct, array_like=True):
    """What is known of an identifier."""

    customer: str | None = None
    """The CRM customer it belongs to; None: events were seen, nobody has claimed it."""
    shared: bool = False
    latest: tuple[int, str] = (0, "")
    """Time and event id of the link that gave it to the customer."""


class IdentityTable:
    """Resolves events in their order; the caller sorts them. ``fetch`` finds what is not in ``links``."""

    def __init__(self, fetch: Callable[[str], Link | None] = lambda identifier: None) -> None:
        self.links: dict[str, Link] = {}
        """Those that were asked for; the caller may take some out that are not dirty."""
        self.dirty: dict[str, None] = {}
        """Identifiers changed since it was last emptied, in order."""
        self._fetch = fetch

    def apply(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        """Resolve an event, or take an order (link, merge); ``emit`` gets what goes to ``customer-events``."""
        if event.type in ("identity.link", "customer.merged"):
            self._link(event, emit)
            return
        link = self._get(event.customer)
        if link is None:
            self._set(event.customer, Link())
        elif link.customer is not None:
            event.customer = link.customer
        emit(event)

    def _get(self, identifier: str) -> Link | None:
        link = self.links.get(identifier)
        if link is None:
            link = self._fetch(identifier)
            if link is not None:
                self.links[identifier] = link
        return link

    def _set(self, identifier: str, link: Link) -> None:
        self.links[identifier] = link
        self.dirty[identifier] = None

    def _link(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        identifier, customer = event.customer, event.data["customer"]
        link, latest = self._get(identifier), (event.at, event.id)
        if link is not None and link.customer is not None:
            if latest > link.latest:
                self._set(identifier, Link(customer, link.shared or link.customer != customer, latest))
            return
        self._set(identifier, Link(customer, latest=latest))
        if event.type == "customer.merged":
            source = identifier.partition(":")[2]
        elif link is not None:
            source = identifier
        else:
            return
        if source != customer:
            self._merge(event, source, customer, emit)

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
