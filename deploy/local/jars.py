"""Java, and Kafka's jars: fetched once by Maven into a cache directory and checked against ``jars.sha256``."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.config import KAFKA_VERSION
from streams.errors import PlatformError

HERE = Path(__file__).parent
JAVA_MAJOR_MIN = 17
DOWNLOAD_TIMEOUT_S = 600.0
"""Longest Maven may take for 43 MB."""
OTHER_WAYS = "or start a Docker engine, or set CUEPOINT_BOOTSTRAP_SERVERS to a Kafka that you have"


def java_executable() -> str:
    """Path of a Java of version 17 or newer, from JAVA_HOME or else PATH. Raises PlatformError."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    java = java or shutil.which("java")
    way_out = f"install a Java runtime of version {JAVA_MAJOR_MIN} or newer (Debian: openjdk-17-jre-headless)"
    if java is None:
        raise PlatformError(
            f"The local broker needs Java, and none is on PATH or in JAVA_HOME; {way_out}, {OTHER_WAYS}."
        )
    major, version = _java_version(java)
    if major < JAVA_MAJOR_MIN:
        raise PlatformError(f"{java} is Java {version}, too old for Kafka {KAFKA_VERSION}; {way_out}, {OTHER_WAYS}.")
    return java


def _java_version(java: str) -> tuple[int, str]:
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlatformError(
            f"{java} cannot be run ({error}); repair the installation of Java, {OTHER_WAYS}."
        ) from error
    found = re.search(r'version "((?:1\.)?(\d+)[^"]*)"', done.stderr + done.stdout)
    if found is None:
        raise PlatformError(f"{java} does not state a version; repair the installation of Java, {OTHER_WAYS}.")
    return int(found[2]), found[1]


def kafka_home() -> Path:
    """The cache directory: CUEPOINT_KAFKA_HOME, or ``~/.cache/cuepoint/kafka-<version>``."""
    given = os.environ.get("CUEPOINT_KAFKA_HOME")
    return Path(given).absolute() if given else Path.home() / ".cache" / "cuepoint" / f"kafka-{KAFKA_VERSION}"


def check_prerequisites() -> None:
    """Raise PlatformError when no broker can run from jars here: no Java, or no jars and no Maven to fetch them."""
    java_executable()
    if not kafka_home().is_dir():
        _maven_executable(kafka_home())


def kafka_jars(home: Path | None = None) -> Path:
    """The directory of Kafka's jars, fetched now if it is not there, and checked in any case.

    Two processes may call this at the same time: one fetches, the other waits. Raises PlatformError.
    """
    home = home or kafka_home()
    if not home.is_dir():
        with _lock(home):
            if not home.is_dir():
                _fetch(home)
    verify(home)
    return home


def verify(home: Path) -> None:
    """Compare names and SHA-256 of all jars with ``jars.sha256``. Raises PlatformError naming the first difference."""
    expected = expected_hashes()
    found = {path.name: path for path in home.glob("*.jar")}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            problem = f"{name} is missing"
        elif name not in expected:
            problem = f"{name} is not expected"
        elif hashlib.sha256(found[name].read_bytes()).hexdigest() != expected[name]:
            problem = f"{name} has a SHA-256 other than the one in {HERE / 'jars.sha256'}"
        else:
            continue
        raise PlatformError(
            f"Kafka's jars in {home} are not the ones expected: {problem}. Remove {home} and start again, so that "
            "Maven fetches them anew; if it happens again, Maven's repository serves other files."
        )


def expected_hashes() -> dict[str, str]:
    """File name → SHA-256 in hex, as committed."""
    lines = (HERE / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _maven_executable(home: Path) -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise PlatformError(
            f"Kafka's jars are not in {home} yet, and fetching them needs Maven, which is not on PATH; "
            f"install it (Debian: maven), {OTHER_WAYS}."
        )
    return maven


def _fetch(home: Path) -> None:
    maven = _maven_executable(home)
    staging = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=home.parent))
    try:
        _run_maven(maven, staging, log=home.parent / "maven.log")
        verify(staging)
        # mkdtemp makes it private; a cache named by CUEPOINT_KAFKA_HOME may be shared.
        staging.chmod(0o755)
        staging.rename(home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _run_maven(maven: str, target: Path, log: Path) -> None:
    command = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    try:
        with log.open("wb") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=DOWNLOAD_TIMEOUT_S, check=False
            )
        reason = "" if done.returncode == 0 else f"exit {done.returncode}: {_first_error(log)}"
    except subprocess.TimeoutExpired:
        reason = f"no end after {DOWNLOAD_TIMEOUT_S:.0f} s"
    if reason:
        raise PlatformError(
            f"Maven could not fetch Kafka's jars ({reason}). The whole output is in {log}; correct the network or "
            f"Maven's settings.xml, {OTHER_WAYS}."
        )


def _first_error(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    line = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "no output")
    return line.replace("[ERROR]", "").strip()[:300]


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    path = home.parent / f"{home.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        raise PlatformError(
            f"The cache directory {home.parent} cannot be written ({error.strerror}); make it writable, or set "
            "CUEPOINT_KAFKA_HOME to a directory that is."
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
