"""Schema of the scenario file: the scenario and its plans; jobs, demand and scaling are defined beside it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import field, fields, replace
from datetime import datetime
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import StringConstraints

from simcost.billing import Buy, OnDemand, Spot
from simcost.perf import ReplicaSpec
from simcost.perf.quality import QualityTarget, StatedQuality
from simcost.plan import Admission, Batching, LeastOutstanding, Router, Startup
from simcost.plan.interruptions import Interruptions
from simcost.plan.nodes import AtOnce, Nodes
from simcost.plan.rate_limits import RateLimits
from simcost.plan.serving import Drain, Metrics, PrefixCaching, Retries
from simcost.record import record
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.disaggregation import Disaggregation
from simcost.scenario.schema.jobs import JobLog, Training
from simcost.scenario.schema.scaling import FromManifest, PlanScaling
from simcost.scenario.schema.sweep import PlanSweep
from simcost.scenario.schema.tenants import TenantTerms
from simcost.slo import Slo
from simcost.tables.calendar import months_after
from simcost.trace.workload.closed import ClosedWorkload
from simcost.trace.workload.spec import RecordedWorkload, Synthetic, stream_tenants, tenants
from simcost.units import MEAN_MONTH_S, ByKind, Currency, Horizon, PositiveCount, PositiveSeconds, Share

Workload = Annotated[RecordedWorkload | Synthetic | ClosedWorkload, ByKind()]


@record
class ServedPool:
    """One of several pools of a plan: replicas that are alike, behind the router that all pools share.

    What the plan says beside `pools` holds for all of them, as `defaults` hold for all plans.
    """

    name: Annotated[str, MinLen(1)]
    """As tables show it; names of a plan differ."""
    replica: ReplicaSpec
    """One copy of the model: accelerators, precision, memory."""
    scaling: Annotated[PlanScaling, ByKind()]
    """Number of its replicas over time, by their own metrics and the requests that wait at the gateway."""
    buy: Buy
    """Purchase option of its nodes."""
    or_buy: tuple[Annotated[OnDemand | Spot, ByKind("on-demand")], ...] = ()
    """Further kinds of its nodes, as those of a plan."""
    weight: Annotated[int, Ge(0), Le(1_000_000)] = 1
    """Share of the requests, against those of the other pools, for routers that go by it."""
    metrics: Metrics | None = None
    """Metrics of its replicas, as its controller sees them; None = as those of a plan."""
    batching: Batching = field(default_factory=Batching)
    """Batching of its engines."""
    startup: Startup = field(default_factory=Startup)
    """Duration of a cold start."""
    drain: Drain = field(default_factory=Drain)
    """Order in which its replicas are removed, and the time that they may take."""
    nodes: Annotated[Nodes | FromManifest, ByKind()] = field(default_factory=AtOnce)
    """Node provisioning: its nodes are its own."""
    interruptions: Interruptions | None = None
    """Disruptions of its nodes and replicas."""


OF_A_POOL = tuple(one.name for one in fields(ServedPool) if one.name not in ("name", "weight"))
"""Keys of a plan that each of its pools may have of its own."""


@record
class Overflow:
    """A model behind an API, paid per token, that answers the requests which would be rejected."""

    api: str
    """`provider/model` of the catalog's token prices."""
    ttft: PositiveSeconds
    """Time of the API to the first token, from when the request is sent on."""
    tpot: PositiveSeconds
    """Time of the API per further token."""


