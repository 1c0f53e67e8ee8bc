"""What the broker says of a group's members, and that its silence is no answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.local.broker import LocalBroker

ASK = """
import os, signal, sys
from streams.admin_client import connect
from streams.consumer_groups import committed_offsets, members

admin = connect(sys.argv[1])
print(members(admin, "nobody"), committed_offsets(admin, "nobody"), flush=True)
os.kill(int(sys.argv[2]), signal.SIGKILL)
print(members(admin, "nobody"))
"""
"""In a process of its own, since the client leaves sockets open when its broker dies."""


def test_a_group_that_never_was_has_no_members_and_one_that_nobody_answers_for_is_not_taken_for_empty(
    tmp_path: Path,
) -> None:
    broker = LocalBroker(tmp_path, short_lived=True)
    broker.start()
    try:
        command = [sys.executable, "-c", ASK, broker.bootstrap_servers, str(broker.pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    finally:
        broker.stop()
    assert done.stdout.splitlines() == ["0 {}"]
    assert "BrokerUnavailableError: The broker does not say who is in group nobody" in done.stderr
