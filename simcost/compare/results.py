"""Results of a plan over its replications: means, intervals, and whether it meets the SLO."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, inf
from types import MappingProxyType
from typing import Any

from simcost.billing import Costs
from simcost.billing.energy import EnergyReport
from simcost.compare.confidence import ConfidenceInterval, interval
from simcost.compare.fleet_tracking import Following
from simcost.compare.means import mean_of, mean_usd_by_key
from simcost.compare.perfect_autoscaler import PerfectScaling
from simcost.compare.provisioning import Provisioning
from simcost.compare.sides import Sides
from simcost.ledger.requests import AdapterLoads, PrefixHits
from simcost.perf.quality import ModelQuality
from simcost.slo import FUTURES, Check, JobReport, SloReport, is_to_reach
from simcost.slo.job_groups import Groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """Requests that a service sends on to others, or gets from others."""

    sends: bool
    """True if it sends some on; its service levels are then those of the final answers to its clients."""
    escalated: int
    """Requests that it answered and sent on, so that another answer replaces its own."""
    replaced_prompt_tokens: int
    """Of those requests."""
    replaced_output_tokens: int
    """Of its answers to them."""
    fell_back: int
    """Requests that it did not answer and sent on."""
    received: int
    """Requests of other services that it got; its service levels are of these too."""
    own_attainment: float | None
    """Share of the requests that were good at this service, whatever followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Outcomes of the requests."""

    slo: SloReport
    engine_factor: float | None
    """Factor on the modelled step time that this replication drew; None of several services, each of which draws."""
    requests: dict[str, int]
    """arrived, completed, rejected, timed_out, lost, in_system, preemptions, requeued; too_long: of those that arrived,
    the ones longer than the KV cache of any replica, which are rejected or sent to an API."""
    output_tokens: int
    prompt_tokens: int
    """Of images units of work, as `images` says."""
    replica_hours: dict[str, float]
    """By state, as `Ledger.replica_hours`."""
    provisioning: Provisioning
    """Replica-hours paid, needed, and over-provisioned."""
    perfect: PerfectScaling | None
    """Replica-hours against those of a perfect autoscaler; None where replicas are not alike, an API answers too, or
    it was not asked for.
    """
    following: Following | None = None
    """Tracking of the demand by the fleet."""
    fleet_changed: bool = False
    """True if the fleet changed in this replication, or should have; in another one it may still."""
    unread: tuple[str, ...] = ()
    """Metrics of the autoscaler that had no value at any of its decisions."""
    by_priority: tuple[Mapping[str, int], ...] = ()
    """Outcomes by priority where priorities differ, the highest first: priority, arrived, completed, rejected,
    timed_out, lost, in_system, good.
    """
    tenant_shares: Mapping[str, float] = field(default_factory=dict)
    """Share of each tenant in the cost of its requests, but for that of an API; they add up to 1."""
    tenant_api_shares: Mapping[str, float] = field(default_factory=dict)
    """Share of each tenant in what an API was paid; they add up to 1, empty where it was paid nothing."""
    prefix_blocks: tuple[int, int] | None = None
    """Looked up by the router, and believed to be at the replica it chose; None = it looked none up."""
    sides: Sides | None = None
    """Prefill and decode apart; None = replicas do both."""
    forwarded: Forwarded | None = None
    """Requests sent on to other services, or got from them; None = there are none."""
    images: bool = False
    """True if requests are for images, which have no tokens."""
    overflowed: int | None = None
    """Requests that an API answered, among the completed or timed out; None = the plan has no API."""
    adapter_loads: AdapterLoads | None = None
    """Loads of LoRA adapters; None = requests ask for none."""
    prefix_cache: PrefixHits | None = None
    """Hits in the prefix caches of the engines; None = they have none."""
    retries: Mapping[str, Any] | None = None
    """Retries of clients: retries, gave_up, refused_by_budget, waiting, generated_tokens, and `sendings`, which add up
    as those of the ledger; None where clients do not retry.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Outcomes of the jobs."""

    slo: JobReport
    gpus: int
    """The most that jobs could have at a time."""
    gpu_hours: dict[str, float]
    """By bucket, as `JobLedger.gpu_seconds`; with requests also what they held, on the same fleet or another, and
    `unallocated`: GPUs of their nodes that no replica held."""
    fragmentation: float | None
    """Share of the idle GPU time that no typical job could use; None without nodes."""
    random: bool
    """True if another replication may differ."""
    groups: Groups = field(default_factory=lambda: {"user": (), "pool": ()})
    """By `user` and by `pool`; empty where jobs are not of several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResult:
    """One of several pools behind the router of a plan."""

    name: str
    requests: int
    """Requests that were sent to its replicas."""
    replica_hours: dict[str, float]
    """By state, as `Ledger.replica_hours`."""
    accelerator_hours: float
    utilisation: float
    """As that of the plan."""
    cost_usd: float
    """Its part of the bill; what an API answers belongs to no pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One plan under one replication: requests, jobs, or both."""

    plan: str
    replication: int
    bill: Costs
    node_hours: float
    accelerator_hours: float
    """Of nodes that have no accelerators, hours of their vCPUs."""
    utilisation: float
    """Of the accelerator time paid: the part in which tokens took engine time (`Outcomes.work_s`) or jobs ran."""
    on_processors: bool = False
    """True if some nodes have no accelerators."""
    served: Served | None = None
    trained: Trained | None = None
    energy: EnergyReport | None = None
    """Of all nodes; None where they are of several kinds or no offer of the catalog."""
    pools: tuple[PoolResult, ...] = ()
    """Of a plan with several."""
    services: tuple["RunResult", ...] = ()
    """Of a plan that serves several: each as if it were a plan, with its part of the bill."""

    jobs_usd: float | None = None
    """Cost of what the jobs of a plan of several services hold; None without jobs, or services."""

    @property
    def usd_per_replica_hour(self) -> float | None:
        """Average cost of an hour of the plan's replicas; None without requests."""
        if self.served is None:
            return None
        hours = fsum(self.served.replica_hours.values())
        spent = fsum(self.bill.compute_by_state_usd.get(state, 0.0) for state in self.served.replica_hours)
        return spent / hours if hours else 0.0

    @property
    def over_provisioned_usd(self) -> float | None:
        """Cost of over-provisioned replica-hours, at that average; of services, with that of nodes which none of them
        holds. None without requests.
        """
        if self.services:
            unallocated = [one.bill.compute_by_state_usd.get("unallocated", 0.0) for one in (self, *self.services)]
            return (
                unallocated[0]
                - fsum(unallocated[1:])
                + fsum(service.over_provisioned_usd or 0.0 for service in self.services)
            )
        usd = self.usd_per_replica_hour
        return None if self.served is None or usd is None else self.served.provisioning.over_h * usd

    @property
    def saved_prefill_usd(self) -> float | None:
        """Cost of the replica-hours that hits in the prefix cache saved, less those of loads from its tiers, at that
        average; None without a cache.
        """
        usd = self.usd_per_replica_hour
        if self.served is None or self.served.prefix_cache is None or usd is None:
            return None
        hits = self.served.prefix_cache
        return (hits.saved_prefill_s - hits.load_s) / 3600.0 * usd

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every target, those of requests first."""
        reports = [side.slo for side in (self.served, self.trained) if side is not None]
        return tuple(check for report in reports for check in report.checks)

    @property
    def judged(self) -> tuple[int, ...]:
        """Requests of which each of the checks is the share that was good; 0 = it is another check."""
        if self.served is None:
            return (0,) * len(self.checks)
        counts = {"attainment": self.served.slo.judged}
        counts |= {f"{tenant.name}: attainment": tenant.judged for tenant in self.served.slo.tenants}
        return tuple(counts.get(check.name, 0) for check in self.checks)

    @property
    def completed(self) -> bool:
        """True if some request of each service, and some job, completed."""
        served = self.served is None or self.served.requests["completed"] > 0
        if self.services:
            served = all(service.completed for service in self.services)
        return served and (self.trained is None or self.trained.slo.jobs["completed"] > 0)

    @property
    def met(self) -> bool:
        """Every check is met, that of each service, and something completed."""
        return (
            self.completed and all(check.met for check in self.checks) and all(service.met for service in self.services)
        )

    @property
    def attainment(self) -> float | None:
        """Share of the requests that were good; None where none is known."""
        return None if self.served is None else self.served.slo.attainment

    @property
    def wait_p95_s(self) -> float | None:
        """P95 of the waiting of jobs; None without any."""
        return None if self.trained is None else self.trained.slo.wait_s["p95"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """Means over replications; money and hours are of the whole run."""

    name: str
    results: tuple[RunResult, ...]
    """In the order of their replications."""
    total_usd: ConfidenceInterval
    per_month_usd: ConfidenceInterval
    attainment: ConfidenceInterval | None
    """None where a replication had no request to judge."""
    wait_p95_s: ConfidenceInterval | None
    """Of jobs; None without any."""
    checks: tuple[Check, ...]
    """Every target of the SLO against the mean over replications; of futures, the share that meets them all."""
    met: bool
    """Every check is met, and some request and some job completed."""
    met_share: float
    """Share of the replications that met the SLO by themselves."""
    by_category_usd: dict[str, float]
    by_state_usd: dict[str, float]
    accelerator_hours: float
    months: float
    """Length of a run in months of 730 h."""
    quality: ModelQuality | None = None
    """Model and its quality; None where it serves none."""
    at_least: float | None = None
    """Score that is asked for; None = all are good enough."""
    good_enough: bool = True
    """The model has the quality that is asked for, where any is."""
    services: tuple["PlanSummary", ...] = ()
    """Of a plan that serves several: each as if it were a plan."""

    @property
    def eligible(self) -> bool:
        """True if it may be chosen: it meets the SLO, and its model is good enough."""
        return self.met and self.good_enough

    @property
    def served(self) -> tuple[Served, ...]:
        """Outcomes of the requests, by replication; empty where there are none."""
        return tuple(run.served for run in self.results if run.served is not None)

    @property
    def trained(self) -> tuple[Trained, ...]:
        """Outcomes of the jobs, by replication; empty where there are none."""
        return tuple(run.trained for run in self.results if run.trained is not None)

    @property
    def broken(self) -> tuple[Check, ...]:
        """The targets that were missed."""
        return tuple(check for check in self.checks if not check.met)

    @property
    def excess(self) -> float:
        """Ratio of the worst broken check to its target; for attainment: misses / misses allowed."""
        return max([*map(_times_over, self.broken), *(service.excess for service in self.services)], default=1.0)

    @property
    def worst_ratio(self) -> float:
        """As `excess`, of all checks: below 1 where each is met, 0 without any."""
        return max([*map(_times_over, self.checks), *(service.worst_ratio for service in self.services)], default=0.0)

    @property
    def worst_ratios(self) -> tuple[float, ...]:
        """By replication the ratio to its target of the check that is worst on average; empty without any, and of
        futures, which are held against the target together.
        """
        if self.services:
            return max(self.services, key=lambda service: service.worst_ratio).worst_ratios
        worst = max(range(len(self.checks)), key=lambda i: _times_over(self.checks[i]), default=None)
        if worst is None or any(len(run.checks) <= worst for run in self.results):
            return ()
        same = [run.checks[worst] for run in self.results]
        return tuple(map(_times_over, same)) if same[0].name == self.checks[worst].name else ()

    @property
    def on_processors(self) -> bool:
        """True if some nodes have no accelerators: hours of all nodes are then of no one kind."""
        return any(run.on_processors for run in self.results)

    def a_month(self, amounts: Callable[[RunResult], Mapping[str, float]]) -> dict[str, float]:
        """Means over replications of amounts in a month, which add up to `per_month_usd` where replications of jobs
        are of unlike lengths too.
        """
        return mean_usd_by_key([{key: x / run.bill.months for key, x in amounts(run).items()} for run in self.results])

    def mean(self, value: Callable[[RunResult], float | None]) -> float | None:
        """Mean over replications; None where one of them has no value."""
        return mean_of(map(value, self.results))


def summarise(
    name: str,
    results: Sequence[RunResult],
    level: float,
    risk: float | None = None,
    *,
    exact: bool = False,
    quality: ModelQuality | None = None,
    at_least: float | None = None,
    of_services: Mapping[str, ModelQuality] = MappingProxyType({}),
) -> PlanSummary:
    """The replications of a plan, at least one, as one summary.

    Without a `risk` the means over replications are held against the targets. With one, replications are
    futures that differ in their demand, and all but this share of them must meet the SLO by themselves. Where
    nothing is random, a result is exact. A quality is held against the least that is asked for. A plan of several
    services meets the SLO where each service meets its own, in the same futures; `of_services` has their models.
    """
    runs = tuple(sorted(results, key=lambda run: run.replication))
    met_share = sum(run.met for run in runs) / len(runs)
    checks = _means(runs) if risk is None else (Check.of(FUTURES, met_share, round(1 - risk, 12)),)
    services = tuple(
        summarise(same[0].plan, same, level, risk, quality=of_services.get(same[0].plan), at_least=at_least)
        for same in zip(*(run.services for run in runs), strict=True)
    )
    return PlanSummary(
        name=name,
        results=runs,
        total_usd=interval([run.bill.total_usd for run in runs], level, exact=exact),
        per_month_usd=interval([run.bill.per_month_usd for run in runs], level, exact=exact),
        attainment=_interval([run.attainment for run in runs], level, exact),
        wait_p95_s=_interval([run.wait_p95_s for run in runs], level, exact),
        checks=checks,
        met=all(service.met for service in services)
        and all(check.met for check in checks)
        and (bool(services) or any(run.completed for run in runs)),
        met_share=met_share,
        by_category_usd=mean_usd_by_key([run.bill.by_category_usd() for run in runs]),
        by_state_usd=mean_usd_by_key([run.bill.compute_by_state_usd for run in runs]),
        accelerator_hours=fsum(run.accelerator_hours for run in runs) / len(runs),
        months=fsum(run.bill.months for run in runs) / len(runs),
        quality=quality,
        at_least=at_least,
        good_enough=all(service.good_enough for service in services) and (quality is None or quality.reaches(at_least)),
        services=services,
    )


def _interval(values: Sequence[float | None], level: float, exact: bool) -> ConfidenceInterval | None:
    """None where a value is missing."""
    known = [value for value in values if value is not None]
    return interval(known, level, exact=exact) if len(known) == len(values) else None


def _means(runs: Sequence[RunResult]) -> tuple[Check, ...]:
    """Every target against the mean over replications."""
    return tuple(
        Check.of(same[0].name, mean_of(check.measured for check in same), same[0].target)
        for same in zip(*(run.checks for run in runs), strict=True)
    )


def _times_over(check: Check) -> float:
    if check.measured is None:
        return inf
    if is_to_reach(check.name):
        return (1 - check.measured) / (1 - check.target) if check.target < 1 else inf
    return check.measured / check.target if check.target > 0 else inf
