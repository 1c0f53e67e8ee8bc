"""What ``cuepoint state`` says of a state's entries."""

from __future__ import annotations

from streams.decide.state import STATE_VERSION, CustomerState
from streams.identity.table import Link
from streams.operate.state import counted, named


def test_entries_are_counted_by_kind_and_the_position_is_none() -> None:
    decide = dict.fromkeys((b"c|one", b"c|two", b"r|brand", b"e|0f", b"position", b"p|x"), b"")
    assert counted("decide", decide) == {
        "campaigns, rules and products": 1,
        "customers": 2,
        "erased names": 1,
        "watch lists of products": 1,
    }
    identity = dict.fromkeys((b"o|one", b"card:7", b"anon:c|x", b"position"), b"")
    assert counted("identity", identity) == {"customers with identifiers": 1, "identifiers": 2}
    assert counted("intake", {b"position": b""}) == {}


def test_a_state_is_shown_by_its_names_without_what_is_empty() -> None:
    state = CustomerState(STATE_VERSION, "c1", timers={"acme|cart|k|1": 5})
    assert named(state) == {
        "version": STATE_VERSION,
        "customer": "c1",
        "timers": {"acme|cart|k|1": 5},
        "forgotten": -1,
    }
    assert named(Link("c1", True, (5, "e"))) == {"customer": "c1", "shared": True, "latest": [5, "e"]}
