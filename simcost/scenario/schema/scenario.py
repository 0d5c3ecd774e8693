"""Schema of the scenario file: this module defines its classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import StringConstraints

from simcost.billing import Buy, OnDemand, Spot
from simcost.forecast.events.schema import Event
from simcost.forecast.names import GrowthMode, ModelName
from simcost.perf import ReplicaSpec
from simcost.perf.quality import QualityTarget, StatedQuality
from simcost.plan import Admission, Batching, LeastOutstanding, Router, Startup
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.interruptions import Interruptions
from simcost.plan.nodes import AtOnce, Nodes
from simcost.plan.rate_limits import RateLimits
from simcost.plan.scheduling import Consolidate, EstimateError, FifoSkip, Placement, Scheduler
from simcost.plan.serving import Drain, Metrics, PrefixCaching, Retries
from simcost.scenario.schema.disaggregation import Disaggregation
from simcost.scenario.schema.scaling import FromManifest, PlanScaling
from simcost.scenario.schema.sweep import PlanSweep
from simcost.scenario.schema.tenants import TenantTerms
from simcost.slo import Slo
from simcost.trace.workload.closed import ClosedWorkload
from simcost.trace.workload.spec import RecordedWorkload, Stream, Synthetic, stream_tenants, tenants
from simcost.units import ByKind, Count, PositiveCount, PositiveSeconds, Seconds, Share, Usd, UsdPerH


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLog:
    """Training jobs that were recorded: the same for every plan. Second 0 is the submission of the first job kept."""

    path: str
    """A job log, or a trace that `simcost trace import --jobs-log` stored, relative to the scenario file and inside its
    folder."""
    format: str = "auto"
    """Of the log, as `simcost trace import` has them; auto = by its columns."""
    map: Mapping[str, str] = field(default_factory=dict)
    """Columns of the log that have other names: `{gpus: n_gpu}`."""
    pool: str | None = None
    """Only the jobs of this pool (virtual cluster, queue, partition)."""
    since: str | None = None
    """Only jobs submitted from this ISO time on."""
    window: PositiveSeconds | None = None
    """And at most this long after the first of them."""
    timezone: str = "UTC"
    """Of times of the log that say none."""
    limit_error: Annotated[float, Ge(0), Le(1e6)] = 0.0
    """Time limits that the log lacks are duration x (1 + this)."""
    limits: EstimateError | None = None
    """Draws all time limits again, in each replication; None = those of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnGpus:
    """A cluster of so many GPUs, all alike; jobs take any that are free."""

    kind: Literal["gpus"] = "gpus"
    gpus: PositiveCount
    """A multiple of those of a node."""
    scheduler: Annotated[Scheduler, ByKind()] = field(default_factory=FifoSkip)
    """Order in which jobs get GPUs."""
    checkpoints: Checkpoints | None = None
    """Checkpoints of jobs, as they would be beside requests or on spot; None = they take no time."""
    failures: ClusterFailures | None = None
    """Failures of nodes and jobs, sampled again in each replication; None = nothing fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnNodes:
    """The nodes of a list; each gang lies whole on nodes of its pool."""

    kind: Literal["nodes"] = "nodes"
    nodes: str
    """CSV or Parquet with `node,gpus[,pool,...]`, relative to the scenario file and inside its folder."""
    divide: PositiveCount = 1
    """Only this part of the nodes of each pool."""
    scheduler: Annotated[Scheduler, ByKind()] = field(default_factory=FifoSkip)
    """Order in which jobs get GPUs."""
    placement: Annotated[Placement, ByKind()] = field(default_factory=Consolidate)
    """On which nodes; `count` = on any free GPUs of the pool."""
    checkpoints: Checkpoints | None = None
    """Checkpoints of jobs; None = they take no time."""
    failures: ClusterFailures | None = None
    """Failures of nodes and jobs, sampled again in each replication; None = nothing fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotNodes:
    """Nodes that come and go as a recorded availability says, and are held and paid while they are there."""

    nodes: PositiveCount
    """Held while the trace is at its most; below it, the same share of them, rounded down."""
    availability: str
    """CSV or Parquet of `timestamp,available`, or of runs, relative to the scenario file and inside its folder. Past
    its end it starts again; each replication begins at another time of it."""
    trace: str | None = None
    """Name of the trace in the file; None = its only one."""
    offer: str
    """Offer of a spot node: `provider/sku` of the catalog."""
    region: str | None = None
    """None = the only region the catalog has for the offer."""
    price: UsdPerH | None = None
    """Per node and hour, all the time; None = that in effect by `prices`, else the one that the catalog observed."""
    prices: str | None = None
    """Prices in effect, per node and hour, as CSV or Parquet of `timestamp,price_usd_h`, or of runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSpot:
    """Steady GPUs, none or some, and spot nodes in addition.

    Jobs queue first in, first out, and those that do not fit are passed over. Where spot nodes go, the jobs that
    began last stop until the others fit, lose their work since the last checkpoint, and keep their place.
    """

    kind: Literal["spot"] = "spot"
    gpus: Count = 0
    """Steady GPUs, a multiple of those of a node of the plan's `buy`."""
    spot: SpotNodes
    """The spot nodes in addition."""
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    """Checkpoints of jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnShared:
    """One fleet for requests and jobs. Requests have the right of way: jobs use the GPUs that the replicas do not hold.

    A new replica takes its GPUs from jobs: those that began last stop at once, until the others fit, lose their work
    since the last checkpoint, and keep their place. The queue is first in, first out; jobs that do not fit are passed
    over.
    """

    kind: Literal["shared"] = "shared"
    gpus: PositiveCount
    """Of the whole fleet, a multiple of those of a node, and at least what requests may ever hold."""
    handover: Seconds = 30.0
    """From stopping jobs to the GPUs being free for a replica: in place of `startup.node` and `startup.image`, since
    the node is there and has the image."""
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    """Checkpoints of jobs."""


Training = OnGpus | OnNodes | OnSpot | OnShared


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Horizon of a forecast, and its options."""

    horizon: PositiveSeconds
    """Length of the run, which begins where the history ends."""
    paths: Annotated[PositiveCount, Ge(2), Le(10_000)] = 200
    """Futures drawn; `seeds` of them are simulated, chosen so that they stand for all."""
    freq: str | None = None
    """Step of the forecast, such as `1h`; None = that of the history, of a trace an hour."""
    model: ModelName = "auto"
    """Forecasting model; auto = the combination, unless a backtest says otherwise."""
    growth: GrowthMode | None = None
    """Growth in the forecast: measured on the history, none, or as events state it in its place; None = stated where
    an event states growth, else measured."""
    width: Annotated[float, Gt(0), Le(10)] = 1.0
    """Widens (above 1) or narrows the futures around their middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Requests that are forecast: a history, user events, and the streams of requests.

    Every plan meets the same futures, one per replication. Costs and service levels are then distributions,
    and a plan meets the SLO when all but a share `risk` of the futures meet it.
    """

    history: str
    """A stored trace, or a series of request counts (CSV or Parquet with `timestamp,value` or
    `series,timestamp,value`), relative to the scenario file and inside its folder."""
    forecast: Ahead
    """Horizon of a forecast, and its options."""
    series: str | None = None
    """Name of the series in the history's file; None = its only one."""
    scale: Annotated[float, Gt(0), Le(1e6)] = 1.0
    """Multiplies the history, e.g. to give a public pattern the level of your own service."""
    timezone: str = "UTC"
    """Time zone of your users: hours of the day and weekdays are those of its clock, daylight saving included."""
    events: tuple[Annotated[Event, ByKind()], ...] = ()
    """Known events of the future: growth, launches, holidays, promotions, migrations, changes of length."""
    hours: str | None = None
    """Of a history in steps of a day: a stored trace, or a series in steps of an hour or less, relative to the scenario
    file and inside its folder. Each day to come takes the hours of one of its days, of the same weekday. Or give
    `daily`."""
    daily: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(24), MaxLen(24)] | None = None
    """Of a history in steps of a day: relative rate in each of the 24 hours, the same on all days."""
    requests: tuple[Stream, ...] = ()
    """Requests as streams: one, or a mix of clients; none = blocks of requests of the history, a trace."""
    risk: Share = 0.1
    """Share of the futures that may miss the SLO."""
    budget: Usd | None = None
    """Money for a month; the result gives the chance to exceed it."""

    def __post_init__(self) -> None:
        if self.hours is not None and self.daily is not None:
            raise ValueError("hours and daily both say what the day looks like; leave out one of them")
        if self.daily is not None and not any(self.daily):
            raise ValueError("daily is zero throughout; give at least one positive number")


