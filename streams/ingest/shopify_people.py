"""Shopify's customers: profiles with consents, merges, and the privacy webhook that asks to forget one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.base import identifier_hash, rfc3339
from streams.ingest.common import (
    Delivery,
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
    part,
    required_id,
)

_STATUS = {"subscribed": "granted", "unsubscribed": "withdrawn", "redacted": "withdrawn", "invalid": "withdrawn"}
"""Marketing states that are a word of the customer's; ``not_subscribed`` and ``pending`` are none."""
_CHANNELS = {"email": "email_marketing_consent", "sms": "sms_marketing_consent"}


def profile(delivery: Delivery, frame: Frame, memory: Memory, result: Result) -> None:
    """``customers/create`` and ``customers/update``: the whole profile, as the contract wants it."""
    body: Mapping[str, Any] = delivery.body
    _only_crm(frame)
    number = required_id(body, "id")
    updated = moment(body.get("updated_at") or body.get("created_at"), "updated_at")
    if not fresh(memory, result, f"newest/shopify/customer/{number}", updated):
        raise LeftOut(str(result.left_out))
    home = part(body, "default_address")
    country, province = home.get("country_code"), home.get("province_code")
    known = country_code(country)
    created = body.get("created_at")
    event = frame.event(
        "customer.registered" if delivery.kind == "customers/create" else "customer.updated",
        f"shopify-customer-{number}-{updated}",
        updated,
        customer_id=customer_id(number),
        registered_at=None if created is None else rfc3339(moment(created, "created_at")),
        country=known,
        region=_region(known, province),
        email_domain=_domain(body.get("email")),
        consents=[each for channel in _CHANNELS if (each := _consent(body, channel, updated)) is not None],
        contact_points=_contact_points(body, frame),
    )
    event["market"] = known or frame.market
    result.events.append(Mapped("customers", event))


def merged(delivery: Delivery, frame: Frame, _: Memory, result: Result) -> None:
    """``customers/merge``; Shopify sends it for merges that failed too."""
    body = delivery.body
    _only_crm(frame)
    if body.get("status") != "completed":
        raise LeftOut("a merge that is not completed")
    stays = customer_id(required_id(body, "admin_graphql_api_customer_kept_id"))
    ends = customer_id(required_id(body, "admin_graphql_api_customer_deleted_id"))
    event = frame.event(
        "customer.merged", f"shopify-merge-{stays}-{ends}", delivery.received, customer_id=stays, merged_id=ends
    )
    result.events.append(Mapped("customers", event))


def erased(delivery: Delivery, frame: Frame, _: Memory, result: Result) -> None:
    """``customers/redact``: forget this customer."""
    _only_crm(frame)
    number = customer_id(required_id(part(delivery.body, "customer"), "id"))
    event = frame.event("customer.erased", f"shopify-redact-{number}", delivery.received, customer_id=number)
    result.events.append(Mapped("customers", event))


def _only_crm(frame: Frame) -> None:
    if not frame.crm:
        raise LeftOut("another source is the CRM (setting ingest_crm)")


def _consent(body: Mapping[str, Any], channel: str, updated: int) -> dict[str, Any] | None:
    said = part(body, _CHANNELS[channel])
    status = _STATUS.get(str(said.get("state")).lower())
    if status is None:
        return None
    given = said.get("consent_updated_at")
    at = rfc3339(updated if given is None else moment(given, f"{_CHANNELS[channel]}.consent_updated_at"))
    consent = {"channel": channel, "status": status, "at": at, "source": "shopify"}
    if status == "granted" and str(said.get("opt_in_level")).lower() == "confirmed_opt_in":
        consent["confirmed_at"] = at
    return consent


def _contact_points(body: Mapping[str, Any], frame: Frame) -> list[dict[str, Any]]:
    points = []
    declined = body.get("state") == "declined"
    for channel, field in (("email", "email"), ("sms", "phone")):
        address = body.get(field)
        if address is not None and not isinstance(address, str):
            raise Refused("invalid_field", f"Field {field} is no text.")
        invalid = str(part(body, _CHANNELS[channel]).get("state")).lower() == "invalid"
        point: dict[str, Any] = {"channel": channel, "reachable": bool(address) and not declined and not invalid}
        if address:
            point["hash"] = identifier_hash(address, frame.hash_key)
        points.append(point)
    return points


def _domain(address: object) -> str | None:
    return address.rpartition("@")[2].lower()[:255] if isinstance(address, str) and "@" in address else None


def _region(country: str | None, province: object) -> str | None:
    """ISO 3166-2, where Shopify's province code has its form."""
    if country is None or not isinstance(province, str) or not (province.isalnum() and 1 <= len(province) <= 3):
        return None
    return f"{country}-{province.upper()}" if province.isascii() else None
