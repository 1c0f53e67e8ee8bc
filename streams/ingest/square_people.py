"""Square's customers: profiles, merges, deletions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from schemas.base import identifier_hash, rfc3339
from streams.ingest.common import (
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Refused,
    Result,
    country_code,
    customer_id,
    fresh,
    moment,
    optional_id,
    part,
    required_id,
)

Body = Mapping[str, Any]
NO_YEAR = "0000"


def customer(body: Body, frame: Frame, memory: Memory, result: Result) -> None:
    """``customer.created`` and ``customer.updated``. That nobody unsubscribed is no consent."""
    _only_crm(frame)
    number = required_id(body, "id")
    updated = moment(body.get("updated_at") or body.get("created_at"), "updated_at")
    if not fresh(memory, result, f"newest/square/customer/{number}", updated):
        raise LeftOut(str(result.left_out))
    country = part(body, "address").get("country")
    known = country_code(country)
    created, address = body.get("created_at"), body.get("email_address")
    unsubscribed = part(body, "preferences").get("email_unsubscribed") is True
    withdrawn = {"channel": "email", "status": "withdrawn", "at": rfc3339(updated), "source": "square"}
    event = frame.event(
        "customer.updated",
        f"square-customer-{number}-{updated}"[:128],
        updated,
        customer_id=customer_id(number),
        registered_at=rfc3339(moment(created, "created_at")) if created else None,
        birth_date=_birthday(body.get("birthday")),
        country=known,
        company=bool(body.get("company_name")),
        email_domain=address.rpartition("@")[2].lower()[:255] if isinstance(address, str) and "@" in address else None,
        consents=[withdrawn] if unsubscribed else [],
        contact_points=_contact_points(body, frame),
    )
    event["market"] = known or frame.market
    result.events.append(Mapped("customers", event))


def merged(merge: Body, at: int, frame: Frame, result: Result) -> None:
    """A merge: Square makes a new customer of several, and tells it in the event's context."""
    _only_crm(frame)
    stays = customer_id(required_id(merge, "to_customer_id"))
    others = merge.get("from_customer_ids")
    for other in others if isinstance(others, list) else []:
        ends = customer_id(str(optional_id(other)))
        if ends == stays:
            continue
        name = f"square-merge-{stays}-{ends}"[:128]
        event = frame.event("customer.merged", name, at, customer_id=stays, merged_id=ends)
        result.events.append(Mapped("customers", event))


def deleted(body: Body, at: int, frame: Frame, result: Result) -> None:
    """``customer.deleted`` without a merge: forget this customer."""
    _only_crm(frame)
    number = customer_id(required_id(body, "id"))
    event = frame.event("customer.erased", f"square-delete-{number}"[:128], at, customer_id=number)
    result.events.append(Mapped("customers", event))


def _only_crm(frame: Frame) -> None:
    if not frame.crm:
        raise LeftOut("another source is the CRM (setting ingest_crm)")


def _contact_points(body: Body, frame: Frame) -> list[dict[str, Any]]:
    points = []
    for channel, field in (("email", "email_address"), ("sms", "phone_number")):
        address = body.get(field)
        if address is not None and not isinstance(address, str):
            raise Refused("invalid_field", f"Field {field} is no text.")
        point: dict[str, Any] = {"channel": channel, "reachable": bool(address)}
        if address:
            point["hash"] = identifier_hash(address, frame.hash_key)
        points.append(point)
    return points


def _birthday(value: object) -> str | None:
    """A birthday; Square writes one without a year as ``0000-09-21``, which no birth date can be."""
    if not isinstance(value, str) or value.startswith(NO_YEAR):
        return None
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        return None
