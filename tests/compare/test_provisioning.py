"""Replicas that demand needs and those that were paid, on fleets whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import report
from support.ledgers import HOUR, ledger
from support.pools import step
from test_following import MINUTE, along

from simcost.compare.least_work import ReplicaLimits
from simcost.compare.provisioning import CARRIED, provisioning, target_utilisation
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.slo import Slo, SloReport
from simcost.slo.tenants import TenantReport


def fleet(rates: np.ndarray, replicas: int, *, work_s: float = 0.5, steps: int = 0, busy: float = 1.0) -> Ledger:
    """So many replicas from start to end, busy for a share of the time; each request takes `work_s`."""
    demand = along(rates, np.full(len(rates), replicas), work_s)
    end_s = len(rates) * MINUTE
    paid = ledger(
        [(0.0, end_s)] * replicas,
        [(i, "ready", 0.0, end_s, busy * end_s) for i in range(replicas)],
        horizon_s=end_s,
    )
    return replace(paid, pulse=demand.pulse, outcomes=replace(demand.outcomes, steps=steps))


def test_paid_beyond_what_the_load_needs() -> None:
    found = provisioning(fleet(np.full(120, 8.0), 9), report())
    needed = np.ceil(8.0 * 0.5 / CARRIED)
    assert found.paid_h == pytest.approx(9 * 2)
    assert found.over_h == pytest.approx((9 - needed) * 2)
    assert found.needed_h == pytest.approx(needed * 2)


def test_requests_that_no_replica_holds_need_none() -> None:
    """Eight a second, of which half are too long: four a second are to be answered."""
    used = fleet(np.full(120, 8.0), 9)
    found = used.outcomes
    half, place = found.arrived // 2, found.windows.column_names.index("too_long")
    table = found.windows.set_column(place, "too_long", [[half, *[0] * (len(found.windows) - 1)]])
    used = replace(
        used,
        outcomes=replace(
            found, windows=table, completed=found.completed - half, rejected=half, work_s=found.work_s / 2
        ),
    )
    assert provisioning(used, report()).needed_h == pytest.approx(np.ceil(4.0 * 0.5 / CARRIED) * 2)


def test_a_shortage_does_not_make_up_for_what_is_too_much() -> None:
    """Two hours at 8 requests a second, two at none: five replicas are needed, then none; three are paid throughout."""
    found = provisioning(fleet(np.repeat([8.0, 0.0], 120), 3), report())
    assert found.over_h == pytest.approx(3 * 2, abs=0.2)


def test_hours_that_missed_the_slo_had_nothing_too_much() -> None:
    used = fleet(np.full(120, 1.0), 4)
    missed = replace(report(), short_s=((0.0, used.outcomes.window_s),))
    assert provisioning(used, missed).over_h == pytest.approx(3)
    assert provisioning(used, report()).over_h == pytest.approx(3 * 2)


def test_a_limit_on_the_time_per_token_lowers_the_load_a_replica_carries() -> None:
    """Steps of 20 ms without tokens: at a utilisation u they last 20 ms / (1 - u), at 40 ms u is a half."""
    busy_s, work_s = 2 * HOUR, 1 * HOUR
    used = fleet(np.full(60, 1.0), 2, steps=int((busy_s - work_s) / 0.020))
    felt = replace(used.outcomes, work_s=work_s, output_tokens=100 * used.outcomes.completed)

    def target(**limits: float) -> float:
        return target_utilisation(replace(used, outcomes=replace(felt, limits=LatencyLimits(**limits))))

    assert target() == CARRIED
    assert target(tpot_s=1.0) == CARRIED
    assert target(tpot_s=0.040) == pytest.approx(0.5)
    assert target(e2e_s=4.0) == pytest.approx(0.5)  # 100 tokens
    assert target(tpot_s=0.010) > 0  # no load keeps it: all that is paid is needed
    slo = report(slo=Slo(percentiles={"tpot": {"p95": 0.040}}))
    assert target_utilisation(replace(used, outcomes=felt), slo) == pytest.approx(0.5)
    strict = replace(used, outcomes=replace(felt, limits=LatencyLimits(tpot_s=0.021)))
    assert target_utilisation(strict, of_tenants(Slo(e2e=600.0))) == CARRIED, (
        "the limit of the scenario is of no tenant"
    )
    assert target_utilisation(strict, of_tenants(Slo(e2e=4.0), Slo(tpot=1.0))) == pytest.approx(0.5)


def test_a_full_batch_saturates_before_tokens_take_all_the_time() -> None:
    """Steps of 20 ms and 10 ms more for each of at most 4 sequences: tokens take 40 ms of 60 ms, not all of it."""
    used = fleet(np.full(60, 1.0), 9)
    steps = int(used.replicas["busy_s"].to_numpy().sum() / 0.030)
    found = replace(used.outcomes, work_s=steps * 0.010, steps=steps, generated_tokens=steps)
    used, replica = (
        replace(used, outcomes=found),
        ReplicaLimits(step=step(0.020, c=0.010), kv_tokens=10**6, max_num_seqs=4, max_step_tokens=8192),
    )
    assert target_utilisation(used, None, replica) == pytest.approx(CARRIED * 40 / 60)
    assert target_utilisation(used, None, replace(replica, max_num_seqs=10**6)) == pytest.approx(CARRIED, rel=1e-5)
    assert target_utilisation(used) == CARRIED, "unlike replicas"
    carried_per_s = CARRIED * 4 / 0.060 / (found.generated_tokens / found.completed)
    needed = np.ceil(found.completed / used.horizon_s / carried_per_s)
    assert provisioning(used, report(), replica).needed_h == pytest.approx(min(needed, 9))


def of_tenants(*slos: Slo) -> SloReport:
    """A report of tenants with these targets, each with 10 requests answered by 100 tokens each."""
    counts = dict.fromkeys(("arrived", "rejected", "timed_out", "lost", "in_system"), 0) | {"completed": 10}
    tenants = tuple(
        TenantReport(
            name=f"t{i}",
            requests=counts,
            rate_limited=0,
            prompt_tokens=0,
            output_tokens=1000,
            judged=10,
            attainment=1.0,
            error_share=0.0,
            goodput_per_s=1.0,
            metrics={},
            target=slo.attainment,
            limits={"ttft_s": slo.ttft, "tpot_s": slo.tpot, "e2e_s": slo.e2e},
            checks=(),
        )
        for i, slo in enumerate(slos)
    )
    return replace(report(), tenants=tenants)


@given(st.lists(st.floats(0.0, 20.0), min_size=30, max_size=90), st.integers(1, 12), st.floats(0.01, 2.0))
def test_paid_is_needed_and_over_provisioned(rates: list[float], replicas: int, work_s: float) -> None:
    used = fleet(np.array(rates), replicas, work_s=work_s)
    found = provisioning(used, report())
    assert found.paid_h == pytest.approx(sum(used.replica_hours().values()))
    assert found.paid_h == pytest.approx(found.needed_h + found.over_h)
    assert -1e-9 <= found.over_h <= found.paid_h + 1e-9
    larger = provisioning(fleet(np.array(rates), replicas + 1, work_s=work_s), report())
    assert larger.over_h >= found.over_h - 1e-9
