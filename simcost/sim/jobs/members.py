"""Jobs cut into members: how many nodes a job lies on, and what it asks for on each."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simcost.sim.jobs import cluster as at
from simcost.sim.jobs.cluster import MILLI, NEVER, NOWHERE, Cluster, Ints, Queue, Shapes, Work
from simcost.trace.jobs.jobs import Jobs

TYPICAL = 0.95
"""The most frequent shapes that cover this share of the members stand for all of them (FGD)."""
Shape = tuple[int, int, int, int]
"""CPU milli, GPUs, milli of each GPU, bits of the GPU types accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gangs:
    """What the jobs of a pool ask for; jobs that ask for the same are one request."""

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
        found = np.zeros(len(rows), at.MEMBER)
        found["shape"], found["memory"], found["node"] = self.shape[rows], self.memory[rows], NOWHERE
        return found

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


def gangs(jobs: Jobs, c: Cluster, node_types: tuple[str, ...]) -> Gangs:
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


def _widest(c: Cluster, bits: int) -> int:
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
    table = np.zeros(len(asked.shapes), at.SHAPE)
    for i, (cpu, gpus, milli, kinds) in enumerate(asked.shapes):
        table[i] = (cpu, gpus, milli, kinds, 0.0, 0)
    count = np.bincount(asked.shape[asked.members[1]], minlength=len(table))
    order = np.lexsort((table["kinds"], table["cpu"], table["milli"], table["gpus"], -count))
    covered = np.cumsum(count[order])
    typical = order[: int(np.searchsorted(covered, TYPICAL * count.sum())) + 1]
    table["share"][typical] = count[typical] / max(1, count[typical].sum())
    return Shapes(table, np.full((len(table) if scored else 0, nodes), NOWHERE, np.int8))


def work_of(asked: Gangs, jobs: Jobs, rank: Ints, *, strict: bool) -> Work:
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
    table = np.zeros(len(jobs), at.JOB)
    table["submit"], table["duration"] = jobs.submit_s, jobs.duration_s
    table["need"] = jobs.gpus * jobs.gpu_milli
    table["rank"], table["line"], table["start"] = rank, line, NEVER
    table["first"], table["last"] = first[:-1], first[1:]
    return Work(table, asked.records(rows), by_rank, np.cumsum(in_line) - in_line, np.zeros(4))


def queue_of(work: Work) -> Queue:
    """Nobody waits."""
    jobs, lines = len(work.jobs), len(work.line_start)
    size, blocked = np.zeros(lines, np.int64), np.full(lines, NOWHERE, np.int64)
    return Queue(np.empty(jobs, np.int64), size, blocked, np.empty(jobs, np.int64))
