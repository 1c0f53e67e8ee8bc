"""The verdict of a soak: every copy of a customer got what one copy gets without faults."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from benchmarks.pipeline.copies import TOKEN, name_of
from benchmarks.pipeline.outcome import judge

CUSTOMERS = ("10053-{}", "anon:cookie-{}", "email:68047dcafdd85fbfaca40914{}")


def decision(customer: str, copy: bytes, **changed: Any) -> bytes:
    number = copy.decode()
    fields: dict[str, Any] = {"campaign": "welcome", "step": 1, "outcome": "sent", "reason": "due"}
    fields |= {"customer_id": customer.format(number), "episode": f"600001-{number}", "due_at": "t", "decided_at": "t"}
    return msgspec.json.encode(fields | changed)


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_each_copy_is_held_against_the_one_without_faults(customer: str) -> None:
    one = [decision(customer, TOKEN)]
    copies = [decision(customer, name_of(number)) for number in range(3)]
    whole = judge(one, copies, 3)
    assert (whole.expected, whole.lost, whole.duplicated, whole.wrong) == (3, 0, 0, 0)
    other = decision(customer, name_of(2), outcome="suppressed")
    soiled = judge(one, [copies[0], copies[0], other], 3)
    assert (soiled.lost, soiled.duplicated, soiled.wrong) == (2, 1, 1)
    assert soiled.examples
