"""The commands of the platform engineers' page, run in order as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from deploy.local import ports
from streams.settings import Settings
from streams.up import environment

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/for-platform-engineers.md"


def commands(text: str) -> list[str]:
    """The lines of the walkthrough."""
    match = re.search(r"<!-- walkthrough -->\n```\n(.*?)```\n<!-- end of walkthrough -->", text, re.DOTALL)
    assert match, "the page has no walkthrough"
    return match[1].splitlines()


def test_the_walkthrough_of_the_platform_engineers_works_as_written(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    settings = Settings(bootstrap_servers=f"127.0.0.1:{port}", state_dir=tmp_path / "var", partitions=2)
    env = {**environment(settings), "PYTHONPATH": str(ROOT)}
    said: dict[str, str] = {}
    try:
        for line in commands(PAGE.read_text(encoding="utf-8")):
            name, *arguments = shlex.split(line)
            assert name == "cuepoint"
            done = subprocess.run(
                [sys.executable, "-m", "streams.cli", *arguments],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
                timeout=240,
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
            said[line] = done.stdout
    finally:
        stop = [sys.executable, "-m", "streams.cli", "broker", "stop"]
        subprocess.run(stop, cwd=tmp_path, env=env, capture_output=True, check=False, timeout=120)
    assert "create  cuepoint.orders with 2 partitions" in said["cuepoint topics plan"]
    assert "nothing is decided yet" in said["cuepoint doctor"]
    assert "watermark age" in said["cuepoint top --once"]
    assert "(hidden)" in said["cuepoint config show"]
    assert "CuepointWatermarkOld" in said["cuepoint monitoring rules"]
    assert "KafkaUser" in said["cuepoint topics plan --strimzi events"]
    assert (tmp_path / "out/grafana/pipeline.json").exists()
    assert said["cuepoint broker stop"] == "The broker has stopped.\n"
