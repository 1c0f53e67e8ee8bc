"""What is played: triggers as decide writes them, for customers that bear the mark ``contract-test-``."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from schemas.base import rfc3339
from schemas.cloudevents import trigger_headers
from sinks.channels.contract.rules import Case, Expected

CUSTOMER_MARK = "contract-test-"
"""How the ids of played customers begin: a service sends to them in a sandbox, or not at all, and answers as always."""
HOUR_MS = 3_600_000
BURST = 40
"""Sends that are played while the group is rebalanced."""
_FULL = {
    "content_key": "contract-test",
    "language": "en",
    "items": [{"product_id": "contract-test", "quantity": 2}],
    "offer": {"kind": "percent", "value": "10", "code": "CONTRACT", "pool": None, "valid_until": ""},
}


class Record(NamedTuple):
    """A record of a trigger topic, before it has a partition."""

    customer: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Script:
    """The cases of one run. ``run`` makes its decisions and customers its own; times are milliseconds."""

    def __init__(self, run: str, prefix: str, brand: str, market: str, now_ms: int) -> None:
        self.cases: list[Case] = []
        self._run = run
        self._prefix = prefix
        self._common = {"brand": brand, "market": market, "campaign": "contract-test", "occasion": "welcome", "step": 1}
        self._now_ms = now_ms

    def aborted(self) -> list[Record]:
        """Written in a transaction that is aborted."""
        return [self._send("committed", f"aborted-{number}", "c-aborted", "nothing") for number in range(3)]

    def first(self) -> list[Record]:
        """The first round, read in one go."""
        late = {"valid_until": rfc3339(self._now_ms - HOUR_MS)}
        bare: dict[str, Any] = {"content_key": None, "language": None, "items": [], "offer": None}
        order = [
            self._send("order", f"order-{number}-{customer}", f"c-order-{customer}")
            for number in range(5)
            for customer in ((0, 1, 2) if number % 2 else (2, 0, 1))
        ]
        return [
            self._send("answered", "full", "c-full"),
            self._send("answered", "bare", "c-bare", **bare),
            self._send("identifier", "visitor", "anon:", "any"),
            self._send("duplicates", "twice", "c-twice"),
            self._again("send", "twice", "c-twice"),
            self._again("cancel", "held-back", "c-cancel-first"),
            self._send("cancel-first", "held-back", "c-cancel-first", "not sent"),
            self._send("cancel-after", "cancelled-later", "c-cancel-after"),
            self._send("expiry", "late", "c-late", "not sent", **late),
            *order,
            self._send("unknown-field", "newer", "c-newer", later_version={"colour": "red"}),
        ]

    def second(self) -> list[Record]:
        """Played when all of the first round is answered."""
        return [
            self._again("send", "twice", "c-twice"),
            self._again("cancel", "cancelled-later", "c-cancel-after"),
            self._again("cancel", "held-back", "c-cancel-first"),
            self._send("answered", "second", "c-second"),
        ]

    def burst(self) -> list[Record]:
        """Played while the group is rebalanced."""
        return [self._send("rebalance", f"burst-{number}", f"c-burst-{number}") for number in range(BURST)]

    def unreadable(self) -> list[Record]:
        """Records that are no triggers, each with a send of the same customer behind it."""
        bad = (None, b"{", b'{"action":"pause"}')
        return [
            record
            for number, value in enumerate(bad)
            for record in (
                Record(self._customer(f"c-bad-{number}"), value),
                self._send("unreadable", f"after-bad-{number}", f"c-bad-{number}"),
            )
        ]

    def _send(self, rule: str, name: str, customer: str, expected: Expected = "sent", **fields: Any) -> Record:
        case = Case(rule, self._id(name), self._customer(customer), expected)
        self.cases.append(case)
        return self._record("send", case.decision_id, case.customer_id, **fields)

    def _again(self, action: str, name: str, customer: str) -> Record:
        return self._record(action, self._id(name), self._customer(customer))

    def _record(self, action: str, decision_id: str, customer: str, **fields: Any) -> Record:
        until = rfc3339(self._now_ms + 24 * HOUR_MS)
        trigger = {
            "action": action,
            "decision_id": decision_id,
            **self._common,
            "customer_id": customer,
            "reason": "due" if action == "send" else "bought_online",
            **_FULL,
            "offer": {**_FULL["offer"], "valid_until": until},  # type: ignore[dict-item]
            "valid_from": rfc3339(self._now_ms),
            "valid_until": until,
            **fields,
        }
        return Record(customer, msgspec.json.encode(trigger), trigger_headers(self._prefix, trigger))

    def _id(self, name: str) -> str:
        return hashlib.sha256(f"{self._run}|{name}".encode()).hexdigest()[:32]

    def _customer(self, name: str) -> str:
        kind, colon, rest = name.partition(":")
        return f"{kind}:{CUSTOMER_MARK}{self._run}{rest}" if colon else f"{CUSTOMER_MARK}{self._run}-{name}"
