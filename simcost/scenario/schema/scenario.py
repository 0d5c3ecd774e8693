"""The scenario file as classes: this module is its schema."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import StringConstraints

from simcost.billing import Buy, OnDemand, Spot
from simcost.perf import ReplicaSpec
from simcost.plan import Admission, Batching, LeastOutstanding, Router, Startup
from simcost.plan.drain import Drain
from simcost.plan.interruptions import Interruptions
from simcost.plan.metrics import Metrics
from simcost.plan.nodes import AtOnce, Nodes
from simcost.plan.retries import Retries
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.scaling import FromManifest, PlanScaling
from simcost.scenario.schema.training import JobLog, Training
from simcost.slo import Slo
from simcost.trace.workload.spec import Recorded, Synthetic
from simcost.units import ByKind, PositiveCount, PositiveSeconds

Workload = Annotated[Recorded | Synthetic, ByKind()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One alternative: what serves the requests and how it scales, what runs the jobs, how it is bought."""

    name: Annotated[str, MinLen(1)]
    """As tables and charts show it."""
    buy: Buy
    """What the nodes are and how they are paid."""
    or_buy: tuple[Annotated[OnDemand | Spot, ByKind("on-demand")], ...] = ()
    """Further kinds of nodes with the same accelerator that may be ordered, larger, smaller, or on spot; `nodes` says
    which is taken. With spot among them, `interruptions.spot` concerns the spot nodes alone."""
    replica: ReplicaSpec | None = None
    """One copy of the model: accelerators, precision, memory. Required with requests."""
    scaling: Annotated[PlanScaling, ByKind()] | None = None
    """How many replicas there are, and when; `{from: hpa.yaml}` takes a manifest. Required with requests."""
    metrics: Metrics | None = None
    """What its controller sees of the replicas. None = a scrape each 15 s under an HPA, KEDA or WVA, 10 s under Ray
    Serve, a minute under AWS, 5 s under Dynamo; exact and fresh otherwise."""
    batching: Batching = field(default_factory=Batching)
    """How the engine fills its steps."""
    router: Annotated[Router | FromManifest, ByKind()] = field(default_factory=LeastOutstanding)
    """Which replica gets the next request; `{from: epp.yaml}` takes the endpoint picker of llm-d."""
    admission: Admission = field(default_factory=Admission)
    """How many requests wait and where, for how long, and what becomes of those whose replica goes."""
    retries: Retries | None = None
    """What clients do when a request fails. None = they give up at once."""
    startup: Startup = field(default_factory=Startup)
    """How long a cold start takes."""
    drain: Drain = field(default_factory=Drain)
    """Which replicas go first, and how long they may take."""
    nodes: Annotated[Nodes | FromManifest, ByKind()] = field(default_factory=AtOnce)
    """When nodes are ordered and given back; `{from: nodepool.yaml}` takes that of Karpenter."""
    interruptions: Interruptions | None = None
    """What takes nodes and replicas away: spot, failures, outages."""
    response_bytes_per_token: Annotated[float, Ge(0)] = 250.0
    """Bytes sent to the client per output token; a streamed chunk with its JSON is 200-300 bytes."""
    training: Annotated[Training, ByKind()] | None = None
    """What the jobs run on, and in which order. Required with jobs."""
    training_buy: Buy | None = None
    """How the nodes of a cluster of the jobs' own are paid; None = as `buy`, and then both are one account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One question: requests to serve, or jobs to run, or both; a target; and the plans to compare."""

    scenario: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    """Name; also that of the results folder."""
    question: str = ""
    """What you want to know, for the reader of the report."""
    model: str | None = None
    """Name of a model in the catalog, for all plans. Required with requests."""
    workload: tuple[Workload, ...] = ()
    """One stream of requests, or a list of several that share the pool."""
    demand: Demand | None = None
    """Requests that are forecast, instead of a workload."""
    jobs: JobLog | None = None
    """Training jobs, by themselves or beside the requests."""
    slo: Slo
    """What requests and jobs must experience."""
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
    catalog: str | None = None
    """Folder with your own fact files, relative to this file."""