@record
class Plan:
    """One alternative: how requests are served and scaled, how jobs run, and how nodes are bought."""

    name: Annotated[str, MinLen(1)]
    """As tables and charts show it."""
    buy: Buy
    """Purchase option of the nodes."""
    model: str | None = None
    """Name of a model in the catalog that this plan serves; None = that of the scenario. Requests keep the tokens of
    the workload, whatever the tokenizer of the model."""
    quality: StatedQuality | None = None
    """Quality as you measured it, of a service that sends requests on that of its final answers; None = as published in
    the catalog."""
    or_buy: tuple[Annotated[OnDemand | Spot, ByKind("on-demand")], ...] = ()
    """Further kinds of nodes with the same accelerator that may be ordered, larger, smaller, or on spot; `nodes` says
    which is taken. `interruptions.spot` concerns those on spot alone."""
    replica: ReplicaSpec | None = None
    """One copy of the model: accelerators, precision, memory. Required with requests."""
    scaling: Annotated[PlanScaling, ByKind()] | None = None
    """Number of replicas over time; `{from: hpa.yaml}` takes a manifest. Required with requests."""
    metrics: Metrics | None = None
    """Metrics of the replicas, as the controller sees them. None = scraped as often as the controller does, without a
    lag; under the others, Knative among them, exact and fresh at each of their steps."""
    batching: Batching = field(default_factory=Batching)
    """Batching: how the engine fills its steps."""
    prefix_cache: PrefixCaching | bool = False
    """Prefix cache: beginnings of prompts that a replica has computed before, it does not compute again. true = as
    vLLM has it; false = every prompt is computed as a whole."""
    router: Annotated[Router | FromManifest, ByKind()] = field(default_factory=LeastOutstanding)
    """Router: the replica that gets the next request; `{from: epp.yaml}` takes the endpoint picker of llm-d."""
    admission: Admission = field(default_factory=Admission)
    """Admission: how many requests wait, where and how long, and what becomes of those whose replica goes."""
    overflow: Overflow | None = None
    """API that answers the requests which would be rejected: beyond `admission.max_queued`, after `max_wait`, while the
    pool is saturated and sheds or rejects, or too long for every replica. None = they are rejected."""
    retries: Retries | None = None
    """Retries of clients when a request fails. None = they give up at once."""
    disaggregation: Disaggregation | None = None
    """Prefill on replicas of its own; the replicas of the plan then decode. None = all replicas do both."""
    startup: Startup = field(default_factory=Startup)
    """Duration of a cold start."""
    drain: Drain = field(default_factory=Drain)
    """Order in which replicas are removed, and the time that they may take."""
    nodes: Annotated[Nodes | FromManifest, ByKind()] = field(default_factory=AtOnce)
    """Node provisioning: when nodes are ordered and given back; `{from: nodepool.yaml}` takes that of Karpenter."""
    interruptions: Interruptions | None = None
    """Disruptions of nodes and replicas: spot, failures, outages."""
    response_bytes_per_token: Annotated[float, Ge(0)] = 250.0
    """Bytes sent to the client per output token; a streamed chunk with its JSON is 200-300 bytes."""
    pools: tuple[ServedPool, ...] = ()
    """Pools of unlike replicas behind one router, each with its own `replica`, `scaling` and `buy`; none = the plan is
    one pool."""
    training: Annotated[Training, ByKind()] | None = None
    """Cluster of the jobs, and their order. Required with jobs."""
    training_buy: Buy | None = None
    """Purchase option of the nodes of a cluster of the jobs' own; None = as `buy`, and then both are one account."""

    def by_pool(self) -> "tuple[Plan, ...]":
        """The plan of each pool as if it were alone; of one pool the plan itself."""
        alone = tuple(replace(self, pools=(), **{key: getattr(pool, key) for key in OF_A_POOL}) for pool in self.pools)
        return alone or (self,)


@record
class OfferChoices:
    """Offers of the catalog that `simcost optimize` without `vary` and `simcost advise` may propose: those that match a
    pattern of each key, as patterns of a shell. What plans and `vary` name themselves stays.
    """

    offers: str | tuple[str, ...] = "*"
    """By name, as `aws/*`; one or a list."""
    regions: str | tuple[str, ...] = "*"
    """By region, as `eu-*`; an offer with one price everywhere has the region `any`."""
    accelerators: str | tuple[str, ...] = "*"
    """By accelerator, as `h100-sxm`."""


