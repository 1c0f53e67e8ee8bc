"""What the broker says of a group's members, and that its silence is no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from streams.admin_client import connect
from streams.consumer_groups import committed_offsets, members
from streams.errors import BrokerUnavailableError


def test_a_group_that_never_was_has_no_members_and_one_that_nobody_answers_for_is_not_taken_for_empty(
    tmp_path: Path,
) -> None:
    broker = LocalBroker(tmp_path, short_lived=True)
    broker.start()
    try:
        with connect(broker.bootstrap_servers) as admin:
            assert members(admin, "nobody") == 0
            assert committed_offsets(admin, "nobody") == {}
            broker.kill()
            with pytest.raises(BrokerUnavailableError, match="does not say who is in group nobody"):
                members(admin, "nobody")
    finally:
        broker.stop()
