"""The tables that the sink writes: ``raw`` (append only, one row a record) and ``meta``. Everything else is a view."""

from __future__ import annotations

from schemas.customers import FeedbackEvent
from schemas.decisions import Decision, Progress, SourceCounts
from schemas.forecasts import Forecast
from schemas.identity import IdentityAudit
from sinks.columns import Column, Table, model_columns

_COORDINATES = (
    Column("kafka_topic", "VARCHAR", "Topic of the record, without prefix. Key of the row with partition and offset."),
    Column("kafka_partition", "INTEGER", "Partition of the record."),
    Column("kafka_offset", "BIGINT", "Offset of the record in its partition."),
    Column("appended_at", "TIMESTAMPTZ", "When the broker appended the record."),
)

CUSTOMER_EVENTS = Table(
    "raw",
    "customer_events",
    "Every record of the merged log customer-events: validated events of all sources by customer, copies included. "
    "Catalogue, campaign and brand changes are there once for each partition. Marks are not stored.",
    (
        *_COORDINATES,
        Column("event_id", "VARCHAR", "Event id given by the source.", required=True),
        Column("type", "VARCHAR", "Type of the event, such as order.placed.", required=True),
        Column("source", "VARCHAR", "Input topic the event came from, without prefix.", required=True),
        Column(
            "customer_id",
            "VARCHAR",
            "Customer the event belongs to. anon:, card:, device:, email: (anon~1: …) begin ids of the not yet known; "
            "none: stands for nobody (a guest), * for all (catalogue, campaigns).",
            required=True,
        ),
        Column("occurred_at", "TIMESTAMPTZ", "When it happened: a fact.", required=True),
        Column(
            "effective_at",
            "TIMESTAMPTZ",
            "What the pipeline orders by; later than occurred_at: it was late.",
            required=True,
        ),
        Column("brand", "VARCHAR", "Brand."),
        Column("market", "VARCHAR", "Market, ISO 3166 alpha-2."),
        Column("currency", "VARCHAR", "Currency of all amounts of the event, ISO 4217."),
        Column("natural_id", "VARCHAR", "Natural id by which copies are recognised; NULL: the event id counts."),
        Column("identifiers", "JSON", "Weaker identifiers that the event carries: kind to value."),
        Column("data", "JSON", "The event by type, amounts in minor units (docs/contracts.md). Not kept of merge.in."),
    ),
)

EVENT_LINES = Table(
    "raw",
    "event_lines",
    "The lines of orders, returns and till receipts of raw.customer_events, one row a line, so that no query parses "
    "JSON. Joined to their event by partition and offset.",
    (
        Column("kafka_partition", "INTEGER", "Partition of the event in raw.customer_events."),
        Column("kafka_offset", "BIGINT", "Offset of the event in raw.customer_events."),
        Column("line_number", "INTEGER", "Position of the line in its event, from 1."),
        Column("document_id", "VARCHAR", "Order, return or receipt id."),
        Column("order_id", "VARCHAR", "Order or receipt that a return names."),
        Column("channel", "VARCHAR", "Channel of the order."),
        Column("store_id", "VARCHAR", "Store of the till receipt."),
        Column("line_id", "VARCHAR", "Id of the line given by the source."),
        Column("kind", "VARCHAR", "Of a receipt line: sale or return."),
        Column("product_id", "VARCHAR", "Product."),
        Column("category", "VARCHAR", "Category given by the source."),
        Column("quantity", "BIGINT", "Pieces, positive."),
        Column("unit_price_minor", "BIGINT", "Price of a piece before discount and tax, minor units."),
        Column("discount_minor", "BIGINT", "Discount on the whole line, minor units."),
        Column("tax_minor", "BIGINT", "Tax on the whole line, minor units."),
        Column("refund_minor", "BIGINT", "What a return pays back for the line, minor units."),
        Column("reason", "VARCHAR", "Why it came back."),
    ),
)