@record
class Scenario:
    """One question: requests to serve, or jobs to run, or both; a target; and the plans to compare."""

    scenario: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    """Name; also that of the results folder."""
    question: str = ""
    """Question that you ask, for the reader of the report."""
    model: str | None = None
    """Name of a model in the catalog, for all plans that name none of their own. Required with requests."""
    workload: tuple[Workload, ...] = ()
    """One stream of requests, or a list of several that share the pool; a closed loop stands alone."""
    demand: Demand | None = None
    """Requests that are forecast, instead of a workload."""
    jobs: JobLog | None = None
    """Training jobs, alone or on the same fleet as the requests."""
    slo: Slo
    """Targets of requests and jobs."""
    tenants: tuple[TenantTerms, ...] = ()
    """Terms of tenants that have some of their own."""
    quality: QualityTarget | None = None
    """Benchmark by which the models of the plans are compared, and the least that is accepted: `{metric: mmlu,
    at_least: 64}`. None = the one that the catalog knows of most plans, and all are accepted."""
    plans: Annotated[tuple[Plan, ...], MinLen(1)]
    """The alternatives, in the order in which they are shown."""
    starts: str | None = None
    """Date and time of time 0, as `2026-07-20T00:00:00Z`, for autoscalers that follow a calendar;
    None = of a demand, the end of its history."""
    horizon: Horizon | None = None
    """Length of the run, as `28d`, `3mo` or `1y`: months are of the calendar where `starts` says when it begins, else
    of 30.4375 days. None = the span of the workload, or the horizon of the forecast; of jobs alone, until the
    last one has ended."""
    seed: Annotated[int, Ge(0)] = 1
    """Start of all random numbers; the same seed gives the same result."""
    seeds: PositiveCount | None = None
    """Replications, in each of which every plan sees the same arrivals; with a demand, futures. None = 5
    replications, or 10 futures, or 1 where nothing is random."""
    baseline: str | None = None
    """The plan the others are compared with; None = the first."""
    engine_sigma: Annotated[float, Ge(0), Le(2)] | None = None
    """Log-normal spread of the real step time around the model's; None = that of the performance model."""
    level: Annotated[float, Gt(0), Le(0.9999)] = 0.95
    """Confidence level of intervals."""
    margin: Share | None = None
    """Share of a cost that makes no difference to you, as 1%: plans whose costs surely differ by less are equivalent.
    None = no plan is called equivalent to another, only not significantly different."""
    currency: Currency = "USD"
    """Currency of all amounts: USD. Prices in another one are converted at a dated rate: `contracts.csv` and
    `currencies.csv` of your catalog folder."""
    catalog: str | None = None
    """Folder with your own fact files, relative to this file."""
    choices: OfferChoices | None = None
    """Offers that may be proposed, as `{offers: "aws/*", regions: "eu-*"}`; None = all of the catalog."""
    vary: tuple[Mapping[str, Any] | tuple[Mapping[str, Any], ...], ...] = ()
    """Dimensions over which `simcost optimize` varies the plans: each a list of partial plans, which are merged over a
    plan, or `{path: scaling.replicas, values: [1, 2, 3]}`, or `{path: scaling.replicas, from: 1, to: 6}`, or
    offers of the catalog by patterns, each with its accelerator: `{offers: "aws/*", regions: "eu-*", accelerators: l4}`
    (`regions` and `accelerators` are optional)."""
    sweep: PlanSweep | None = None
    """Values and ranges of fields over which `simcost sweep` runs the plans."""

    def __post_init__(self) -> None:
        months = (self.horizon or 0.5) / MEAN_MONTH_S
        if self.starts is None or not months.is_integer():
            return
        with suppress(ValueError):  # a date that is none is a fault of its own
            start = datetime.fromisoformat(self.starts)
            object.__setattr__(self, "horizon", (months_after(start, int(months)) - start).total_seconds())

    def closed_workload(self) -> ClosedWorkload | None:
        """The closed loop of clients; None = requests come when they do."""
        return next((one for one in self.workload if isinstance(one, ClosedWorkload)), None)

    def open_workloads(self) -> tuple[RecordedWorkload | Synthetic, ...]:
        """The streams whose requests come when they do."""
        return tuple(one for one in self.workload if not isinstance(one, ClosedWorkload))

    def tenant_slos(self) -> dict[str, Slo]:
        """Targets of each tenant, in the order of their numbers; empty where requests have none."""
        streams = self.demand.requests if self.demand is not None else ()
        names = (*tenants(self.open_workloads()), *stream_tenants(streams))
        own = {tenant.name: tenant.slo for tenant in self.tenants if tenant.slo is not None}
        return {name: own.get(name, self.slo) for name in names}

    def loosest_slo(self) -> Slo:
        """Least that a plan must keep to meet the SLO: of several tenants the loosest limits, the lowest attainment."""
        slos = tuple(self.tenant_slos().values()) or (self.slo,)
        return replace(
            self.slo,
            ttft=_loosest(slo.ttft for slo in slos),
            tpot=_loosest(slo.tpot for slo in slos),
            e2e=_loosest(slo.e2e for slo in slos),
            attainment=min(slo.attainment for slo in slos),
        )

    def tenant_rates(self) -> tuple[RateLimits | None, ...]:
        """Rate limits of each tenant, in the order of their numbers; empty where none has any."""
        own = {tenant.name: tenant.limits for tenant in self.tenants if tenant.limits is not None}
        return tuple(own.get(name) for name in self.tenant_slos()) if own else ()

    def tenant_weights(self) -> tuple[float, ...]:
        """Weight of each tenant, in the order of their numbers."""
        own = {tenant.name: tenant.weight for tenant in self.tenants}
        return tuple(own.get(name, 1.0) for name in self.tenant_slos())

    def model_of(self, plan: Plan) -> str | None:
        """Name of the model that a plan serves; None where it serves none."""
        return plan.model or self.model


def _loosest(limits: Iterable[float | None]) -> float | None:
    """The largest limit; None where one has none."""
    given = list(limits)
    return None if None in given else max(filter(None, given))
