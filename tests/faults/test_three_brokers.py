"""Three brokers, of which two have to have a record: the leader dies, the others go on, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from deploy.local.cluster import NODES, LocalCluster
from schemas.topics import TOPICS
from streams.topics_admin import describe, differences, ensure_topics
from tests.faults.broker_leaders import OFFICES, leaders_die
from tests.faults.broker_stage import stage_settings


def test_the_leader_dies(prefix: str, tmp_path: Path) -> None:
    with LocalCluster(tmp_path / "cluster", short_lived=True) as cluster:
        settings = stage_settings(cluster.bootstrap_servers, prefix, tmp_path, replication=NODES)
        ensure_topics(settings, ["decisions", "control"])
        made = describe(settings, ["decisions", "control"])
        assert {state.replication for state in made.values()} == {3}
        assert {state.configs["min.insync.replicas"] for state in made.values()} == {"2"}
        assert not [found for found in differences(settings, ["decisions"]) if found.kind != "missing"]
        assert set(made) == {settings.topic(name) for name in ("decisions", "control") if name in TOPICS}
        figures = leaders_die(cluster, prefix, tmp_path, OFFICES[:2])
    print(f"\n{figures}")
    assert figures.counted.clean
    assert set(figures.counting_after_s) == set(OFFICES[:2])
