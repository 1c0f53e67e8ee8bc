"""The long forms, for ``make chaos``: zombies, brokers that go away, storms of rebalances."""

from __future__ import annotations

from typing import Any

from deploy.local.cluster import LocalCluster
from tests.faults.broker_bounce import BounceFigures, Kind, bounce, own_broker, under_load, while_it_stands
from tests.faults.broker_leaders import OFFICES, leaders_die
from tests.faults.broker_stage import Counted
from tests.faults.broker_zombie import zombie
from tests.faults.figures import Figures, figures
from tests.faults.kit import Pipeline, fault_settings
from tests.faults.rebalance_storm import StormFigures, rolling_restart, storm
from tests.faults.scenarios import CONTROLS, Ground, scenario
from tests.faults.verdict import compare

BOUNCES: list[Kind] = ["hard", "clean", "hard", "clean", "hard"]
POINTS: dict[str, Kind] = {
    "checked:1": "hard",
    "after_fence:2": "hard",
    "in_restore:1": "hard",
    "in_restore:2": "clean",
    "before_commit:20": "clean",
    "before_commit:30": "hard",
    "answer_lost:20": "hard",
}
STORM_CHANGES, STORM_BETWEEN_S = 20, (1.0, 20.0)
CONTROL_BETWEEN_S = (0.5, 4.0)
STARVED_S_MAX = 30.0


def noted(counted: Counted, kills: int, restarts: list[str], **notes: Any) -> Figures:
    """Figures of a run of the counting stage."""
    return Figures(
        counted.records_in, counted.lost, counted.duplicated, counted.wrong, kills, 0, restarts=restarts, notes=notes
    )


@scenario("zombie")
def a_zombie(ground: Ground) -> Figures:
    """Stopped outside of a transaction."""
    return _zombie(ground, "after_commit")


@scenario("zombie-of-the-same-name")
def a_zombie_of_the_same_name(ground: Ground) -> Figures:
    """A static member that is replaced while it is only stopped."""
    return _zombie(ground, "after_commit", same_name=True)


@scenario("zombie-in-transaction")
def a_zombie_in_a_transaction(ground: Ground) -> Figures:
    """Stopped with everything written and nothing committed."""
    return _zombie(ground, "before_commit")


def _zombie(ground: Ground, point: str, *, same_name: bool = False) -> Figures:
    servers, directory = ground.broker.bootstrap_servers, ground.directory
    found = zombie(servers, ground.prefix, directory, point, same_name=same_name)
    assert not found.written_after_take_over, found
    return noted(found.counted, 0, [found.last_words], take_over_s=found.take_over_s, open_records=found.open_records)


@scenario("broker-bounces")
def bounces(ground: Ground) -> Figures:
    """Five bounces of the broker under load."""
    with own_broker(ground.directory / "own-broker") as broker:
        return _bounced(under_load(broker, ground.prefix, ground.directory, BOUNCES))


@scenario("broker-bounces-at-points")
def bounces_at_points(ground: Ground) -> Figures:
    """A bounce while a worker starts, restores, or commits."""
    total = noted(Counted(0, 0, 0, 0, 0.0), 0, [], counting_after_s={})
    with own_broker(ground.directory / "own-broker") as broker:
        for place, (point, kind) in enumerate(POINTS.items()):
            directory = ground.directory / f"point-{place}"
            one = _bounced(while_it_stands(broker, f"{ground.prefix}-{place}", directory, point, kind))
            for name in ("records_in", "lost", "duplicated", "wrong", "kills"):
                setattr(total, name, getattr(total, name) + getattr(one, name))
            total.restarts += one.restarts
            total.notes["counting_after_s"][f"{point} {kind}"] = one.notes["counting_after_s"]
    return total


def _bounced(found: BounceFigures) -> Figures:
    assert found.counted is not None
    return noted(
        found.counted, len(found.kinds), found.last_words, counting_after_s=found.counting_after_s, kinds=found.kinds
    )


@scenario("broker-bounces-of-the-pipeline")
def bounces_of_the_pipeline(ground: Ground) -> Figures:
    """``cuepoint up`` with all stages and the sink, left alone with a broker that goes away five times."""
    retailer = ground.retailer
    step = (retailer.last_ms - retailer.first_ms) // (len(BOUNCES) + 1)
    with own_broker(ground.directory / "own-broker") as broker:
        pipeline = Pipeline(fault_settings(broker, ground.prefix, ground.directory), workers=0, sink=False)
        pipeline.add("up", ["-m", "streams.cli", "up", "--workers", "2"])
        pipeline.add("sink", ["-m", "streams.cli", "sink"]).held_down = True
        with pipeline:
            with pipeline.feeding(retailer, allowed_ms=retailer.first_ms + step) as feed:
                for place, kind in enumerate(BOUNCES, 1):
                    reached = retailer.first_ms + place * step - step // 2
                    pipeline.wait(lambda reached=reached: pipeline.slowest_clock() > reached, "the clock moves")  # type: ignore[misc]
                    feed.allow(retailer.first_ms + (place + 1) * step)
                    bounce(broker, kind)
            assert not pipeline.restarts, "cuepoint up itself gave up"
            pipeline["up"].stop(timeout_s=60)
            return figures(pipeline, retailer, [], compare(pipeline, retailer))


@scenario("leaders-die")
def leaders(ground: Ground) -> Figures:
    """Three brokers, of which two have to have a record; each holder of an office dies once."""
    with LocalCluster(ground.directory / "cluster", short_lived=True) as cluster:
        found = leaders_die(cluster, ground.prefix, ground.directory, OFFICES)
    return noted(found.counted, len(OFFICES), found.restarts, counting_after_s=found.counting_after_s)


@scenario("rebalance-storm")
def a_storm(ground: Ground) -> Figures:
    """Workers join and leave 20 times, 1 to 20 s apart."""
    found = _storm(ground, STORM_BETWEEN_S)
    assert found.starved_s < STARVED_S_MAX, f"a partition committed nothing for {found.starved_s:.1f} s"
    return _stormed(found)


@scenario("rolling-restart")
def a_rolling_restart(ground: Ground) -> Figures:
    """Static members are restarted one by one; the others see no rebalance."""
    seen, counted = rolling_restart(ground.broker.bootstrap_servers, ground.prefix, ground.directory)
    assert not seen, f"{seen:.0f} rebalances"
    return noted(counted, 0, [], rebalances_of_others=seen)


def without_refusals(ground: Ground) -> Figures:
    """The control: such a storm, a quicker one, in which every batch is taken as it comes."""
    return _stormed(_storm(ground, CONTROL_BETWEEN_S, accept_all=True))


CONTROLS["without-refusals"] = without_refusals


def _storm(ground: Ground, between_s: tuple[float, float], *, accept_all: bool = False) -> StormFigures:
    servers, changes = ground.broker.bootstrap_servers, STORM_CHANGES
    return storm(servers, ground.prefix, ground.directory, changes, between_s, accept_all=accept_all)


def _stormed(found: StormFigures) -> Figures:
    return noted(
        found.counted,
        found.changes["killed"],
        found.exits,
        changes=dict(found.changes),
        rebalances=found.rebalances,
        batches_refused=found.refused,
        starved_s=found.starved_s,
    )
