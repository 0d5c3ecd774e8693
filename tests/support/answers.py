"""Results of runs, made up."""

from collections.abc import Sequence

import pyarrow as pa
from support.ledgers import HOUR, Book, ledger

from simcost.billing import OnDemand, bill
from simcost.compare import Comparison, RunResult, compare
from simcost.compare.perfect_autoscaler import PerfectScaling
from simcost.compare.provisioning import Provisioning
from simcost.compare.results import Served
from simcost.slo import Slo, SloReport

SLO = Slo(ttft=2.0, attainment=0.99, percentiles={"ttft": {"p95": 2.0}})
DAY = 24 * HOUR
MONTHS = 730.0 / 24.0


def report(attainment: float | None = 0.995, ttft_p95_s: float | None = 1.5, slo: Slo = SLO) -> SloReport:
    names = ("mean", "p50", "p90", "p95", "p99")
    checks = slo.checks({"attainment": attainment, "ttft_s p95": ttft_p95_s})
    return SloReport(
        met=all(check.met for check in checks),
        judged=100,
        attainment=attainment,
        metrics={metric: dict.fromkeys(names, ttft_p95_s) for metric in ("ttft_s", "tpot_s", "e2e_s")},
        metrics_error=0.004,
        error_share=0.001,
        goodput_per_s=1.0,
        error_budget_used=0.5,
        output_tokens_per_s=100.0,
        checks=checks,
        target=slo.attainment,
        limits={"ttft_s": slo.ttft, "tpot_s": slo.tpot, "e2e_s": slo.e2e},
        hours=pa.table({}),
        hours_missed=0.0,
    )


def result(
    plan: str,
    replication: int,
    usd: float,
    slo: SloReport | None = None,
    *,
    hours: float = 24.0,
    busy: float = 0.5,
) -> RunResult:
    """A day on one node of 8 accelerators for `hours` that costs `usd`, busy for a share of them."""
    end_s = hours * HOUR
    used = ledger([(0.0, end_s)], [(0, "ready", 0.0, end_s, busy * end_s)], horizon_s=DAY)
    slo = slo or report()
    served = Served(
        slo=slo,
        engine_factor=1.0,
        requests={
            "arrived": 100,
            "completed": 99 if slo.attainment else 0,
            "rejected": 0,
            "timed_out": 0,
            "in_system": 1,
            "preemptions": 0,
        },
        output_tokens=1_000_000,
        prompt_tokens=1_000_000,
        replica_hours=used.replica_hours(),
        provisioning=Provisioning(paid_h=hours, needed_h=busy * hours, over_h=(1 - busy) * hours),
        perfect=PerfectScaling(
            paid_h=hours,
            bound_h=busy * hours,
            with_cold_start_h=busy * hours,
            schedule_h=busy * hours,
            over_h=(1 - busy) * hours,
            under_h=0.0,
            window_s=300.0,
        ),
    )
    return RunResult(
        plan=plan,
        replication=replication,
        bill=bill(used, OnDemand(offer="acme/big"), Book(usd / hours)),
        served=served,
        node_hours=hours,
        accelerator_hours=8 * hours,
        utilisation=busy,
    )


def runs(
    plan: str, costs: Sequence[float], attainments: Sequence[float | None] = (0.995,), ttft_p95_s: float = 1.5
) -> list[RunResult]:
    """One replication per cost; a single attainment holds for all."""
    levels = [*attainments, *attainments[-1:] * len(costs)]
    return [result(plan, i, usd, report(levels[i], ttft_p95_s)) for i, usd in enumerate(costs)]


PROVENANCE = {
    "simcost_version": "0",
    "seed": 1,
    "inputs": {"s.yaml": "ab" * 32},
    "catalog_date": "2026-07-20",
}
NOISE = (1.0, -2.0, 0.5, 1.5, -1.0)
DEAR = runs("dear", [100.0 + n for n in NOISE])
CHEAP = runs("cheap", [60.0 + 0.9 * n for n in NOISE])
MISSES = runs("misses", [20.0] * 5, [0.9], 4.2)


def of(*plans: list[RunResult], baseline: str | None = None) -> Comparison:
    """The plans compared; the first is the baseline unless another is named."""
    named = {results[0].plan: results for results in plans}
    return compare(named, scenario="s", model="m", baseline=baseline or plans[0][0].plan)
