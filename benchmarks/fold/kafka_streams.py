"""Kafka Streams: its jars from Maven (checked against ``java/jars.sha256``), the fold compiled, the command."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

from benchmarks.fold.progress import Run
from deploy.local import jars
from streams.errors import PlatformError

VERSION = "4.3.1"
SOURCE = Path(__file__).parent / "java"
HEAP = ("-Xms1g", "-Xmx1g")
BUILD_TIMEOUT_S = 600.0
"""Longest Maven may take for 100 MB."""


def home() -> Path:
    """Where jars and classes are kept, beside the broker's."""
    return jars.kafka_home().parent / f"bench-kafka-streams-{VERSION}"


@cache
def missing() -> str | None:
    """Why Kafka Streams cannot run here, or None. Fetches and compiles on the first call."""
    try:
        jars.java_executable()
        build(home())
    except PlatformError as error:
        return str(error)
    return None


def command(run: Run) -> list[str]:
    """The process of one run. Call ``missing`` before."""
    classpath = f"{home() / 'classes'}:{home() / 'jars'}/*"
    arguments = [run.bootstrap, run.name, run.input, run.output, str(run.events), str(run.interval_ms), run.directory]
    return [jars.java_executable(), *HEAP, "-cp", classpath, "Fold", *arguments]


def build(target: Path) -> None:
    """Fetch the jars when they are not there, check them, compile the fold. Raises PlatformError."""
    for tool, package in (("javac", "openjdk-17-jdk-headless"), ("mvn", "maven")):
        if shutil.which(tool) is None:
            raise PlatformError(f"Kafka Streams needs {tool}, which is not on PATH; install it (Debian: {package}).")
    target.mkdir(parents=True, exist_ok=True)
    if not (target / "jars").is_dir():
        fetch = ["mvn", "-q", "-B", "-f", str(SOURCE / "pom.xml"), "dependency:copy-dependencies"]
        _run([*fetch, "-DincludeScope=runtime", f"-DoutputDirectory={target / 'jars'}"], target / "maven.log")
    verify(target / "jars")
    compile_fold = ["javac", "-cp", f"{target / 'jars'}/*", "-d", str(target / "classes"), str(SOURCE / "Fold.java")]
    _run(compile_fold, target / "javac.log")


def verify(directory: Path) -> None:
    """Compare names and SHA-256 of all jars with ``java/jars.sha256``. Raises PlatformError."""
    lines = (SOURCE / "jars.sha256").read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.glob("*.jar")}
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        raise PlatformError(
            f"The jars in {directory} are not those of {SOURCE / 'jars.sha256'} (first difference: {differing[0]}); "
            "remove that directory, so that Maven fetches them anew."
        )


def _run(program: list[str], log: Path) -> None:
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                program,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=BUILD_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PlatformError(f"{program[0]} took over {BUILD_TIMEOUT_S:.0f} s; its output is in {log}.") from None
    if done.returncode:
        raise PlatformError(f"{program[0]} failed (exit {done.returncode}); its output is in {log}.")
