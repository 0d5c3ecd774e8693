"""Job scheduling: order of the queue, and placement of gangs on nodes. Each policy is its schema and documentation.

At one instant all completions release, then all arrivals join the queue in trace order, then one pass over the queue is
made. Keys compare as (key, submit, row). Costs and savings of each policy: docs/guides/jobs.md.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MinLen

from simcost.record import record
from simcost.units import PositiveSeconds, Seconds

Discipline = Literal["strict", "skip", "easy", "conservative", "fair", "remaining", "priority", "quotas", "elastic"]
"""The compiled pass over the queue: what it does when a job does not fit, and whom it preempts."""
Rank = Literal["submit", "duration", "service", "deadline", "priority"]
"""Order of the queue where it never changes; ties by submit, then by row."""


@record
class FifoStrict:
    """First in, first out; the first job that does not fit stops the line. No job starves."""

    kind: Literal["fifo-strict"] = "fifo-strict"
    discipline: ClassVar[Discipline] = "strict"
    ranks_by: ClassVar[Rank] = "submit"


@record
class FifoSkip:
    """First in, first out; jobs that do not fit are passed over. So do Kubernetes and Volcano: wide jobs may starve."""

    kind: Literal["fifo-skip"] = "fifo-skip"
    discipline: ClassVar[Discipline] = "skip"
    ranks_by: ClassVar[Rank] = "submit"


Known = Literal["duration", "limit", "user", "pool", "user-gpus", "pool-gpus"]


@record
class Shortest:
    """Knowledge of the duration of a job, for the policies that let short jobs go first."""

    by: Known = "duration"
    """The true duration; the limit its user gives; or the mean of the last jobs that had ended in the log when it
    was submitted: those of its user or its pool, of any width or of its own."""
    last: Annotated[int, Ge(1)] = 10
    """Of how many jobs that mean is. A job without a history goes first."""
    sigma: Annotated[float, Ge(0), Le(5)] = 0.0
    """Error of what is known: it is multiplied by e^(sigma z), z standard normal."""


@record
class SjfStrict(Shortest):
    """Shortest job first; the first job that does not fit stops the line."""

    kind: Literal["sjf-strict"] = "sjf-strict"
    discipline: ClassVar[Discipline] = "strict"
    ranks_by: ClassVar[Rank] = "duration"


@record
class SjfSkip(Shortest):
    """Shortest job first; jobs that do not fit are passed over."""

    kind: Literal["sjf-skip"] = "sjf-skip"
    discipline: ClassVar[Discipline] = "skip"
    ranks_by: ClassVar[Rank] = "duration"


@record
class SsfStrict(Shortest):
    """Smallest duration x GPUs first; the first job that does not fit stops the line."""

    kind: Literal["ssf-strict"] = "ssf-strict"
    discipline: ClassVar[Discipline] = "strict"
    ranks_by: ClassVar[Rank] = "service"


@record
class SsfSkip(Shortest):
    """Smallest duration x GPUs first; jobs that do not fit are passed over."""

    kind: Literal["ssf-skip"] = "ssf-skip"
    discipline: ClassVar[Discipline] = "skip"
    ranks_by: ClassVar[Rank] = "service"


@record
class EasyBackfill:
    """FIFO, and later jobs may start if they do not delay the reservation of the first. Goes by the limits of the
    users.
    """

    kind: Literal["easy-backfill"] = "easy-backfill"
    discipline: ClassVar[Discipline] = "easy"
    ranks_by: ClassVar[Rank] = "submit"
    shadow_ties: Literal["prefix", "all"] = "prefix"
    """Releases at the shadow instant that count as free for the extra: `prefix` leaves out those that come later in
    (limit end, row).
    """


@record
class PriorityBackfill:
    """By priority, then by submission; while the head is blocked, later jobs may start if they do not delay its
    reservation, by the limits of the users. Stops no job: Slurm's `sched/backfill` in the order of the priorities of
    the log, with one reservation.
    """

    kind: Literal["priority-backfill"] = "priority-backfill"
    discipline: ClassVar[Discipline] = "easy"
    ranks_by: ClassVar[Rank] = "priority"


@record
class ConservativeBackfill:
    """Every waiting job holds a reservation, by the limits of the users; no job is ever delayed beyond it."""

    kind: Literal["conservative-backfill"] = "conservative-backfill"
    discipline: ClassVar[Discipline] = "conservative"
    ranks_by: ClassVar[Rank] = "submit"


@record
class Srtf:
    """Shortest remaining time first, preemptive: at each arrival and completion the jobs with the least left hold
    the GPUs.
    """

    kind: Literal["srtf"] = "srtf"
    discipline: ClassVar[Discipline] = "remaining"
    ranks_by: ClassVar[Rank] = "submit"
    overhead: bool = True
    """A preempted job has 7 s (1 GPU), 30 s (2 to 8) or 60 s (more) to do again."""
    helios_extra_second: bool = False
    """Jobs end a second later after each placement, as in the simulator of Helios."""


@record
class Las:
    """Least attained service, preemptive, as Tiresias has it: several queues by the GPU-seconds that jobs have got,
    first in, first out within a queue; jobs of a lower queue run on what the higher leave.
    """

    kind: Literal["las"] = "las"
    discipline: ClassVar[Discipline] = "remaining"
    ranks_by: ClassVar[Rank] = "submit"
    thresholds: Annotated[tuple[Annotated[float, Gt(0), Le(1e12)], ...], MinLen(1)] = (
        3250.0,
        7200.0,
        18000.0,
    )
    """GPU-seconds at which a job falls into the next queue, rising."""
    overhead: bool = True
    """As for `srtf`."""


@record
class PriorityPreemptive:
    """By priority; a job that does not fit stops the line, unless preempting jobs of lower priority makes room: the
    least urgent, latest started ones, no more than needed.
    """

    kind: Literal["priority-preemptive"] = "priority-preemptive"
    discipline: ClassVar[Discipline] = "priority"
    ranks_by: ClassVar[Rank] = "priority"
    checkpoint_interval: PositiveSeconds = 3600.0
    """Work between two checkpoints of a stay on the GPUs; work since the last is lost. Writing them costs no time."""
    restart: Seconds = 60.0
    """Time to start again after a preemption."""


@record
class FairShare:
    """Priority by Slurm's multifactor plugin: age, fair share, size and priority. The sum is weight_age * min(age /
    max_age, 1) + weight_fair * 2^(-U / S) + weight_size * size + weight_priority * priority; highest first, jobs that
    do not fit are passed over. U is the user's part of the decayed GPU-seconds of the pool, S the user's share, size
    GPUs / GPUs of the pool, priority that of the job / the largest of all. Within accounts U is the effective usage of
    Slurm's classic fair share.
    """

    kind: Literal["fair-share"] = "fair-share"
    discipline: ClassVar[Discipline] = "fair"
    ranks_by: ClassVar[Rank] = "submit"
    half_life: PositiveSeconds = 604800.0
    """Of past usage."""
    max_age: PositiveSeconds = 604800.0
    """Age at which waiting counts in full."""
    weight_age: Annotated[float, Ge(0)] = 1000.0
    """Of the age of a job."""
    weight_fair: Annotated[float, Ge(0)] = 10000.0
    """Of how little its user had of late."""
    weight_size: Annotated[float, Ge(0)] = 0.0
    """Of the size of a job."""
    weight_priority: Annotated[float, Ge(0)] = 0.0
    """Of the priority of a job."""
    shares: Mapping[str, Annotated[float, Gt(0)]] = field(default_factory=dict)
    """Shares among siblings, by path of accounts and users: `physics: 3`, `physics/alice: 2`. Users that stand at
    the end of no path are right below the root, with 1."""


@record
class Quota:
    """Quota of a queue: its share of the GPUs of its cohort."""

    nominal: Annotated[int, Ge(0), Le(10_000_000)]
    """GPUs that are its own."""
    borrowing_limit: Annotated[int, Ge(0)] | None = None
    """GPUs it may borrow at most; None = whatever others leave."""
    lending_limit: Annotated[int, Ge(0)] | None = None
    """Own GPUs that others may borrow at most; None = all."""


@record
class Quotas:
    """Queues with quotas that lend each other what they do not use, as Kueue's cohorts: who waits and fits into the
    quota of the own queue takes GPUs back from queues that borrow. A job wider than its queue's quota borrows what is
    idle and stops no job, unless `borrow` lets it.
    """

    kind: Literal["quotas"] = "quotas"
    discipline: ClassVar[Discipline] = "quotas"
    ranks_by: ClassVar[Rank] = "priority"
    queues: Mapping[str, Quota] = field(default_factory=dict)
    """By name: the pools of the jobs."""
    strict: bool = False
    """True if the first job of a queue that cannot start stops its queue (StrictFIFO; else BestEffortFIFO)."""
    reclaim: Literal["never", "lower-priority", "any"] = "any"
    """Jobs of borrowing queues that may be preempted (reclaimWithinCohort)."""
    within: Literal["never", "lower-priority", "lower-or-newer-equal-priority"] = "never"
    """Jobs of the own queue that may be preempted (withinClusterQueue)."""
    borrow: Literal["never", "lower-priority"] = "never"
    """Jobs of borrowing queues that may be preempted so that the own queue borrows (borrowWithinCohort)."""
    borrow_threshold: int | None = None
    """Those up to this priority alone (maxPriorityThreshold); None = all of lower priority."""
    checkpoint_interval: PositiveSeconds = 3600.0
    """As for `priority-preemptive`."""
    restart: Seconds = 60.0
    """Time to start again after a preemption."""

    def misfit(self, gpus: int) -> str:
        """Sentence on quotas that add up to another number of GPUs than the cluster has; empty where they do not.

        >>> Quotas(queues={"a": Quota(nominal=4), "b": Quota(nominal=8)}).misfit(16)
        'The quotas add up to 12 of the 16 GPUs: the others are never used.'
        """
        total = sum(quota.nominal for quota in self.queues.values())
        if total < gpus:
            return f"The quotas add up to {total:,} of the {gpus:,} GPUs: the others are never used."
        if total > gpus:
            return f"The quotas add up to {total:,} GPUs and the cluster has {gpus:,}: no queue is sure of its own."
        return ""


@record
class DeadlineAware:
    """Earliest deadline first, jobs without one last; jobs that do not fit are passed over."""

    kind: Literal["deadline"] = "deadline"
    discipline: ClassVar[Discipline] = "skip"
    ranks_by: ClassVar[Rank] = "deadline"


@record
class Elastic:
    """Jobs run on min to max GPUs: they start with their least in FIFO order, the first that does not fit stops the
    line; further GPUs go one by one to who gains most throughput.
    """

    kind: Literal["elastic"] = "elastic"
    discipline: ClassVar[Discipline] = "elastic"
    ranks_by: ClassVar[Rank] = "submit"
    scaling: Annotated[float, Gt(0), Le(1)] = 0.9
    """Throughput of n GPUs is n^scaling."""
    interval: PositiveSeconds = 60.0
    """Between reallocations."""
    pause: Seconds = 30.0
    """Lost at each change of a job's size."""


