"""The walkthrough of docs/for-channels.md runs as it is written, in an empty directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from sinks.channels.contract.rules import RULES
from sinks.channels.store import KEPT_MS
from streams.docs.pages import DIRECTORY

PAGE = (DIRECTORY / "for-channels.md").read_text(encoding="utf-8")
DAY_MS = 86_400_000


@pytest.mark.timeout(600)
def test_the_walkthrough_runs_as_written(broker: LocalBroker, tmp_path: Path) -> None:
    for name, text in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text)
    script = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, arguments in (("cuepoint", "-m streams.cli"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -W ignore {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CUEPOINT_")}
    environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(DIRECTORY.parent), "COLUMNS": "160"}
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=tmp_path,
        env={**environment, "CUEPOINT_BOOTSTRAP_SERVERS": broker.bootstrap_servers},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for rule in RULES:
        assert re.search(rf"^[│|]\s*{rule}\s*[│|]\s*pass", done.stdout, re.MULTILINE), done.stdout
    assert f"{len(RULES)} passed, 0 failed, 0 not run" in done.stdout
    assert (tmp_path / "sent.txt").read_text().count("\n") > 0


def test_what_the_page_says_of_times_is_so() -> None:
    assert f"remember it for {KEPT_MS // DAY_MS} days" in PAGE
