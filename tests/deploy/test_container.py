"""The image and the compose file: what can be checked of them without an engine that builds images."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from schemas.topics import STAGES
from streams.cli import main
from streams.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/container/Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OWN = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "cuepoint"}
SETTINGS = {ENV_PREFIX + name.upper() for name in Settings.model_fields}


def test_the_image_runs_as_nobody_in_particular_and_installs_what_is_pinned() -> None:
    final = DOCKERFILE.rsplit("FROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "pip" not in final
    assert "--require-hashes -r requirements.txt" in DOCKERFILE
    assert set(re.findall(r"CUEPOINT_[A-Z_]+", DOCKERFILE)) <= SETTINGS


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert copied <= {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_every_process_has_a_service_that_may_write_only_to_its_volume() -> None:
    assert {*STAGES, "sink", "topics", "cuepoint"} == set(OWN)
    for service in OWN.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert set(service["environment"]) <= SETTINGS
        for mount in service.get("volumes", ()):
            volume, _, place = mount.partition(":")
            assert volume in COMPOSE["volumes"]
            assert place == "/var/lib/cuepoint"


def test_commands_exist() -> None:
    for service in OWN.values():
        command: Any = main
        for word in service.get("command", ()):
            if isinstance(command, click.Group):
                command = command.commands[word]
            else:
                assert word in next(p for p in command.params if isinstance(p, click.Argument)).type.choices


def test_what_is_mounted_and_scraped_exists() -> None:
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", ()):
            if mount.startswith("./"):
                assert (ROOT / mount.split(":")[0]).exists(), mount
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text())["scrape_configs"][0]
    targets = [target for group in scraped["static_configs"] for target in group["targets"]]
    assert set(targets) == {f"{name}:8080" for name in (*STAGES, "sink")}
    assert scraped["job_name"] == "cuepoint"


def _compose_client() -> bool:
    docker = shutil.which("docker")
    return docker is not None and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode


@pytest.mark.skipif(not _compose_client(), reason="NOT RUN: docker compose is not installed")
def test_docker_compose_reads_the_file() -> None:
    done = subprocess.run(["docker", "compose", "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _engine() -> bool:
    docker = shutil.which("docker")
    return docker is not None and not subprocess.run([docker, "info"], capture_output=True).returncode


@pytest.mark.skipif(not _engine(), reason="NOT RUN: no Docker engine answers, so the image is not built")
@pytest.mark.timeout(1200)
def test_the_image_is_built_and_runs_read_only() -> None:
    build = ["docker", "build", "-q", "-f", "deploy/container/Dockerfile", "-t", "cuepoint-test", "."]
    subprocess.run(build, cwd=ROOT, check=True)
    run = ["docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", "cuepoint-test", "config", "show"]
    assert "partitions" in subprocess.run(run, capture_output=True, text=True, check=True).stdout