DECISIONS = Table(
    "raw",
    "decisions",
    "Every record of a decision's life (topic decisions): sent, suppressed or held, then at most one correction.",
    (
        *_COORDINATES,
        *model_columns(
            Decision,
            {
                "decision_id": "Id derived from brand, campaign, episode and step; the same decision has the same id.",
                "outcome": "sent, suppressed, held, ghost, cancelled or regretted.",
                "reason": "Why, from the closed list of reasons.",
                "brand": "Brand that would speak.",
                "customer_id": "Customer at the time of the decision.",
                "campaign": "Campaign id.",
                "campaign_version": "Hash of the campaign's content in force.",
                "occasion": "Occasion of the campaign, such as cart_abandoned.",
                "episode": "What the message is about: a cart, an order, or customer and date.",
                "channel": "Channel chosen; NULL when none was.",
                "market": "Market of the customer for the brand.",
                "due_at": "When the step came due.",
                "valid_until": "After this the message makes no sense any more.",
                "gates": "Gates asked, in order, each with its value.",
                "items": "Products the message is about.",
                "offer": "Offer of the message.",
                "content_key": "Content of the message.",
                "language": "Language chosen.",
            },
        ),
        Column(
            "deciding_gate",
            "VARCHAR",
            "Gate that stopped the message: the first that did not let it pass; slot when none did and the release "
            "decided; NULL of a message that went. Worked out when the record is written.",
        ),
    ),
)
DECIDING_GATE = (
    "coalesce(list_filter(gates, lambda g: NOT g.passed)[1].gate, CASE WHEN outcome = 'suppressed' THEN 'slot' END)"
)
"""What the column ``deciding_gate`` is made of: reading it is cheaper than reading all gates of ten million rows."""

FEEDBACK = Table(
    "raw",
    "feedback",
    "Every valid record of the topic channel-feedback, copies included; invalid ones are in raw.quarantine.",
    (
        *_COORDINATES,
        *model_columns(
            FeedbackEvent,
            {
                "event_id": "Event id given by the channel; a copy has the same.",
                "occurred_at": "When it happened at the channel.",
                "brand": "Brand.",
                "market": "Market, ISO 3166 alpha-2.",
                "currency": "Currency, ISO 4217.",
                "schema_version": "Version of the contract.",
                "customer_id": "Customer.",
                "email_hash": "Keyed hash of the e-mail address.",
                "loyalty_card_id": "Loyalty card.",
                "device_id": "Device.",
                "anonymous_id": "Cookie.",
                "type": "Always feedback.",
                "channel": "Channel that answers.",
                "status": "What became of the message: accepted, delivered, opened, …",
                "decision_id": "Decision that is answered; NULL in history: matched by customer and channel.",
                "detail": "The channel's own words.",
            },
        ),
    ),
)

QUARANTINE = Table(
    "raw",
    "quarantine",
    "Records that no stage could use, with reason and original bytes.",
    (
        *_COORDINATES,
        Column("source_topic", "VARCHAR", "Topic the record came from, without prefix."),
        Column("source_partition", "INTEGER", "Its partition there."),
        Column("source_offset", "BIGINT", "Its offset there."),
        Column("stage", "VARCHAR", "Stage that could not use it."),
        Column("reason", "VARCHAR", "Reason, from a closed list."),
        Column("message", "VARCHAR", "What is wrong, in words."),
        Column("sha256", "VARCHAR", "SHA-256 of the original value."),
        Column("size_bytes", "BIGINT", "Size of the original value."),
        Column("value", "BLOB", "Original value; of one that is too large, its first bytes."),
    ),
)

IDENTITY_AUDIT = Table(
    "raw",
    "identity_audit",
    "Every change of whose an identifier is and of who is who, with the event behind it: links, merges, unlinkings. A "
    "link that only confirms what is known leaves none.",
    (*_COORDINATES, *model_columns(IdentityAudit, {})),
)

FORECASTS = Table(
    "raw",
    "forecasts",
    "Every forecast that was ever given (topic forecasts); of one month, market, channel and category the last one "
    "holds (mart.forecasts).",
    (*_COORDINATES, *model_columns(Forecast, {})),
)

LAYOUT = Table(
    "meta",
    "layout",
    "One row: what wrote this file.",
    (
        Column("version", "INTEGER", "Version of the tables; a sink refuses a newer one."),
        Column("topic_prefix", "VARCHAR", "Prefix of the topics whose records are in this file."),
        Column("fingerprint", "VARCHAR", "Hash of the statements that made its tables and views."),
    ),
)

POSITIONS = Table(
    "meta",
    "positions",
    "Where the sink goes on reading; written in the transaction of the rows before it.",
    (
        Column("topic", "VARCHAR", "Topic without prefix."),
        Column("partition_number", "INTEGER", "Partition."),
        Column("next_offset", "BIGINT", "First offset that is not in this file."),
    ),
    ("topic", "partition_number"),
)

