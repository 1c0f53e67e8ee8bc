"""People in Segment's words: who a visitor is, his profile, and the request to delete him."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from schemas.base import identifier_hash, rfc3339
from streams.ingest.common import (
    Frame,
    LeftOut,
    Mapped,
    Result,
    country_code,
    customer_id,
    moment,
    optional_id,
    part,
    required_id,
)

Body = Mapping[str, Any]


def identified(body: Body, message: str, at: int, common: dict[str, Any], frame: Frame, result: Result) -> None:
    """``identify``: whose visitor this is; and, if Segment is the CRM and the traits have an address, the profile.

    A profile replaces the one before it, so traits without an address, which are told in passing, make none.
    """
    if not frame.crm or "customer_id" not in common:
        raise LeftOut("identify names no customer of the CRM")
    address = part(body, "traits").get("email")
    if (hashed := frame.email_hash(address)) is not None:
        common["email_hash"] = hashed
    result.events.append(Mapped("web-sessions", frame.event("customer.identified", message, at, **common)))
    if hashed is not None:
        result.events.append(_profile(body, message, at, common["customer_id"], frame))


def deleted(body: Body, at: int, frame: Frame, result: Result) -> None:
    """``delete``: a request to delete a user."""
    if not frame.crm:
        raise LeftOut("another source is the CRM (setting ingest_crm)")
    user = customer_id(required_id(body, "userId"))
    event = frame.event("customer.erased", f"segment-delete-{user}"[:128], at, customer_id=user)
    result.events.append(Mapped("customers", event))


def _profile(body: Body, message: str, at: int, user: str, frame: Frame) -> Mapped:
    traits = part(body, "traits")
    country = part(traits, "address").get("country")
    known = country_code(country)
    address, phone = str(traits["email"]), traits.get("phone")
    points = [{"channel": "email", "reachable": True, "hash": identifier_hash(address, frame.hash_key)}]
    if isinstance(phone, str) and phone:
        points.append({"channel": "sms", "reachable": True, "hash": identifier_hash(phone, frame.hash_key)})
    created = traits.get("createdAt")
    event = frame.event(
        "customer.updated",
        f"{message[:120]}-profile",
        at,
        customer_id=user,
        registered_at=rfc3339(moment(created, "traits.createdAt")) if created else None,
        birth_date=_birthday(traits.get("birthday")),
        country=known,
        email_domain=address.rpartition("@")[2].lower()[:255],
        contact_points=points,
    )
    event["market"] = known or frame.market
    return Mapped("customers", event)


def _birthday(value: object) -> str | None:
    """The date of a birthday, given as a date or a time; None for anything else."""
    text = optional_id(value)
    try:
        return None if text is None else date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None
