"""Cluster state for placement, as arrays: free capacity of nodes, shapes and members of jobs, and their outcomes.

GPUs are counted in thousandths ("milli"). A job is one member per node it lies on: as many whole nodes as its gang
fills, and the remainder.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from simcost.errors import TraceError
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.nodes import NodeTable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CONSOLIDATE, SPREAD, RANDOM, BEST_FIT, FGD, COUNT = range(6)
MILLI = 1000
ANYWHERE: Any = np.int64(-1)
TAKE: Any = np.int64(-1)
GIVE: Any = np.int64(1)
"""Not literals: functions would be compiled for each."""
NOWHERE = -1
NEVER = -1
LEAVE, STAY = False, True
IDLE, IDLE_BLOCKED, FRAGMENTED, LAST = range(4)


def _record(**fields: type) -> np.dtype[np.void]:
    return np.dtype(list(fields.items()))


NODE = _record(
    free=np.int64,
    most=np.int64,
    total=np.int64,
    gpus=np.int64,
    cpu=np.int64,
    memory=np.int64,
    kind=np.int64,
    group=np.int64,
    rack=np.int64,
    fragmented=np.float64,
    changed=np.int64,
    fails=np.int64,
    back=np.int64,
)
"""Free GPUs; most left on one GPU, and over all; GPUs it has; CPU and memory left; one bit: the type of
its GPUs; NVLink domain and rack; its F, milli; when it last changed, by the clock;
when it fails next and when it is repaired."""
SHAPE = _record(cpu=np.int64, gpus=np.int64, milli=np.int64, kinds=np.int64, share=np.float64, seen=np.int64)
"""CPU, GPUs, milli of each, bits of the types accepted; share of the members of the trace, 0 where not typical (the
typical add up to 1); when FGD last scored it, by the clock."""
JOB = _record(
    submit=np.int64,
    duration=np.int64,
    need=np.int64,
    rank=np.int64,
    line=np.int64,
    first=np.int64,
    last=np.int64,
    start=np.int64,
)
"""Submission and duration; GPU milli in all; place in the order of the scheduler, if all were waiting; line: jobs of
one fit or do not fit alike, one line for all if the first that does not fit stops it; first member, and one past the
last; start, NEVER until then."""
MEMBER = _record(shape=np.int64, memory=np.int64, node=np.int64, gpus=np.int64)
"""Shape and memory asked for; where it lies: node, and one bit per GPU of it."""


class FreeNodes(NamedTuple):
    """Free capacity of each node, in order of name. Records, as many arrays are slow to compile for."""

    left: Ints
    """By node and GPU, milli; 0 where a node has no such GPU."""
    nodes: Any
    """One record NODE each."""
    clock: Ints
    largest: Floats
    """CPU and GPU milli of the largest node; infinite where no node knows its CPU."""
    free_in: Ints
    """Scratch: milli free in each NVLink domain."""
    free_rack: Ints
    """Scratch: milli free in each rack."""
    rack_of: Ints
    """The rack of each domain."""
    chance: Floats
    """Uniform numbers, by clock; for random placement."""


class Shapes(NamedTuple):
    """Kinds of members, without their memory."""

    table: Any
    """One record SHAPE each."""
    score: npt.NDArray[np.int8]
    """By shape and node, as FGD last saw it; NOWHERE = does not fit. Without rows if not FGD."""


class JobArrays(NamedTuple):
    """Jobs of a pool in order of submission, their members, and their outcomes."""

    jobs: Any
    """One record JOB each."""
    members: Any
    """One record MEMBER each."""
    by_rank: Ints
    """The job at each place in the order of the scheduler."""
    line_start: Ints
    """Start of the heap of each line."""
    totals: Floats
    """GPU-milli-seconds idle, idle while a job waits, fragmented; and the last event, s."""


class Placed(Protocol):
    """Job values that placement reads and writes: `need`, `first` and `last` of each, and their members."""

    @property
    def jobs(self) -> Any:
        """Records."""

    @property
    def members(self) -> Any:
        """Records MEMBER."""


class QueueArrays(NamedTuple):
    """Space for the queue and the running jobs."""

    waiting: Ints
    """One heap of ranks per line."""
    size: Ints
    """Of each heap."""
    blocked: Ints
    """Head of each line that did not fit since the last release; NOWHERE = not known."""
    ends: Ints
    """Heap of the running jobs: end x number of jobs + row."""


_UNLIMITED = 1 << 50
_MOST_GPUS, _MOST_TYPES = 62, 62
_CHANCES = 1 << 16


def cluster(
    nodes: NodeTable, rows: Ints, domains: Ints | None, racks: Ints | None, rng: np.random.Generator
) -> FreeNodes:
    """An empty pool of some of the nodes, in order of name.

    Args:
        nodes: of the whole cluster.
        rows: those of the pool, in order of name.
        domains: NVLink domain of each node of the cluster; None = the racks are.
        racks: rack of each node of the cluster; None = one.
        rng: for random placement.

    Raises:
        TraceError: a node of more GPUs, or more types of GPU, than bits in a word.
    """
    gpus = nodes.gpus[rows]
    if gpus.max() > _MOST_GPUS:
        name = nodes.names[rows[int(gpus.argmax())]]
        raise TraceError(f"node {name} has {gpus.max()} GPUs; placement supports nodes of at most {_MOST_GPUS}")
    if len(nodes.gpu_types) > _MOST_TYPES:
        raise TraceError(f"nodes of {len(nodes.gpu_types)} types of GPU; placement knows at most {_MOST_TYPES}")
    known = nodes.cpu_milli[rows]
    found = np.zeros(len(rows), NODE)
    found["cpu"] = np.where(known > 0, known, _UNLIMITED)
    found["memory"] = np.where(nodes.memory_mib[rows] > 0, nodes.memory_mib[rows], _UNLIMITED)
    found["kind"] = np.int64(1) << nodes.gpu_type[rows]
    found["free"], found["gpus"], found["total"] = gpus, gpus, gpus * MILLI
    none = np.zeros(len(rows), np.int64)
    rack = none if racks is None else racks[rows]
    pairs = np.stack([rack, rack if domains is None else domains[rows]])
    of_domain, found["group"] = np.unique(pairs, axis=1, return_inverse=True)
    names, rack_of = np.unique(of_domain[0], return_inverse=True)
    found["rack"] = rack_of[found["group"]]
    return FreeNodes(
        left=np.where(np.arange(gpus.max())[None, :] < gpus[:, None], MILLI, 0),
        nodes=found,
        clock=np.ones(1, np.int64),
        largest=np.array([known.max() if known.any() else np.inf, max(1, int(gpus.max())) * MILLI], np.float64),
        free_in=np.zeros(len(rack_of), np.int64),
        free_rack=np.zeros(len(names), np.int64),
        rack_of=rack_of.astype(np.int64),
        chance=rng.random(_CHANCES),
    )


def by_pool(nodes: NodeTable) -> dict[str, Ints]:
    """Rows of the nodes of each pool, in order of name."""
    order = np.argsort(np.array(nodes.names, dtype=object), kind="stable")
    return {name: order[nodes.pool[order] == i] for i, name in enumerate(nodes.pools)}


TYPICAL = 0.95
"""The most frequent shapes that cover this share of the members stand for all of them (FGD)."""
Shape = tuple[int, int, int, int]
"""CPU milli, GPUs, milli of each GPU, bits of the GPU types accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gangs:
    """Requests of the jobs of a pool; jobs that ask for the same are one request."""

    request: Ints
    """Of each job."""
    first: Ints
    """First member of each request, and one past the last."""
    shape: Ints
    """Of each member: index into `shapes`."""
    memory: Ints
    """Of each member, MiB."""
    shapes: list[Shape]

    def records(self, rows: Ints) -> Any:
        """Members as compiled code reads and writes them, from rows here."""
        result = np.zeros(len(rows), MEMBER)
        result["shape"], result["memory"], result["node"] = self.shape[rows], self.memory[rows], NOWHERE
        return result

    def of(self, rows: Ints) -> "Gangs":
        """The same for some of the jobs."""
        return replace(self, request=self.request[rows])

    @property
    def members(self) -> tuple[Ints, Ints]:
        """First member of each job, and one past the last; and the row here of each such member."""
        count = np.diff(self.first)[self.request]
        first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        rows = np.arange(first[-1]) - np.repeat(first[:-1] - self.first[self.request], count)
        return first, rows


