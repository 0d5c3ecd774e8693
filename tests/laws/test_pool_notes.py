"""Lines of the timeline and the pulse are those of a data plane that is stopped at each of their instants."""

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pools import CHAT, poisson

from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Admission, Fixed, Startup, TargetConcurrency
from simcost.plan.autoscaling import Autoscaler, Hpa, Kpa
from simcost.plan.autoscaling.hpa import Metric
from simcost.plan.interruptions import Interruptions, NodeFailures, SpotHazard
from simcost.plan.serving import Drain
from simcost.sim import simulate
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool

RUNNING = Metric(type="Pods", name="running", target_type="AverageValue", target=4)
POLICIES: list[Autoscaler] = [
    Fixed(replicas=3),
    TargetConcurrency(target=4, max=6, window=120),
    Hpa(max=6, metrics=(RUNNING,)),
    Kpa(target=6, max=6, window=30),
]


def stopped(plane: DataPlane, time_ns: int) -> int:
    """A note as it is taken where others move the data plane too."""
    plane.advance(time_ns)
    return plane.notes.add(plane.observe())


def played(pool: Pool, rate: float, span_s: float, seed: int) -> Ledger:
    limits = LatencyLimits(ttft_s=1.0)
    return simulate(pool, poisson(rate, span_s * 0.9, seed), horizon_s=span_s, limits=limits, seed=seed)


@pytest.mark.slow
@given(
    policy=st.sampled_from(POLICIES),
    interruptions=st.sampled_from(
        [None, Interruptions(spot=SpotHazard(per_node_h=4.0)), Interruptions(nodes=NodeFailures(per_node_day=24.0))]
    ),
    admission=st.sampled_from([Admission(), Admission(timeout=20.0, max_queued=30), Admission(in_flight="lose")]),
    grace=st.sampled_from([None, 5.0]),
    load=st.sampled_from([(0.1, 20_000.0), (6.0, 700.0), (6.0, 3600.0), (30.0, 700.0)]),
    seed=st.integers(0, 99),
)
def test_notes_are_of_the_pool_at_their_instants(
    policy: Autoscaler,
    interruptions: Interruptions | None,
    admission: Admission,
    grace: float | None,
    load: tuple[float, float],
    seed: int,
) -> None:
    pool = replace(
        CHAT,
        scaling=policy,
        startup=Startup(node=60, image=30, weights=1e9, engine=20),
        admission=admission,
        drain=Drain(grace=grace),
        **({} if interruptions is None else {"interruptions": interruptions}),
    )
    later = played(pool, *load, seed)
    with patch.object(DataPlane, "note", stopped):
        at_once = played(pool, *load, seed)
    assert later.timeline.equals(at_once.timeline)
    assert later.pulse.equals(at_once.pulse)
    assert later.outcomes.windows.equals(at_once.outcomes.windows)
    assert later.pulse["t_s"].to_pylist()[-1] == later.horizon_s, "the intervals of the pulse are the whole run"
    assert later.pulse["arrived"].to_pylist()[-1] == later.outcomes.arrived
    assert (later.pulse["waiting"].to_numpy() >= 0).all()
