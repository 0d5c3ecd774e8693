"""Laws of a run, each at its edge: what just keeps it is accepted, what just breaks it is refused by name."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support.ledgers import ledger, outcomes

from simcost.ledger.jobs import NEVER, JobLedger, JobOutcomes
from simcost.ledger.requests import METRICS, Ledger, PrefixHits, Sendings
from simcost.ledger.tenants import TenantOutcomes
from simcost.scenario.storage.laws import check_job_ledger, check_ledger

COUNTS = ("arrived", "completed", "rejected", "timed_out", "lost")
OF_ALL = {"arrived": 8, "completed": 3, "rejected": 1, "timed_out": 2, "lost": 1, "in_system": 1}
SENT = Sendings(arrived=13, completed=3, rejected=4, timed_out=4, lost=1, in_system=1, retries=5, refused=0, waiting=0)


def edited(table: pa.Table, column: str, *values: float) -> pa.Table:
    """The table with other values in a column."""
    number = table.schema.names.index(column)
    return table.set_column(number, table.schema.field(number), pa.array(values, table.schema.field(number).type))


def requests(**changed: Any) -> Ledger:
    """Eight requests and a replica that fills its node; some outcomes otherwise."""
    windows = [
        {"arrived": 5, "completed": 2, "rejected": 1, "timed_out": 1, "lost": 1, "good": 2},
        {"arrived": 3, "completed": 1, "timed_out": 1, "good": 1},
    ]
    values = [(0, 0.25, 2.0, 8), (0, 0.1, 0.1, 1), (1, 0.5, 9.75, 100)]
    felt = replace(outcomes(windows, values, in_system=1), **changed)
    return ledger([(0.0, 7200.0)], [(0, "ready", 0.0, 7200.0, 7200.0)], horizon_s=7200.0, felt=felt)


def tenant(**changed: int) -> TenantOutcomes:
    zero = {field.name: 0 for field in fields(TenantOutcomes)}
    return TenantOutcomes(**zero | {"tenant": "a"} | OF_ALL | changed)


def shifted(metric: str, by: int) -> Any:
    histograms = requests().outcomes.histograms.copy()
    histograms[0, METRICS.index(metric), 0] += by
    return histograms


WINDOWS = requests().outcomes.windows
KEPT = (
    {},
    {"windows": edited(WINDOWS, "good", 0, 0)},
    {"prefix_cache": PrefixHits(hit_tokens=0, query_tokens=9, saved_prefill_s=0.0)},
    {"prefix_cache": PrefixHits(hit_tokens=9, query_tokens=9, saved_prefill_s=0.0)},
    {"sendings": SENT},
    {"by_priority": (OF_ALL | {"priority": 1, "good": 0},)},
    {"by_tenant": (tenant(), tenant(**dict.fromkeys(OF_ALL, 0)))},
)
BROKEN = (
    ({"arrived": 9}, "that arrived are not those that left"),
    ({"in_system": 2}, "that arrived are not those that left"),
    ({"arrived": 9, "in_system": 2}, "arrived of the windows"),
    *(({name: OF_ALL[name] - 1, "in_system": 2}, f"{name} of the windows") for name in COUNTS[1:]),
    ({"windows": edited(WINDOWS, "good", 3, 0)}, "more requests are good"),
    ({"histograms": shifted("ttft_s", -1)}, "latencies are not those"),
    ({"histograms": shifted("e2e_s", 1)}, "latencies are not those"),
    (
        {"prefix_cache": PrefixHits(hit_tokens=-1, query_tokens=9, saved_prefill_s=0.0)},
        "more tokens than were looked up",
    ),
    (
        {"prefix_cache": PrefixHits(hit_tokens=10, query_tokens=9, saved_prefill_s=0.0)},
        "more tokens than were looked up",
    ),
    ({"sendings": replace(SENT, retries=6)}, "requests and retries"),
    ({"sendings": replace(SENT, in_system=0)}, "requests and retries"),
    *(
        ({"by_priority": (OF_ALL | {"priority": 1, "good": 0, name: OF_ALL[name] + 1},)}, f"{name} of the priorities")
        for name in OF_ALL
    ),
    *(({"by_tenant": (tenant(**{name: OF_ALL[name] + 1}),)}, f"{name} of the tenants") for name in OF_ALL),
)


@pytest.mark.parametrize("changed", KEPT)
def test_requests_that_keep_the_laws_are_accepted(changed: dict[str, Any]) -> None:
    check_ledger(requests(**changed))


@pytest.mark.parametrize(("changed", "law"), BROKEN)
def test_requests_that_break_a_law_are_refused(changed: dict[str, Any], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        check_ledger(requests(**changed))


ROUNDED_S, TOO_MUCH_S = 1e-6, 1e-4
"""Within a billionth of the run, and beyond."""


@pytest.mark.parametrize("what", ["nodes", "replicas"])
@pytest.mark.parametrize(("column", "value", "sign"), [("start_s", 0.0, -1), ("end_s", 7200.0, 1)])
def test_nodes_and_replicas_are_there_within_the_run(what: str, column: str, value: float, sign: int) -> None:
    made = requests()

    def moved(by_s: float) -> Ledger:
        found = made
        for each in {what, "nodes"}:  # a replica that is longer needs a node that is
            found = replace(found, **{each: edited(getattr(made, each), column, value + sign * by_s)})
        return found

    check_ledger(moved(ROUNDED_S))
    with pytest.raises(ValueError, match="are there outside of the run"):
        check_ledger(moved(TOO_MUCH_S))


@pytest.mark.parametrize(
    ("what", "column", "value", "law"),
    [
        ("nodes", "end_s", -1.0, "nodes are there outside"),
        ("replicas", "end_s", -1.0, "replicas are there outside"),
        ("replicas", "busy_s", -TOO_MUCH_S, "busy for longer"),
        ("replicas", "busy_s", 7200.0 + TOO_MUCH_S, "busy for longer"),
        ("replicas", "node", 1, "on nodes that are not there"),
        ("nodes", "kind", -1, "of a kind that is not there"),
        ("nodes", "kind", 1, "of a kind that is not there"),
        ("nodes", "end_s", 7200.0 - 0.01, "more than their nodes have"),
    ],
)
def test_a_fleet_that_breaks_a_law_is_refused(what: str, column: str, value: float, law: str) -> None:
    made = requests()
    with pytest.raises(ValueError, match=law):
        check_ledger(replace(made, **{what: edited(getattr(made, what), column, value)}))


@pytest.mark.parametrize("busy_s", [-ROUNDED_S, 0.0, 7200.0 + ROUNDED_S])
def test_busy_time_may_be_rounded(busy_s: float) -> None:
    made = requests()
    check_ledger(replace(made, replicas=edited(made.replicas, "busy_s", busy_s)))


def jobs(gpu_seconds: dict[str, float] | None = None, **changed: list[float]) -> JobLedger:
    """Two GPUs for 100 s: a job that ended as it started, one at work, one that was kept out."""
    zero = [0.0, 0.0, 0.0]
    columns: dict[str, list[float]] = {
        "submit_s": [0.0, 5.0, 6.0],
        "start_s": [0.0, 5.0, NEVER],
        "end_s": [0.0, NEVER, NEVER],
        "gpus": [1, 1, 3],
        "rejected": [False, False, True],
    }
    columns |= dict.fromkeys(("preemptions", "lost_s", "checkpoint_s", "restart_s"), zero)
    spent = {"useful": 150.0, "idle": 50.0} if gpu_seconds is None else gpu_seconds
    columns |= {"held_gpu_s": [0.0, spent["useful"], 0.0]} | changed
    out = JobOutcomes(**{name: np.array(values) for name, values in columns.items()})
    return JobLedger(horizon_s=100.0, gpus=2, outcomes=out, gpu_seconds=spent)


@pytest.mark.parametrize("spent", [{"useful": 200.0 + 1e-6}, {"useful": -1e-7, "idle": 10.0}])
def test_jobs_that_keep_the_laws_are_accepted(spent: dict[str, float]) -> None:
    check_job_ledger(jobs())
    check_job_ledger(jobs(spent))


@pytest.mark.parametrize(
    ("changed", "law"),
    [
        ({"submit_s": [0.0, 5.5, 6.0]}, "start before they are submitted"),
        ({"submit_s": [0.5, 5.0, 6.0]}, "start before they are submitted"),
        ({"end_s": [0.0, 4.0, NEVER]}, "end before they start"),
        ({"end_s": [0.0, 0.0, NEVER]}, "end before they start"),
        ({"end_s": [0.0, NEVER, 9.0], "rejected": [False] * 3}, "end that never started"),
        ({"start_s": [0.0, 5.0, 6.0]}, "rejected jobs start"),
        *(
            ({name: [0, -1, 0]}, "counts or times of jobs are negative")
            for name in ("gpus", "preemptions", "lost_s", "checkpoint_s", "restart_s")
        ),
        ({"held_gpu_s": [0.0, 149.9, 0.0]}, "not the sum of what each held"),
        ({"gpu_seconds": {"useful": -1e-5, "idle": 20.0}}, "GPU-seconds are negative"),
        ({"gpu_seconds": {"useful": 150.0, "idle": 50.0 + 1e-5}}, "more than the cluster has"),
    ],
)
def test_jobs_that_break_a_law_are_refused(changed: dict[str, Any], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        check_job_ledger(jobs(**changed))