def gangs(jobs: Jobs, c: FreeNodes, node_types: tuple[str, ...]) -> Gangs:
    """Cut each job into as many whole nodes (the widest that it accepts) as its GPUs fill, and the remainder.

    CPU and memory are shared out by GPUs, rounded up.
    """
    asked = np.stack([jobs.gpus, jobs.gpu_milli, jobs.cpu_milli, jobs.memory_mib, jobs.gpu_type], axis=1)
    requests, request = np.unique(asked, axis=0, return_inverse=True)
    kinds = [_bits(accepted, node_types) for accepted in jobs.gpu_types]
    width = [_widest(c, bits) for bits in kinds]
    shapes: dict[Shape, int] = {}
    first, shape, memory = [0], [], []
    for gpus, milli, cpu, mib, accepted in requests.tolist():
        for part in _parts(gpus, width[accepted]):
            one = (_shared(cpu, part, gpus), part, milli if part else MILLI, kinds[accepted])
            shape.append(shapes.setdefault(one, len(shapes)))
            memory.append(_shared(mib, part, gpus))
        first.append(len(shape))
    return Gangs(
        request=request.reshape(-1).astype(np.int64),
        first=np.array(first, np.int64),
        shape=np.array(shape, np.int64),
        memory=np.array(memory, np.int64),
        shapes=list(shapes),
    )


