"""Settings: environment variables ``CUEPOINT_<FIELD>`` over ``cuepoint.toml`` over defaults."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from schemas.topics import INPUTS
from streams.errors import SettingsError

ENV_PREFIX = "CUEPOINT_"
INSTANCE_ENV = f"{ENV_PREFIX}INSTANCE_ID"
"""Names a worker. A variable and no setting: settings are the same for all processes."""
FILE_NAME = "cuepoint.toml"


class Settings(BaseModel):
    """All settings of all processes. Durations carry their unit last in the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, comma separated.")
    topic_prefix: str = Field("cuepoint", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", description="Prefix of every topic.")
    partitions: int = Field(8, ge=1, le=256, description="Partitions of every partitioned topic. Chosen once.")
    replication: int = Field(1, ge=1, le=7, description="Replication factor of topics that Cuepoint creates.")
    min_insync_replicas: int = Field(
        0,
        ge=0,
        le=7,
        description="Replicas that must have a record before it counts as written; 0: one less than replication, at "
        "least 1. Not more than replication.",
    )
    state_dir: Path = Field(Path("var"), description="Directory for spill files, local state and process ids.")
    state_store: Literal["memory", "rocksdb"] = Field(
        "memory",
        description="Where workers keep state: memory, read from the changelogs at each start; or rocksdb, files below "
        "state_dir, of which a start reads only what is new.",
    )
    state_cache_mb: int = Field(
        128, ge=0, description="Memory of each partition of decide for decoded customer states, by estimate."
    )
    rocksdb_memory_mb: int = Field(
        256, ge=16, description="Memory of one worker for RocksDB's blocks and write buffers, all partitions together."
    )
    hash_key: str = Field(
        "cuepoint-development-key", min_length=16, repr=False, description="Secret key of identifier hashes."
    )
    duckdb_path: Path = Field(Path("out/cuepoint.duckdb"), description="The sink's DuckDB file.")
    snapshot_dir: Path = Field(Path("out/snapshots"), description="Where the sink publishes read-only snapshots.")
    snapshot_interval_s: float = Field(60.0, gt=0, description="Seconds between two snapshots.")
    snapshots_kept: int = Field(3, ge=1, description="Snapshots kept, the newest included.")
    erasure_rewrite_s: float = Field(
        86_400.0,
        ge=0,
        description="How long bytes of erased customers may stay in the sink's file and in snapshots before the file "
        "is rewritten, seconds.",
    )
    web_host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz.")
    web_port: int = Field(0, ge=0, le=65535, description="Port of /metrics, /healthz, /readyz; 0 takes a free one.")
    batch_records_max: int = Field(5_000, ge=1, description="Records a partition takes into one round.")
    round_interval_ms: int = Field(
        0,
        ge=0,
        description="Least time between two transactions of a partition: larger ones cost less, and each adds latency.",
    )
    transaction_steps_max: int = Field(
        20_000,
        ge=1,
        description="Most records and timers in one transaction; fewer when they take over half a second.",
    )
    session_timeout_s: float = Field(10.0, gt=0, description="Kafka consumer session timeout.")
    tick_interval_ms: int = Field(1_000, ge=10, description="Time between two ticks of an idle partition.")
    lateness_ms: dict[str, int] = Field(
        default_factory=dict, description="Allowed lateness by source, milliseconds; others take lateness_ms_default."
    )
    lateness_ms_default: int = Field(10_000, ge=0, description="Allowed lateness of a source in arrival mode.")
    sources_by_marks: list[str] = Field(
        default_factory=list,
        description="Live sources that come in files and say themselves how far they are complete, by the header "
        "cuepoint-replay (arrived, complete until; milliseconds) of a record or mark. They hold up only "
        "campaigns that name them.",
    )
    replay_lateness_ms: dict[str, int] = Field(
        default_factory=lambda: {"pos-transactions": 86_400_000},
        description="Allowed lateness by source in a replay and a backtest, milliseconds (nightly till files: a day).",
    )
    replay_lateness_ms_default: int = Field(
        600_000, ge=0, description="Allowed lateness of the other sources in a replay and a backtest."
    )
    replay_ahead_ms: int = Field(
        14 * 86_400_000, gt=0, description="How far a replay runs before the slowest clock, in event time."
    )
    channel_delivery: Literal["at_least_once", "at_most_once"] = Field(
        "at_least_once",
        description="What a channel service of the kit does with a message during whose sending it died: send it once "
        "more, or never again.",
    )
    channel_attempts_max: int = Field(8, ge=1, description="Tries of a channel service to send one message.")
    channel_backoff_s: float = Field(
        1.0, gt=0, description="Seconds between the first two tries of a message; doubled with each further one."
    )
    channel_backoff_s_max: float = Field(300.0, gt=0, description="Longest time between two tries, seconds.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Level of the JSON log.")

    @field_validator("min_insync_replicas")
    @classmethod
    def _replicas_are_enough(cls, wanted: int, others: ValidationInfo) -> int:
        replication = others.data.get("replication", wanted)
        if wanted > replication:
            raise ValueError(f"no record could ever be written, since replication = {replication}")
        return wanted

    @field_validator("sources_by_marks")
    @classmethod
    def _sources_are_known(cls, wanted: list[str]) -> list[str]:
        known = [topic.name for topic in INPUTS if topic.name != "control"]
        if unknown := [name for name in wanted if name not in known]:
            raise ValueError(f"{unknown[0]!r} is no source; take some of {', '.join(known)}")
        return wanted

    @property
    def insync_replicas(self) -> int:
        """Replicas that must have a record, as topics get it."""
        return self.min_insync_replicas or max(1, self.replication - 1)

    def lateness(self, source: str) -> int:
        """Allowed lateness of a live source, milliseconds."""
        return self.lateness_ms.get(source, self.lateness_ms_default)

    def replay_lateness(self, source: str) -> int:
        """Allowed lateness of a source in a replay and a backtest, milliseconds."""
        return self.replay_lateness_ms.get(source, self.replay_lateness_ms_default)

    def topic(self, name: str) -> str:
        """The full name of a topic on the broker."""
        return f"{self.topic_prefix}.{name}"


def load_settings(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises SettingsError with the field, the value and the way out."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    file = Path(environ.get(f"{ENV_PREFIX}CONFIG", FILE_NAME))
    if file.exists():
        try:
            values.update(tomllib.loads(file.read_text()))
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{file} is not TOML ({error}); correct the line it names.") from error
    for name in Settings.model_fields:
        raw = environ.get(ENV_PREFIX + name.upper())
        if raw is not None:
            values[name] = _value(name, raw)
    values.update({key: value for key, value in (overrides or {}).items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        known = Settings.model_fields.get(field.split(".")[0])
        shown = repr(first.get("input")) if known is None or known.repr else "(hidden)"
        raise SettingsError(
            f"Setting {field} = {shown}: {first['msg']}. "
            f"Set {ENV_PREFIX}{field.upper()} or {field} in {file} to a valid value (docs/configuration.md)."
        ) from error


def _value(name: str, raw: str) -> Any:
    """A setting from the environment: tables and lists are JSON, everything else is text for pydantic."""
    if not raw.startswith(("{", "[")):
        return raw
    try:
        return json.loads(raw)
    except ValueError as error:
        raise SettingsError(f"{ENV_PREFIX}{name.upper()} = {raw!r} is not JSON ({error}).") from error