@record
class EstimateError:
    """Error of the users' limits: limit = duration x (1 + error) x e^(sigma z), z standard normal; never below the
    duration, since jobs are not killed at their limit.
    """

    error: Annotated[float, Ge(0)] = 0.0
    """Margin that users add to the duration, as a share of it."""
    sigma: Annotated[float, Ge(0), Le(5)] = 0.0
    """Spread of the logarithm around that."""


Rigid = (
    FifoStrict
    | FifoSkip
    | SjfStrict
    | SjfSkip
    | SsfStrict
    | SsfSkip
    | EasyBackfill
    | PriorityBackfill
    | ConservativeBackfill
    | Srtf
    | Las
    | PriorityPreemptive
    | FairShare
    | Quotas
    | DeadlineAware
)
"""Those whose jobs keep their size: they work on nodes too."""
Scheduler = Rigid | Elastic


@record
class Count:
    """Any free GPUs of the pool: no nodes."""

    kind: Literal["count"] = "count"


@record
class Consolidate:
    """On as few nodes as possible: within a node the fullest that still has room; wider jobs take whole nodes."""

    kind: Literal["consolidate"] = "consolidate"


@record
class Spread:
    """On the emptiest nodes."""

    kind: Literal["spread"] = "spread"


@record
class Random:
    """Uniformly over the nodes that have room."""

    kind: Literal["random"] = "random"


@record
class BestFit:
    """Best fit: the node with least left over, CPU and GPU weighed alike."""

    kind: Literal["best-fit"] = "best-fit"


@record
class Fgd:
    """Node whose fragmentation grows least (fragmentation gradient descent; Weng et al., USENIX ATC 2023)."""

    kind: Literal["fgd"] = "fgd"


@record
class Topology:
    """As `consolidate`, but a gang of several nodes lies within one NVLink domain where one has room, the one with
    the least left; else within one rack, across as few domains as can be; else across as few racks. The list of nodes
    says the domain and the rack of each.
    """

    kind: Literal["topology"] = "topology"


OnNodes = Consolidate | Spread | Random | BestFit | Fgd | Topology
"""Those that look at nodes."""
Placement = Count | OnNodes