def _bits(accepted: str, node_types: tuple[str, ...]) -> int:
    """The types accepted; all of them where the nodes say none."""
    if not any(node_types):
        return (1 << len(node_types)) - 1
    names = accepted.split("|")
    return sum(1 << i for i, name in enumerate(node_types) if not accepted or name in names)


def _widest(c: FreeNodes, bits: int) -> int:
    """GPUs of the widest node of a type accepted; 0 = none."""
    return int((c.nodes["free"] * ((c.nodes["kind"] & bits) > 0)).max())


def _parts(gpus: int, width: int) -> list[int]:
    whole, rest = divmod(gpus, width) if width else (0, gpus)
    return [width] * whole + [rest] * (rest > 0 or gpus == 0)


def _shared(amount: int, part: int, gpus: int) -> int:
    return -(-amount * part // gpus) if gpus else amount


def shapes_of(asked: Gangs, nodes: int, *, scored: bool) -> Shapes:
    """The shapes as arrays, with the share of the typical ones among the members. Of equally frequent shapes
    the smaller come first.

    Args:
        asked: the jobs whose members are counted.
        nodes: of the pool.
        scored: whether FGD's scores are kept.
    """
    table = np.zeros(len(asked.shapes), SHAPE)
    for i, (cpu, gpus, milli, kinds) in enumerate(asked.shapes):
        table[i] = (cpu, gpus, milli, kinds, 0.0, 0)
    count = np.bincount(asked.shape[asked.members[1]], minlength=len(table))
    order = np.lexsort((table["kinds"], table["cpu"], table["milli"], table["gpus"], -count))
    covered = np.cumsum(count[order])
    typical = order[: int(np.searchsorted(covered, TYPICAL * count.sum())) + 1]
    table["share"][typical] = count[typical] / max(1, int(count[typical].sum()))
    return Shapes(table, np.full((len(table) if scored else 0, nodes), NOWHERE, np.int8))


def work_of(asked: Gangs, jobs: Jobs, rank: Ints, *, strict: bool) -> JobArrays:
    """The jobs as compiled code reads them.

    Args:
        asked: what they ask for.
        jobs: the jobs.
        rank: place of each job in the order of the scheduler.
        strict: whether the first job that does not fit stops the line.
    """
    line = np.zeros(len(jobs), np.int64) if strict else np.unique(asked.request, return_inverse=True)[1]
    in_line = np.bincount(line)
    by_rank = np.empty(len(jobs), np.int64)
    by_rank[rank] = np.arange(len(jobs))
    first, rows = asked.members
    table = np.zeros(len(jobs), JOB)
    table["submit"], table["duration"] = jobs.submit_s, jobs.duration_s
    table["need"] = jobs.gpus * jobs.gpu_milli
    table["rank"], table["line"], table["start"] = rank, line, NEVER
    table["first"], table["last"] = first[:-1], first[1:]
    return JobArrays(table, asked.records(rows), by_rank, np.cumsum(in_line) - in_line, np.zeros(4))


def queue_of(work: JobArrays) -> QueueArrays:
    """No job waits."""
    jobs, lines = len(work.jobs), len(work.line_start)
    size, blocked = np.zeros(lines, np.int64), np.full(lines, NOWHERE, np.int64)
    return QueueArrays(np.empty(jobs, np.int64), size, blocked, np.empty(jobs, np.int64))
