"""Settings: environment variables ``CUEPOINT_<FIELD>`` over ``cuepoint.toml`` over defaults."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from schemas.topics import INPUTS
from streams.errors import SettingsError
from streams.settings_files import read_secret

ENV_PREFIX = "CUEPOINT_"
INSTANCE_ENV = f"{ENV_PREFIX}INSTANCE_ID"
"""Names a worker. A variable and no setting: settings are the same for all processes."""
FILE_NAME = "cuepoint.toml"


class Settings(BaseModel):
    """All settings of all processes. Durations carry their unit last in the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, comma separated.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="How to talk to the brokers: SSL is TLS, and mutual TLS with ssl_certificate_file; SASL_ with a "
        "user and a password.",
    )
    ssl_ca_file: str = Field(
        "", description="PEM file of the authorities that sign the brokers' certificates; empty: the system's."
    )
    ssl_certificate_file: str = Field("", description="PEM file of this client's certificate, for mutual TLS.")
    ssl_key_file: str = Field("", description="PEM file of the key of ssl_certificate_file.")
    ssl_key_password_file: str = Field("", description="File that holds the password of ssl_key_file, if it has one.")
    sasl_mechanism: str = Field(
        "SCRAM-SHA-512",
        pattern=r"^[A-Z0-9-]+$",
        description="SASL mechanism. SCRAM-SHA-256 and SCRAM-SHA-512 are tested; others (PLAIN, GSSAPI) are passed on "
        "to the clients, and not tested.",
    )
    sasl_username: str = Field("", description="User for SASL PLAIN and SCRAM.")
    sasl_password_file: str = Field("", description="File that holds the password of sasl_username.")
    topic_prefix: str = Field("cuepoint", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", description="Prefix of every topic.")
    partitions: int = Field(
        8, ge=1, le=256, description="Partitions of every partitioned topic. Only cuepoint repartition changes it."
    )
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
    hash_key_file: str = Field("", description="File that holds the hash key, over hash_key; empty: none.")
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
    backup_kept_days: int = Field(
        14,
        ge=1,
        le=35,
        description="Days that backups are kept; cuepoint backup create deletes older ones. They hold customers, also "
        "erased ones, and are of no use beyond the retention of the logs.",
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
    ingest_vendors: list[Literal["shopify", "segment", "square", "generic"]] = Field(
        default_factory=list, description="Vendors whose webhooks cuepoint ingest http takes, each at /<vendor>."
    )
    ingest_host: str = Field("127.0.0.1", description="Address at which cuepoint ingest http takes webhooks.")
    ingest_port: int = Field(8080, ge=0, le=65535, description="Its port; 0 takes a free one.")
    ingest_secrets: dict[str, Path] = Field(
        default_factory=dict,
        description="Vendor -> file with the secret of its signatures (generic: the token). One secret a line: while "
        "it is changed, the old and the new one.",
    )
    ingest_in_flight_max: int = Field(
        200, ge=1, description="Payloads worked on at once; beyond it webhooks are answered with 503 and Retry-After."
    )
    ingest_body_bytes_max: int = Field(
        1_048_576, ge=1_024, description="Largest body of a webhook; larger ones are answered with 413."
    )
    ingest_answer_ms: int = Field(
        4_000,
        ge=100,
        description="How long a webhook waits until Kafka has its records, before it is answered with 503: less than "
        "the vendor waits for an answer (Shopify, Segment 5 s; Square 10 s).",
    )
    ingest_brand: str = Field("", description="Brand of what comes from vendors, unless ingest_brands names one.")
    ingest_market: str = Field("", description="Market (ISO 3166) where a payload has no country; see ingest_markets.")
    ingest_currency: str = Field("", description="Currency (ISO 4217) where a payload has none.")
    ingest_brands: dict[str, str] = Field(
        default_factory=dict,
        description="Shop -> brand. Shops: Shopify's domain, Segment's projectId, Square's location or merchant id.",
    )
    ingest_markets: dict[str, str] = Field(default_factory=dict, description="Shop -> market, as ingest_brands.")
    ingest_crm: list[str] = Field(
        default_factory=lambda: ["shopify", "segment", "square", "generic"],
        description="Vendors whose customer ids are those of the CRM. The id of another travels as the loyalty card "
        "<vendor>-<id>, and its profiles are left out.",
    )
    ingest_product_id: Literal["sku", "variant", "product"] = Field(
        "sku", description="Which of a vendor's ids names a product, so that all sources name it alike."
    )
    ingest_product_ids: Path | None = Field(
        None, description="CSV file with the header theirs,ours: product ids of vendors that are called otherwise here."
    )
    ingest_square_url: str = Field("", description="Notification URL of Square's subscription, which it signs.")
    ingest_square_token: Path | None = Field(
        None, description="File with the access token with which orders and the catalogue are fetched from Square."
    )
    ingest_square_api: str = Field("https://connect.squareup.com", description="Square's API.")
    ingest_mapping: Path | None = Field(None, description="Mapping file of the rows that come to /generic.")
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

    @model_validator(mode="after")
    def _security_is_whole(self) -> Settings:
        """A certificate or a password that would not be used is an error: who sets one must not talk in the clear."""
        if problem := _insecure(self):
            raise ValueError(problem)
        return self

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
    file = Path(environ.get(f"{ENV_PREFIX}CONFIG", FILE_NAME))
    values = settings_file(environ)
    for name in Settings.model_fields:
        raw = environ.get(ENV_PREFIX + name.upper())
        if raw is not None:
            values[name] = _value(name, raw)
    values.update({key: value for key, value in (overrides or {}).items() if value is not None})
    if values.get("hash_key_file"):
        values["hash_key"] = read_secret("hash_key_file", str(values["hash_key_file"]))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if not field:  # of several settings together: the message names them, and the input would show all values
            raise SettingsError(f"{str(first['msg']).removeprefix('Value error, ')} (docs/configuration.md).") from None
        known = Settings.model_fields.get(field.split(".")[0])
        shown = repr(first.get("input")) if known is None or known.repr else "(hidden)"
        raise SettingsError(
            f"Setting {field} = {shown}: {first['msg']}. "
            f"Set {ENV_PREFIX}{field.upper()} or {field} in {file} to a valid value (docs/configuration.md)."
        ) from error


def settings_file(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the settings file says; empty where there is none. Raises SettingsError when it is not TOML."""
    file = Path((os.environ if environ is None else environ).get(f"{ENV_PREFIX}CONFIG", FILE_NAME))
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML ({error}); correct the line it names.") from error


def _insecure(settings: Settings) -> str | None:
    """Which security settings contradict each other, as the beginning of a sentence; None: none."""
    protocol = settings.security_protocol
    files = [name for name in ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file") if getattr(settings, name)]
    if files and "SSL" not in protocol:
        return f"Setting {files[0]} is of no use with security_protocol = {protocol}; set SSL or SASL_SSL"
    if bool(settings.ssl_certificate_file) != bool(settings.ssl_key_file):
        return "Settings ssl_certificate_file and ssl_key_file belong together; set both, or none"
    user = [name for name in ("sasl_username", "sasl_password_file") if getattr(settings, name)]
    if user and not protocol.startswith("SASL"):
        return f"Setting {user[0]} is of no use with security_protocol = {protocol}; set SASL_SSL"
    if (
        protocol.startswith("SASL")
        and len(user) < 2
        and (user or settings.sasl_mechanism.startswith(("SCRAM", "PLAIN")))
    ):
        return f"security_protocol = {protocol} needs both sasl_username and sasl_password_file; set them"
    return None


def _value(name: str, raw: str) -> Any:
    """A setting from the environment: tables and lists are JSON, everything else is text for pydantic."""
    if not raw.startswith(("{", "[")):
        return raw
    try:
        return json.loads(raw)
    except ValueError as error:
        raise SettingsError(f"{ENV_PREFIX}{name.upper()} = {raw!r} is not JSON ({error}).") from error
