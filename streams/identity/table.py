"""The star of links: an identifier belongs to at most one customer at a time. Pure; one partition's identifiers.

An identifier under which events were seen before its first link was an unknown customer (``anon:…``, ``card:…``): the
link merges that customer into the linked one. An identifier that a second CRM customer claims is shared: it follows the
latest login and merges nobody.

An erasure comes to every partition, as do the CRM's merges. It takes everybody who is the same customer, and unlinks
all that was ever given to any of them: each name gets its own ``customer.erased`` in ``customer-events``, in its order.
The CRM may also take one identifier from a customer (``identity.unlinked``, see ``streams.identity.parted``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.envelope import Envelope
from streams.identity.audit import Tell, change
from streams.identity.families import MERGED, Families
from streams.identity.names import identifier_of, unknown_name
from streams.identity.parted import Parted, after_unlinking

TO_ALL = "*"
"""Customer of an order that every partition gets."""


class Link(msgspec.Struct, array_like=True):
    """What is known of an identifier."""

    customer: str | None = None
    """The CRM customer it belongs to; None: events were seen, nobody has claimed it."""
    shared: bool = False
    latest: tuple[int, str] = (0, "")
    """Time and event id of the link that gave it to the customer, or of the unlinking that took it."""
    parted: Parted | None = None
    """None: it was never unlinked."""


class IdentityTable:
    """Resolves events in their order; the caller sorts them. ``fetch`` finds what is not in ``links``."""

    def __init__(
        self,
        fetch: Callable[[str], Link | None] = lambda identifier: None,
        families: Families | None = None,
        owns: Callable[[str], bool] = lambda identifier: True,
        tell: Tell | None = None,
    ) -> None:
        """``owns``: whether an identifier is of this partition; of an order to all, one partition speaks.
        ``tell`` gets the audit records; None: there are none."""
        self.links: dict[str, Link] = {}
        """Those that were asked for; the caller may take some out that are not dirty."""
        self.dirty: dict[str, None] = {}
        """Identifiers changed since it was last emptied, in order; those without a link were deleted."""
        self.families = Families() if families is None else families
        self._fetch = fetch
        self._owns = owns
        self._tell = tell

    def apply(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        """Resolve an event, or take an order (to link, unlink, merge, erase). ``emit``: to ``customer-events``."""
        if event.type in ("identity.link", "customer.merged"):
            self._link(event, emit)
            return
        if event.type == "customer.erased":
            self._erase(event, emit)
            return
        if event.type == "identity.unlinked":
            self._unlink(event, emit)
            return
        link = self._get(event.customer)
        if link is None:
            if not self.families.leaves_out(event.customer, event.at):
                self._set(event.customer, Link())
        elif link.parted is not None:
            event.customer = self._of_parted(event, link, link.parted)
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

    def _of_parted(self, event: Envelope, link: Link, parted: Parted) -> str:
        """Whose the event of an identifier is that was unlinked."""
        before = parted.owner_at(event.at)
        if before is not None:
            return before
        if link.customer is not None:
            return link.customer
        name = unknown_name(event.customer, parted.times)
        if not parted.seen and not self.families.leaves_out(name, event.at):
            self._set(event.customer, Link(None, link.shared, link.latest, Parted(parted.times, True, parted.past)))
        return name

    def _link(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        is_merge, customer = event.type == "customer.merged", event.data["customer"]
        identifier = event.customer if event.customer != TO_ALL else MERGED + event.data["merged"]
        families = self.families
        if families.erased_at(customer) is not None:
            return
        if is_merge and families.erased_at(identifier[len(MERGED) :]) is not None:
            return
        source = identifier[len(MERGED) :] if is_merge else None
        if source == customer:
            return
        link, latest = self._get(identifier), (event.at, event.id)
        if link is not None and link.customer is not None:
            if latest > link.latest and not is_merge:
                self._move(event, identifier, link, customer)
            return
        parted, unknown = None, identifier
        if link is not None and link.parted is not None:
            if latest <= link.latest:
                return
            parted, unknown = link.parted, unknown_name(identifier, link.parted.times)
        self._set(identifier, Link(customer, latest=latest, parted=parted))
        families.enter(customer, unknown)
        if link is not None and (parted is None or parted.seen):
            source = unknown
        speaks = event.customer != TO_ALL or self._owns(identifier)
        if self._tell is not None and speaks:
            of = {} if is_merge else {"identifier": identifier}
            self._tell(change(event, "merged" if is_merge else "linked", customer, merged=source, **of))
        if source is not None and speaks:
            self._merge(event, source, customer, emit)

    def _move(self, event: Envelope, identifier: str, link: Link, customer: str) -> None:
        """A later link of an identifier that somebody has."""
        moved = link.customer != customer
        if moved:
            times = 0 if link.parted is None else link.parted.times
            self.families.enter(customer, unknown_name(identifier, times))
            if self._tell is not None and link.customer is not None:
                self._tell(change(event, "moved_away", link.customer, identifier=identifier))
                self._tell(change(event, "linked", customer, identifier=identifier))
        self._set(identifier, Link(customer, link.shared or moved, (event.at, event.id), link.parted))

    def _unlink(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        """Take an identifier from who has it, if the order means him, or one who is the same by merges."""
        identifier, latest = event.customer, (event.at, event.id)
        link = self._get(identifier)
        if link is None or link.customer is None or latest <= link.latest:
            return
        owner = link.customer
        if owner not in self.families.of(event.data["customer"], self._merged_into):
            return
        parted = after_unlinking(link.parted, event.at, owner)
        self._set(identifier, Link(None, link.shared, latest, parted))
        unknown = unknown_name(identifier, parted.times)
        if self._tell is not None:
            self._tell(change(event, "unlinked", owner, identifier=identifier, unknown=unknown))
        data = {"identifier": identifier, "unknown": unknown}
        emit(_note(event, f"identity.unlinked/{identifier}@{event.id}", "identity.unlinked", owner, data))

    def _erase(self, event: Envelope, emit: Callable[[Envelope], None]) -> None:
        named, families = event.data["customer"], self.families
        members = families.of(named, self._merged_into)
        given = [name for member in members for name in families.owned(member) if not name.startswith(MERGED)]
        freed = [plain for name in given for plain in self._free(name, members)]
        for name in dict.fromkeys(given + freed):
            families.erase(name, event.at)
            emit(_erased(event, name, "identity"))
        for member in members:
            self._delete(MERGED + member)
            families.erase(member, event.at)
            if self._owns(MERGED + member):
                emit(_erased(event, member, event.source if member == named else "identity"))

    def _merged_into(self, customer: str) -> str | None:
        link = self._get(MERGED + customer)
        return None if link is None else link.customer

    def _free(self, name: str, members: list[str]) -> list[str]:
        """Give an identifier back that was theirs under this name; one that has gone to somebody else meanwhile stays
        his. What is left of it without them may go by its plain name again, which is returned."""
        identifier = identifier_of(name)
        link = self._get(identifier)
        if link is None:
            return []
        if link.parted is None:
            if link.customer in members:
                self._delete(identifier)
            return []
        parted = link.parted.without(identifier, members)
        if link.customer in members:
            link = Link(None, link.shared, parted=Parted(parted.times, False, parted.past))
        else:
            link = Link(link.customer, link.shared, link.latest, parted)
        if link.customer is None and link.parted is not None and link.parted.is_nobodys:
            self._delete(identifier)
            return [identifier]
        self._set(identifier, link)
        return []

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
            emit(_note(event, f"{kind}/{merge}", kind, key, data))


def _note(event: Envelope, name: str, kind: str, customer: str, data: dict[str, str]) -> Envelope:
    """What identity itself says to a customer, at the time of the event that it comes from."""
    return Envelope(
        id=name, type=kind, source="identity", customer=customer, at=event.at, eff=event.eff, data=dict[str, Any](data)
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
