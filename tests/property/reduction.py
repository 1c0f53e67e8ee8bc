"""Makes a failing case small: fewer campaigns, brands, events, steps, fields, as long as it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from schemas.base import rfc3339
from tests.oracle import oracle_details
from tests.property.cases import Case

Fails = Callable[[Case], bool]
_SIMPLER_RULES: tuple[dict[str, Any], ...] = (
    {"caps": []},
    {"quiet_hours": []},
    {"closed_days": []},
    {"hold_window": 0},
    {"look_ahead": 0},
    {"lists": []},
    {"business_hours": []},
    {"holdout": None},
    {"stores": {}},
    {"regions": {}},
    {"markets": {}},
)
_SIMPLER_CAMPAIGN: tuple[dict[str, Any], ...] = (
    {"holdout": None},
    {"experiment": None},
    {"products": None},
    {"offer": None},
    {"sources": []},
    {"category": None},
    {"expected_value": None},
    {"when": None},
)
OPTIONAL = (
    "region",
    "home_store",
    "prices",
    "arrived_at",
    "time_zone",
    "country",
    "language",
    "loyalty_cards",
    "birth_date",
    "registered_at",
    "cart_id",
)


def minimised(case: Case, fails: Fails, tries_max: int = 3_000) -> Case:
    """The smallest case found that still fails, by leaving out one thing at a time."""
    tries = 0
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(case):
            tries += 1
            if tries > tries_max:
                return case
            if fails(smaller):
                case, progress = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    for n in range(len(case.campaigns)):
        yield replace(case, campaigns=[*case.campaigns[:n], *case.campaigns[n + 1 :]])
    for n in range(len(case.brands)):
        yield replace(case, brands=[*case.brands[:n], *case.brands[n + 1 :]])
    places = [(source, n) for source, records in case.history.items() for n in range(len(records))]
    for size in (32, 16, 8, 4, 2, 1):
        for start in range(0, len(places), size):
            gone = set(places[start : start + size])
            if len(gone) == size:
                kept = {s: [r for n, r in enumerate(rs) if (s, n) not in gone] for s, rs in case.history.items()}
                yield replace(case, history=kept)
    for source, n in places:
        for record in _simpler(case.history[source][n]):
            records = [*case.history[source][:n], record, *case.history[source][n + 1 :]]
            yield replace(case, history={**case.history, source: records})
    for n, campaign in enumerate(case.campaigns):
        for change in _SIMPLER_CAMPAIGN:
            plainer = campaign.model_copy(update=change)
            if plainer != campaign:
                yield replace(case, campaigns=[*case.campaigns[:n], plainer, *case.campaigns[n + 1 :]])
    for n, rules in enumerate(case.brands):
        for change in _SIMPLER_RULES:
            simpler = rules.model_copy(update=change)
            if simpler != rules:
                yield replace(case, brands=[*case.brands[:n], simpler, *case.brands[n + 1 :]])


def _simpler(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in OPTIONAL:
        if name in record and not (name == "cart_id" and record["type"] == "cart.updated"):
            yield {key: value for key, value in record.items() if key != name}
    for name in ("lines", "consents", "contact_points", "accessories"):
        for n in range(len(record.get(name, ()))):
            if name != "lines" or len(record[name]) > 1:
                yield {**record, name: [*record[name][:n], *record[name][n + 1 :]]}


def described(case: Case) -> str:
    """The case and what the oracle makes of it, for people."""
    texts = [f"lateness {case.lateness_ms} until {case.until_ms}"]
    texts += [repr(campaign.model_dump(exclude_defaults=True, mode="json")) for campaign in case.campaigns]
    texts += [repr(rules.model_dump(exclude_defaults=True, mode="json")) for rules in case.brands]
    records = [(record["occurred_at"], source, record) for source, rs in case.history.items() for record in rs]
    texts += [f"{source}: {record}" for _, source, record in sorted(records, key=lambda entry: entry[:2])]
    for r in oracle_details(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms):
        step = f"{r.key.brand} {r.key.campaign} {r.key.episode}/{r.key.step}"
        due = f"due {rfc3339(r.due)} {r.channel} {r.event_id}"
        texts.append(f"oracle {rfc3339(r.now)} {r.decision_id[:6]} {r.customer} {step} {r.outcome} {r.reason} {due}")
    return "\n".join(texts)
