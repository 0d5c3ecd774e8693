"""One run, priced and assessed: what comparisons are made of."""

from dataclasses import dataclass

from simcost.billing import Bill
from simcost.slo import SloReport


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One plan under one replication."""

    plan: str
    replication: int
    engine_factor: float
    """Factor on the modelled step time that this replication drew."""
    bill: Bill
    slo: SloReport
    requests: dict[str, int]
    """arrived, completed, rejected, timed_out, in_system, preemptions."""
    output_tokens: int
    replica_hours: dict[str, float]
    """By state, as `Ledger.replica_hours`."""
    node_hours: float
    accelerator_hours: float
    utilisation: float
    """Engine time that tokens took over the replica-slot time paid (`Outcomes.work_s`)."""
