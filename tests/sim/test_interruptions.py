"""Spot that is taken back, nodes and replicas that fail, zones that go dark: nothing is lost uncounted or unbilled."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conserved import conserve, most_at_once
from support.pools import CHAT, poisson

from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Admission, Fixed, Startup, TargetConcurrency
from simcost.plan.failures import RecordedFailures
from simcost.plan.interruptions import (
    Interruptions,
    NodeFailures,
    SpotCapacity,
    SpotHazard,
    ZoneCapacity,
    ZoneOutage,
)
from simcost.plan.nodes import AtOnce, ClusterAutoscaler, FixedNodes, NodeKind, NodePool
from simcost.plan.serving import Drain, Retries
from simcost.plan.startup import Varying
from simcost.sim import simulate

HOUR = 3600.0
QUICK = Startup(node=60, image=30, weights=1e9, engine=20)


def run(seed: int = 1, rate: float = 6, span_s: float = HOUR, **changes: Any) -> Ledger:
    pool = replace(CHAT, **({"startup": QUICK, "scaling": Fixed(replicas=3)} | changes))
    return simulate(pool, poisson(rate, span_s * 0.9), horizon_s=span_s, limits=LatencyLimits(ttft_s=1.0), seed=seed)


def happened(ledger: Ledger, what: str) -> list[float]:
    return [row["value"] for row in ledger.events.to_pylist() if row["what"] == what]


def along(*steps: tuple[float, int]) -> ZoneCapacity:
    since, nodes = zip(*steps, strict=True)
    return ZoneCapacity(since=since, nodes=nodes)


spots = st.one_of(
    st.none(),
    st.builds(SpotHazard, per_node_h=st.sampled_from([0.5, 4.0]), whole_zone=st.sampled_from([0.0, 0.5])),
    st.just(SpotCapacity(zones=(along((0, 3), (500, 0), (900, 2)), along((0, 1), (700, 4))), span=1800.0)),
)
nodes = st.one_of(
    st.builds(AtOnce, max=st.sampled_from([None, 2]), spare=st.integers(0, 2)),
    st.builds(FixedNodes, nodes=st.integers(1, 3)),
    st.builds(
        ClusterAutoscaler,
        max=st.integers(1, 4),
        spare=st.integers(0, 1),
        unneeded=st.just(120.0),
        after_add=st.just(60.0),
        backoff=st.just(30.0),
    ),
    st.builds(
        NodePool,
        instance_types=st.just(("n",)),
        expire_after=st.sampled_from([None, 900.0]),
        consolidation=st.sampled_from(["WhenEmpty", "WhenEmptyOrUnderutilized"]),
    ),
)
startups = st.sampled_from(
    [
        QUICK,
        Startup(
            node=Varying(median=60, sigma=0.4),
            image_size=3e9,
            network=0.2e9,
            storage=1e9,
            compile=10,
            engine=10,
            failed=0.2,
        ),
        Startup(node=30, image=20, engine=Varying(median=20, sigma=0.3), together=True, network=1e9),
    ]
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_clients_who_try_again_are_counted_once_whatever_happens(seed: int) -> None:
    """Spot goes, requests are lost with it and sent again: requests and sendings both add up, and most are answered."""
    spot = Interruptions(zones=2, spot=SpotHazard(per_node_h=6.0), notice=0.0)
    door = Admission(timeout=40, max_ongoing=20, max_queued=60, in_flight="lose")
    retries = Retries(attempts=6, backoff=2, budget=0.5 if seed % 2 else None)
    alone = run(seed, rate=40, interruptions=spot, admission=door)
    ledger = run(seed, rate=40, interruptions=spot, admission=door, retries=retries)
    conserve(ledger)
    got, sent = ledger.outcomes, ledger.outcomes.sendings
    assert sent is not None
    assert sent.retries > 0 < sent.lost
    assert sent.refused == 0 or seed % 2 == 1
    assert got.arrived == alone.outcomes.arrived
    assert got.completed > alone.outcomes.completed
    assert alone.outcomes.sendings is None


@given(
    spot=spots,
    nodes=nodes,
    startup=startups,
    slots=st.sampled_from([1, 3]),
    more=st.sampled_from([(), (NodeKind(slots=1, usd_per_h=1),), (NodeKind(slots=2, usd_per_h=1, spot=True),)]),
    notice=st.sampled_from([0.0, 45.0]),
    breaks=st.booleans(),
    in_flight=st.sampled_from(["migrate", "retry", "lose"]),
    grace=st.sampled_from([None, 0.5, 5.0]),
    seed=st.integers(0, 5),
)
def test_nothing_is_lost_uncounted_or_unbilled(
    spot: Any,
    nodes: Any,
    startup: Startup,
    slots: int,
    more: tuple[NodeKind, ...],
    notice: float,
    breaks: bool,
    in_flight: Any,
    grace: Any,
    seed: int,
) -> None:
    troubles = Interruptions(
        zones=2,
        spot=spot,
        notice=notice,
        replicas_per_day=60.0 if breaks else 0.0,
        nodes=NodeFailures(per_node_day=30.0) if breaks else None,
        outages=(ZoneOutage(at=1000, zone=1, lasting=200),) if breaks else (),
        refused=0.3 if breaks else 0.0,
    )
    scaling = TargetConcurrency(target=6, min=1, max=5, scale_down_delay=60)
    changes = {
        "scaling": scaling,
        "nodes": nodes,
        "startup": startup,
        "kinds": (NodeKind(slots=slots, usd_per_h=2), *more),
        "interruptions": troubles,
        "admission": Admission(timeout=60, in_flight=in_flight, max_retries=1),
        "drain": Drain(grace=grace),
    }
    ledger = run(seed, span_s=2000, rate=5, **changes)
    conserve(ledger)
    assert max(ledger.pulse["ready"].to_pylist()) <= 5
    most = {
        "at-once": getattr(nodes, "max", None),
        "fixed": getattr(nodes, "nodes", None),
        "cluster-autoscaler": getattr(nodes, "max", None),
    }.get(nodes.kind)
    if most is not None:
        assert most_at_once(ledger, "nodes") <= most
    again = run(seed, span_s=2000, rate=5, **changes)
    for table in ("nodes", "replicas", "timeline", "events", "pulse"):
        assert getattr(again, table).equals(getattr(ledger, table))
    assert np.array_equal(again.outcomes.histograms, ledger.outcomes.histograms)


def test_spot_goes_at_the_rate_of_its_hazard() -> None:
    troubles = Interruptions(spot=SpotHazard(per_node_h=2.0), notice=0)
    ledger = run(span_s=40 * HOUR, rate=0.01, interruptions=troubles, scaling=Fixed(replicas=5))
    lost = len(happened(ledger, "interrupted"))
    assert lost == pytest.approx(2.0 * ledger.node_hours(), abs=4 * lost**0.5)


def test_a_notice_moves_replicas_before_the_node_goes() -> None:
    """Others are ordered at the notice; with time enough no request is returned."""
    ledger = run(interruptions=Interruptions(spot=SpotHazard(per_node_h=3.0), notice=120), scaling=Fixed(replicas=4))
    conserve(ledger)
    assert happened(ledger, "noticed")
    assert ledger.outcomes.requeued == ledger.outcomes.lost == 0


def test_without_notice_requests_return_and_are_counted() -> None:
    hazard = Interruptions(spot=SpotHazard(per_node_h=6.0), notice=0)
    retried = run(interruptions=hazard, admission=Admission(in_flight="retry", max_retries=10))
    lost = run(interruptions=hazard, admission=Admission(in_flight="lose"))
    assert retried.outcomes.requeued > 0
    assert retried.outcomes.lost == 0
    assert lost.outcomes.lost > 0
    assert lost.outcomes.requeued == 0


def test_capacity_bounds_the_nodes_of_each_zone() -> None:
    zones = (along((0, 2), (600, 1)), along((0, 0), (1200, 3)))
    troubles = Interruptions(spot=SpotCapacity(zones=zones, span=1800.0), notice=0)
    ledger = run(interruptions=troubles, scaling=Fixed(replicas=4))
    conserve(ledger)
    assert most_at_once(ledger, "nodes") <= 4
    assert happened(ledger, "refused")


@pytest.mark.parametrize("nodes", [AtOnce(spare=1), FixedNodes(nodes=4), ClusterAutoscaler(max=5, min=4)])
@pytest.mark.parametrize("seed", range(3))
def test_no_node_of_time_0_is_above_the_capacity(nodes: Any, seed: int) -> None:
    """Two nodes in one half of the time and one in the other: the run begins with what there is, and takes no more."""
    troubles = Interruptions(spot=SpotCapacity(zones=(along((0, 2), (900, 1)),), span=1800.0), notice=120)
    ledger = run(interruptions=troubles, scaling=Fixed(replicas=4), nodes=nodes, seed=seed)
    began = [row for row in ledger.nodes.to_pylist() if row["start_s"] == 0]
    assert all(row["end_s"] > 0 for row in began)
    assert len(began) in (1, 2)
    assert most_at_once(ledger, "nodes") == 2


def test_a_zone_outage_takes_its_nodes_and_gives_none_meanwhile() -> None:
    troubles = Interruptions(zones=2, outages=(ZoneOutage(at=600, zone=0, lasting=900),))
    ledger = run(interruptions=troubles, scaling=Fixed(replicas=4))
    assert happened(ledger, "zone_failed") == [1.0, 1.0]
    ready = dict(zip(ledger.pulse["t_s"].to_pylist(), ledger.pulse["ready"].to_pylist(), strict=True))
    assert ready[next(t for t in ready if t > 601)] == 2
    assert ledger.pulse["ready"].to_pylist()[-1] == 4


def test_a_short_outage_does_not_end_a_long_one() -> None:
    outages = ZoneOutage(at=600, lasting=1800), ZoneOutage(at=1200, lasting=60)
    ledger = run(interruptions=Interruptions(outages=outages), scaling=Fixed(replicas=1))
    assert [row["start_s"] for row in ledger.nodes.to_pylist()] == [0, 2400]


def test_outages_come_at_their_rate_while_others_last() -> None:
    """Twelve an hour that last an hour each, in zones that have nodes left: all four are lost, not one an hour."""
    outage = ZoneOutage(per_day=12 * 24.0, lasting=HOUR)
    ledger = run(interruptions=Interruptions(zones=4, outages=(outage,)), scaling=Fixed(replicas=4))
    assert len(happened(ledger, "zone_failed")) >= 4


def test_recorded_failures_strike_as_often_as_the_log_says() -> None:
    log = RecordedFailures(times_s=(100.0, 900.0, 1000.0), span_s=1200.0)
    ledger = run(interruptions=Interruptions(nodes=NodeFailures(per_node_day=0, model=log)), span_s=2 * HOUR)
    assert len(happened(ledger, "node_failed")) == pytest.approx(18, abs=1)


def test_a_crash_keeps_the_node() -> None:
    ledger = run(interruptions=Interruptions(replicas_per_day=40.0))
    conserve(ledger)
    assert happened(ledger, "replica_failed")
    assert len(ledger.nodes) == 3


def test_an_outage_of_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no zone 2: zones count from 0 to 1"):
        Interruptions(zones=2, outages=(ZoneOutage(at=5, zone=2),))


def test_a_change_behind_the_time_that_is_covered_is_refused() -> None:
    with pytest.raises(ValueError, match="zone 1 changes at 600 s, and span ends at 600 s"):
        SpotCapacity(
            zones=(ZoneCapacity(since=(0.0,), nodes=(1,)), ZoneCapacity(since=(0.0, 600.0), nodes=(1, 2))), span=600.0
        )


def test_a_failure_after_the_end_of_its_log_is_refused() -> None:
    with pytest.raises(ValueError, match="a failure at 5400 s is after the 3600 s that its log covers"):
        NodeFailures(per_node_day=0, model=RecordedFailures(times_s=(600.0, 5400.0), span_s=3600.0))
    NodeFailures(per_node_day=0, model=RecordedFailures(times_s=(600.0, 3600.0), span_s=3600.0))
