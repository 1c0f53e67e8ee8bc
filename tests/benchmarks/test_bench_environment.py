"""What the benchmark installs for the other engines: pinned, and Faust the very one that Cuepoint runs on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.fold.kafka_streams import SOURCE, VERSION, verify
from streams.errors import PlatformError

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements-bench.txt").read_text()


def pinned(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+) \\$", text, re.MULTILINE))


def test_faust_and_its_client_are_the_ones_of_the_product() -> None:
    product, bench = pinned((ROOT / "requirements.txt").read_text()), pinned(LOCK)
    names = ("faust-streaming", "mode-streaming", "aiokafka", "msgspec")
    assert {name: bench[name] for name in names} == {name: product[name] for name in names}


def test_everything_is_pinned_with_hashes_and_no_place_is_named() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    packages = [block for block in blocks if not block.startswith("#")]
    assert len(packages) > 10
    assert all(re.match(r"[\w.-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", block) for block in packages)
    assert "://" not in LOCK


def test_kafka_streams_is_pinned_to_one_version() -> None:
    assert f"<version>{VERSION}</version>" in (SOURCE / "pom.xml").read_text()
    assert f"kafka-streams-{VERSION}.jar" in (SOURCE / "jars.sha256").read_text()


def test_other_jars_are_refused(tmp_path: Path) -> None:
    (tmp_path / f"kafka-streams-{VERSION}.jar").write_bytes(b"another program")
    with pytest.raises(PlatformError, match="are not those of"):
        verify(tmp_path)
