"""Jobs of a scenario: the log that they are recorded in, and the clusters that a plan may run them on."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le

from simcost.billing import Buy, OnDemand, Spot
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.scheduling import Consolidate, EstimateError, FifoSkip, Placement, Scheduler
from simcost.record import record
from simcost.units import ByKind, Count, PositiveCount, PositiveSeconds, Seconds, UsdPerH

DiskGb = Annotated[float, Ge(0)]


@record
class JobLog:
    """Training jobs that were recorded: the same for every plan. Second 0 is the submission of the first job kept;
    beside requests with `since` it is that hour, so that jobs keep their hours of the day.
    """

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
    """Only jobs submitted from this ISO time on. Beside requests, which begin then too, take a midnight."""
    window: PositiveSeconds | None = None
    """And at most this long after the first of them."""
    timezone: str = "UTC"
    """Of times that say none: those of the log, and `since`."""
    limit_error: Annotated[float, Ge(0), Le(1e6)] = 0.0
    """Time limits that the log lacks are duration x (1 + this)."""
    limits: EstimateError | None = None
    """Draws all time limits again, in each replication; None = those of the log."""


@record
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
    disk: DiskGb = 200.0
    """GB of disk kept per node (image, data, checkpoints), paid as that of nodes that serve."""


@record
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
    disk: DiskGb = 200.0
    """GB of disk kept per node (image, data, checkpoints), paid as that of nodes that serve."""


@record
class SpotNodes:
    """Nodes that come and go as a recorded availability says, and are held and paid while they are there."""

    nodes: PositiveCount
    """Held as far as the trace has so many. Of more than it ever has, the same share as it has of its most, rounded
    down."""
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
    """Per node and hour, all the time; None = that in effect by `prices`, or by a column of the availability, else the
    one that the catalog observed."""
    prices: str | None = None
    """Prices in effect, per node and hour, as CSV or Parquet of `timestamp,price_usd_h`, or of runs."""


@record
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
    disk: DiskGb = 200.0
    """GB of disk kept per node, spot or not (image, data, checkpoints), paid as that of nodes that serve."""


@record
class OnShared:
    """One fleet for requests and jobs. Requests have the right of way: jobs use the GPUs that the replicas do not hold.
    Its nodes have the disk of `startup`.

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


def storage_of_spot(buy: Buy) -> float | None:
    """Price of a GB-month on spot nodes: as on steady nodes where those are of a cloud too; None = the catalog's."""
    return buy.storage if isinstance(buy, OnDemand | Spot) else None