Workload = Annotated[RecordedWorkload | Synthetic | ClosedWorkload, ByKind()]


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """A model behind an API, paid per token, that answers the requests which would be rejected."""

    api: str
    """`provider/model` of the catalog's token prices."""
    ttft: PositiveSeconds
    """Time of the API to the first token, from when the request is sent on."""
    tpot: PositiveSeconds
    """Time of the API per further token."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """Quality as you measured it; None = as published in the catalog."""
    or_buy: tuple[Annotated[OnDemand | Spot, ByKind("on-demand")], ...] = ()
    """Further kinds of nodes with the same accelerator that may be ordered, larger, smaller, or on spot; `nodes` says
    which is taken. With spot among them, `interruptions.spot` concerns the spot nodes alone."""
    replica: ReplicaSpec | None = None
    """One copy of the model: accelerators, precision, memory. Required with requests."""
    scaling: Annotated[PlanScaling, ByKind()] | None = None
    """Number of replicas over time; `{from: hpa.yaml}` takes a manifest. Required with requests."""
    metrics: Metrics | None = None
    """Metrics of the replicas, as the controller sees them. None = a scrape each 15 s under an HPA, KEDA or WVA, 10 s
    under Ray Serve, a minute under AWS, 5 s under Dynamo; exact and fresh otherwise.
    """
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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """Date and time of time 0, as `2026-07-20T00:00:00Z`, for autoscalers that follow a calendar."""
    horizon: PositiveSeconds | None = None
    """Length of the run; None = the span of the workload, or the horizon of the forecast; of jobs alone, until the
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
    catalog: str | None = None
    """Folder with your own fact files, relative to this file."""
    vary: tuple[Mapping[str, Any] | tuple[Mapping[str, Any], ...], ...] = ()
    """Dimensions over which `simcost optimize` varies the plans: each a list of partial plans, which are merged over a
    plan, or `{path: scaling.replicas, values: [1, 2, 3]}`, or `{path: scaling.replicas, from: 1, to: 6}`."""
    sweep: PlanSweep | None = None
    """Values and ranges of fields over which `simcost sweep` runs the plans."""

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
        own = {one.name: one.slo for one in self.tenants if one.slo is not None}
        return {name: own.get(name, self.slo) for name in names}

    def tenant_rates(self) -> tuple[RateLimits | None, ...]:
        """Rate limits of each tenant, in the order of their numbers; empty where none has any."""
        own = {one.name: one.limits for one in self.tenants if one.limits is not None}
        return tuple(own.get(name) for name in self.tenant_slos()) if own else ()

    def tenant_weights(self) -> tuple[float, ...]:
        """Weight of each tenant, in the order of their numbers."""
        own = {one.name: one.weight for one in self.tenants}
        return tuple(own.get(name, 1.0) for name in self.tenant_slos())

    def model_of(self, plan: Plan) -> str | None:
        """Name of the model that a plan serves; None where it serves none."""
        return plan.model or self.model