SKIPPED = Table(
    "meta",
    "skipped",
    "Records that were read and are in no table, counted.",
    (
        Column("topic", "VARCHAR", "Topic without prefix."),
        Column("reason", "VARCHAR", "invalid: not of the contract; expired: deleted by retention before it was read."),
        Column("records", "BIGINT", "How many."),
    ),
    ("topic", "reason"),
)

ERASURES = Table(
    "meta",
    "erasures",
    "Names that were erased, as keyed hashes: records that come late under one of them are left out.",
    (
        Column("name_hash", "VARCHAR", "Hash of a customer id or identifier under the secret hash_key."),
        Column("erased_at", "TIMESTAMPTZ", "When the CRM said so; an identifier may be used again afterwards."),
        Column("deleted_at", "TIMESTAMPTZ", "When the rows were deleted, wall clock."),
        Column("rewritten", "BOOLEAN", "Whether the file was rewritten since, so that no bytes of them are left."),
    ),
    ("name_hash",),
)

STAGE_PROGRESS = Table(
    "meta",
    "stage_progress",
    Progress.__doc__.split(" (topic")[0] + ", the last word of each task." if Progress.__doc__ else "",
    (
        Column("stage", "VARCHAR", "Stage: intake, identity, decide or capacity."),
        Column("partition_number", "INTEGER", "Partition of the task."),
        Column(
            "complete_until",
            "TIMESTAMPTZ",
            "Clock of the task: complete until then (exclusive); NULL: not yet; the year 9999: to the end.",
        ),
        Column("customers", "BIGINT", "Customers in the state (decide)."),
        Column("timers", "BIGINT", "Timers waiting (decide)."),
        Column("waiting", "BIGINT", "Events in the reorder buffer."),
    ),
    ("stage", "partition_number"),
)

STAGE_COUNTS = Table(
    "meta",
    "stage_counts",
    "Cumulative counts of each source in each task, the last word of each task.",
    (
        Column("stage", "VARCHAR", "Stage: intake, identity, decide or capacity."),
        Column("partition_number", "INTEGER", "Partition of the task."),
        Column("source", "VARCHAR", "Input topic without prefix."),
        *model_columns(SourceCounts, {}),
    ),
    ("stage", "partition_number", "source"),
)

REPEATED_DECISIONS = Table(
    "meta",
    "repeated_decisions",
    "Final records of decisions that had one already; core and mart leave them out. Found at each publication.",
    (
        Column("kafka_partition", "INTEGER", "Partition of the record in raw.decisions."),
        Column("kafka_offset", "BIGINT", "Its offset."),
    ),
    ("kafka_partition", "kafka_offset"),
)

CHECKED_DECISIONS = Table(
    "meta",
    "checked_decisions",
    "Up to where raw.decisions was searched for repeats.",
    (
        Column("partition_number", "INTEGER", "Partition of raw.decisions."),
        Column("next_offset", "BIGINT", "First offset that was not yet looked at."),
    ),
    ("partition_number",),
)

CURRENCIES = Table(
    "core",
    "dim_currencies",
    "Currencies with their minor digits.",
    (
        Column("currency", "VARCHAR", "ISO 4217 code."),
        Column("digits", "INTEGER", "Digits after the decimal point."),
        Column("minor_unit", "DECIMAL(4, 3)", "One minor unit in major units: 0.01 for pounds, 1 for yen."),
    ),
    ("currency",),
)

SNAPSHOT_INFO = Table(
    "meta",
    "snapshot_info",
    "One row: what this snapshot holds; in the sink's own file, what the last one to be published holds.",
    (
        Column("published_at", "TIMESTAMPTZ", "When it was published, wall clock."),
        Column("as_of", "TIMESTAMPTZ", "Decisions are complete until then: the least clock of the decide tasks."),
        Column(
            "positions",
            "STRUCT(topic VARCHAR, partition_number INTEGER, next_offset BIGINT)[]",
            "Up to where each topic partition is in it.",
        ),
        Column("counts", "STRUCT(table_name VARCHAR, records BIGINT)[]", "Rows of each raw table."),
    ),
)

RAW_TABLES = (CUSTOMER_EVENTS, EVENT_LINES, DECISIONS, FEEDBACK, QUARANTINE, IDENTITY_AUDIT, FORECASTS)
TABLES = (
    *RAW_TABLES,
    LAYOUT,
    POSITIONS,
    SKIPPED,
    ERASURES,
    STAGE_PROGRESS,
    STAGE_COUNTS,
    SNAPSHOT_INFO,
    REPEATED_DECISIONS,
    CHECKED_DECISIONS,
    CURRENCIES,
)
