"""One run, priced and assessed: what comparisons are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from typing import Any

from simcost.billing import Costs
from simcost.billing.energy import EnergyReport
from simcost.compare.fleet_tracking import Following
from simcost.compare.provisioning import Provisioning
from simcost.slo import Check, JobReport, SloReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of the requests."""

    slo: SloReport
    engine_factor: float
    """Factor on the modelled step time that this replication drew."""
    requests: dict[str, int]
    """arrived, completed, rejected, timed_out, lost, in_system, preemptions, requeued."""
    output_tokens: int
    prompt_tokens: int
    replica_hours: dict[str, float]
    """By state, as `Ledger.replica_hours`."""
    provisioning: Provisioning
    """Replica-hours paid, needed, and over-provisioned."""
    following: Following | None = None
    """How the fleet followed its demand."""
    fleet_changed: bool = False
    """True if the fleet changed in this replication, or should have; in another one it may still."""
    unread: tuple[str, ...] = ()
    """Metrics of the autoscaler that had no value at any of its decisions."""
    by_priority: tuple[Mapping[str, int], ...] = ()
    """Where priorities differ, the highest first: priority, arrived, completed, rejected, timed_out, lost, in_system,
    good."""
    prefix_blocks: tuple[int, int] | None = None
    """Looked up by the router, and believed to be at the replica it chose; None = it looked none up."""
    retries: Mapping[str, Any] | None = None
    """What clients sent again: retries, gave_up, refused_by_budget, waiting, generated_tokens, and `sendings`, which
    add up as those of the ledger; None where they send nothing again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What became of the jobs."""

    slo: JobReport
    gpus: int
    """The most that jobs could have at a time."""
    gpu_hours: dict[str, float]
    """By bucket, as `JobLedger.gpu_seconds`; with requests, also what they held, on the same fleet or another."""
    fragmentation: float | None
    """Share of the idle GPU time that no typical job could use; None without nodes."""
    random: bool
    """Whether another replication may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One plan under one replication: requests, jobs, or both."""

    plan: str
    replication: int
    bill: Costs
    node_hours: float
    accelerator_hours: float
    utilisation: float
    """Of the accelerator time paid: the part in which tokens took engine time (`Outcomes.work_s`) or jobs ran."""
    served: Served | None = None
    trained: Trained | None = None
    energy: EnergyReport | None = None
    """Of all nodes; None where they are of several kinds or no offer of the catalog."""

    @property
    def over_provisioned_usd(self) -> float | None:
        """What over-provisioned replica-hours cost, at what an hour of the plan's replicas cost on average; None
        without requests.
        """
        if self.served is None:
            return None
        hours = fsum(self.served.replica_hours.values())
        spent = fsum(self.bill.compute_by_state_usd.get(state, 0.0) for state in self.served.replica_hours)
        return self.served.provisioning.over_h * spent / hours if hours else 0.0

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every target, those of requests first."""
        reports = [side.slo for side in (self.served, self.trained) if side is not None]
        return tuple(check for report in reports for check in report.checks)

    @property
    def completed(self) -> bool:
        """Whether some request, and some job, completed."""
        served = self.served is None or self.served.requests["completed"] > 0
        return served and (self.trained is None or self.trained.slo.jobs["completed"] > 0)

    @property
    def met(self) -> bool:
        """Every check is met, and something completed."""
        return self.completed and all(check.met for check in self.checks)

    @property
    def attainment(self) -> float | None:
        """Share of the requests that were good; None where none tells."""
        return None if self.served is None else self.served.slo.attainment

    @property
    def wait_p95_s(self) -> float | None:
        """P95 of the waiting of jobs; None without any."""
        return None if self.trained is None else self.trained.slo.wait_s["p95"]
