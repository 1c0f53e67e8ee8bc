"""The fold on Quix Streams, exactly once: a stateful ``apply`` on a dataframe, as its documentation has it.

Values are JSON by its own codecs (orjson), state is in its RocksDB with a changelog topic, one key a customer. All
settings but the guarantee and the commit interval are its defaults, which are librdkafka's for throughput.
"""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State
from quixstreams.checkpointing import Checkpoint

from benchmarks.fold.job import fold_json, fresh
from benchmarks.fold.progress import Progress, Run


def main() -> None:
    """Run until the count is reached or a signal comes."""
    run, progress = Run.from_arguments(), Progress()
    app = Application(
        broker_address=run.bootstrap,
        consumer_group=run.name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=run.interval_ms / 1000,
        state_dir=run.directory,
        loglevel="WARNING",
    )
    decisions = app.topic(run.output, key_serializer="str", value_serializer="json")
    left = run.events

    def fold(event: dict[str, Any], state: State) -> dict[str, str] | None:
        nonlocal left
        progress.began()
        left -= 1
        if left == 0:
            app.stop()  # ends after this event, with a commit
        customer = state.get("customer") or fresh()
        decision = fold_json(customer, event)
        state.set("customer", customer)
        return decision

    frame = app.dataframe(app.topic(run.input, key_deserializer="str", value_deserializer="json"))
    frame = frame.apply(fold, stateful=True)
    frame = frame.filter(lambda decision: decision is not None)
    frame.to_topic(decisions)
    measure(progress)
    app.run()
    if run.events:
        progress.ended()


def measure(progress: Progress) -> None:
    """A clock reading after each checkpoint's commit."""
    commit = Checkpoint.commit

    def measured(checkpoint: Checkpoint, **options: Any) -> None:
        commit(checkpoint, **options)
        progress.committed()

    Checkpoint.commit = measured


if __name__ == "__main__":
    main()
