"""Result of `simcost train spot`: policies over all runs and on each trace, the traces, and one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcost.documents import FindingDocument, optional_key


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpread:
    """Mean, standard deviation (of these runs) and percentiles; None where no run ended."""

    mean: float | None
    sd: float | None
    p10: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A policy: means over all runs, with the spread of money, saving, hours and finish.

    Runs that the trace cut off have no saving. Hours are those of the gang, but for `total_vm_time_h`: of nodes.
    """

    trace: str | None = optional_key()
    """None: over all traces."""
    policy: str
    kind: str
    runs: int
    job_fail_rate: float
    avg_finish_time_h: float | None
    total_vm_time_h: float
    total_vm_cost_usd: float
    on_demand_h: float
    spot_h: float
    billed_on_demand_h: float
    billed_spot_h: float
    launches: float
    preemptions: float
    deadline_met: float
    finished: float
    on_demand_spread_h: RunSpread
    spot_spread_h: RunSpread
    billed_usd: RunSpread
    finish_h: float | None
    finish_spread_h: RunSpread
    saving: float | None
    saving_spread: RunSpread


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """Availability of a trace for a gang: how often, for how long at a time, and how often it is taken back."""

    trace: str
    gap_s: float
    span_h: float
    available: float
    mean_spot_usd_per_h: float
    starts: int
    mean_up_h: float | None
    median_up_h: float | None
    preemptions_per_day_up: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePart:
    """Hours in one state."""

    state: str
    from_h: float
    to_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One run under a policy."""

    policy: str
    trace: str
    start_tick: int
    parts: tuple[CoursePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotStudy:
    """Spot policies compared."""

    verdict: str
    best: str
    work_h: float
    deadline_h: float
    changeover_h: float
    gang: int
    od_usd_per_h: float
    spot_usd_per_h: float | None
    on_demand_usd: float
    seed: int
    starts: int
    policies: tuple[PolicyRow, ...]
    """Over all runs."""
    traces: tuple[TraceRow, ...]
    by_trace: tuple[PolicyRow, ...]
    courses: tuple[Course, ...]
    """The run of the best policy that costs the median, under each policy."""
    findings: Sequence[FindingDocument]
    prices: Sequence[Mapping[str, Any]] | None = optional_key()
    catalog_date: str | None = optional_key()
    assumptions: tuple[str, ...] | None = optional_key()
    provenance: Mapping[str, Any] | None = optional_key()
