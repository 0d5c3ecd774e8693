"""Jobs on the nodes of one pool, compiled: who goes where, event by event.

Members of a job are placed one after the other; if one finds no node, those before it are taken back. The cache on
disk watches this file alone, so all compiled code of placement is in it; the constants of `nodes` are compiled in,
so touch this file after changing them.
"""

import math
from collections.abc import Callable
from typing import TypeVar

from numba import njit

from simcost.sim.jobs import nodes as at
from simcost.sim.jobs.nodes import Cluster, Floats, Ints, Queue, Shapes, Work

F = TypeVar("F", bound=Callable[..., object])


def _compile(**options: bool) -> Callable[[F], F]:
    """No function here allocates, so reference counting (`_nrt`) is off."""
    decorate: Callable[[F], F] = njit(nogil=True, error_model="numpy", _nrt=False, **options)
    return decorate


compiled = _compile()
entry = _compile(cache=True)


@compiled
def fragmentation(left: Ints, cpu: int, kind: int, shapes: Shapes) -> float:
    """GPU-milli of a node that a typical member could not use, on average (Weng et al. 2023, section 3)."""
    total = 0
    for i in range(len(left)):
        total += left[i]
    if total == 0:
        return 0.0
    lost = 0.0
    for m in range(len(shapes.table)):
        if shapes.table[m].share == 0.0:
            continue
        unusable = total
        if shapes.table[m].gpus and shapes.table[m].kinds & kind and cpu >= shapes.table[m].cpu:
            enough, small = 0, 0
            for i in range(len(left)):
                if left[i] >= shapes.table[m].milli:
                    enough += 1
                else:
                    small += left[i]
            if enough >= shapes.table[m].gpus:
                unusable = small
        lost += shapes.table[m].share * unusable
    return lost


@compiled
def touch(c: Cluster, shapes: Shapes, node: int) -> None:
    """Bring the sums of a changed node up to date."""
    free, most, total = 0, 0, 0
    for one in c.left[node]:
        free += one == at.MILLI
        most = max(most, one)
        total += one
    c.nodes[node].free, c.nodes[node].most, c.nodes[node].total = free, most, total
    c.nodes[node].fragmented = fragmentation(c.left[node], c.nodes[node].cpu, c.nodes[node].kind, shapes)
    c.clock[0] += 1
    c.nodes[node].changed = c.clock[0]


@compiled
def renew(c: Cluster, shapes: Shapes) -> tuple[int, float]:
    """Bring all nodes up to date: milli of GPUs left, and those of them that are fragmented."""
    left, fragmented = 0, 0.0
    for node in range(len(c.nodes)):
        touch(c, shapes, node)
        left += c.nodes[node].total
        fragmented += c.nodes[node].fragmented
    return left, fragmented


@compiled
def fits(c: Cluster, shapes: Shapes, s: int, node: int) -> bool:
    """Whether the node has the CPU and the GPUs of a shape."""
    if c.nodes[node].cpu < shapes.table[s].cpu or (
        shapes.table[s].gpus and not c.nodes[node].kind & shapes.table[s].kinds
    ):
        return False
    if shapes.table[s].milli < at.MILLI:
        return bool(c.nodes[node].most >= shapes.table[s].milli)
    return bool(c.nodes[node].free >= shapes.table[s].gpus)


@compiled
def quantised(shrunk: float) -> int:
    """FGD's score, 0 to 100, of a change of F by -shrunk milli; whole numbers, so that many nodes tie.

    A millionth is added: sums that differ in their last bits, as on other machines, then score the same.
    """
    return int(100.0 / (1.0 + math.exp(-(shrunk + 1e-6) / 1000.0)))


@compiled
def score_shared(c: Cluster, shapes: Shapes, s: int, node: int) -> tuple[int, int]:
    """FGD's score of a part of a GPU, and the first GPU that has it."""
    left, best, chosen = c.left[node], at.NOWHERE, 0
    for i in range(len(left)):
        if left[i] >= shapes.table[s].milli:
            left[i] -= shapes.table[s].milli
            after = fragmentation(left, c.nodes[node].cpu - shapes.table[s].cpu, c.nodes[node].kind, shapes)
            left[i] += shapes.table[s].milli
            score = quantised(c.nodes[node].fragmented - after)
            if score > best:
                best, chosen = score, i
    return best, chosen


@compiled
def first_free(c: Cluster, shapes: Shapes, s: int, node: int) -> int:
    """The first free GPUs of a node, one bit each."""
    left, missing, bits = c.left[node], shapes.table[s].gpus, 0
    for i in range(len(left)):
        if missing and left[i] == at.MILLI:
            bits |= 1 << i
            missing -= 1
    return bits


@compiled
def score(c: Cluster, shapes: Shapes, s: int, node: int) -> int:
    """FGD's score of a shape on a node; NOWHERE = does not fit."""
    if not fits(c, shapes, s, node):
        return at.NOWHERE
    if shapes.table[s].milli < at.MILLI:
        return score_shared(c, shapes, s, node)[0]
    left, bits = c.left[node], first_free(c, shapes, s, node)
    for i in range(len(left)):
        left[i] -= at.MILLI * (bits >> i & 1)
    after = fragmentation(left, c.nodes[node].cpu - shapes.table[s].cpu, c.nodes[node].kind, shapes)
    for i in range(len(left)):
        left[i] += at.MILLI * (bits >> i & 1)
    return quantised(c.nodes[node].fragmented - after)


@compiled
def rescore(c: Cluster, shapes: Shapes, s: int) -> None:
    """Score again the nodes that changed since the shape was last seen."""
    for node in range(len(c.nodes)):
        if c.nodes[node].changed > shapes.table[s].seen:
            shapes.score[s, node] = score(c, shapes, s, node)
    shapes.table[s].seen = c.clock[0]


@compiled
def worth(c: Cluster, shapes: Shapes, s: int, node: int, policy: int) -> int:
    """Larger = better: the node that a policy prefers."""
    if policy == at.FGD:
        return int(shapes.score[s, node])
    if policy == at.BEST_FIT:
        cpu = (c.nodes[node].cpu - shapes.table[s].cpu) / c.largest[0]
        gpu = (c.nodes[node].total - shapes.table[s].gpus * shapes.table[s].milli) / c.largest[1]
        return int(100.0 * (1.0 - 0.5 * cpu - 0.5 * gpu))
    return int(-c.nodes[node].total if policy == at.CONSOLIDATE else c.nodes[node].total)


@compiled
def has_room(c: Cluster, shapes: Shapes, s: int, memory: int, policy: int, only: int, node: int) -> bool:
    """Whether a member may go to the node."""
    if (only != at.ANYWHERE and c.nodes[node].group != only) or c.nodes[node].memory < memory:
        return False
    return shapes.score[s, node] >= 0 if policy == at.FGD else fits(c, shapes, s, node)


@compiled
def draw(c: Cluster, which: int, count: int) -> int:
    """A number from 0 to count - 1, the `which`-th of this state of the pool."""
    return int(c.chance[(c.clock[0] * 8 + which) % len(c.chance)] * count)


@compiled
def choose(c: Cluster, shapes: Shapes, s: int, memory: int, policy: int, only: int) -> int:
    """The node for a member, in one group or ANYWHERE; NOWHERE = none has room. Ties: the first by name."""
    if policy == at.FGD:
        rescore(c, shapes, s)
    chosen, best, found = at.NOWHERE, 0, 0
    for node in range(len(c.nodes)):
        if has_room(c, shapes, s, memory, policy, only, node):
            value = worth(c, shapes, s, node, policy)
            if found == 0 or value > best:
                chosen, best = node, value
            found += 1
    if policy == at.RANDOM and found:
        skip = draw(c, 0, found)
        for node in range(len(c.nodes)):
            if has_room(c, shapes, s, memory, policy, only, node):
                if skip == 0:
                    return node
                skip -= 1
    return chosen


@compiled
def pick(c: Cluster, shapes: Shapes, s: int, node: int, policy: int) -> int:
    """The GPUs of the node, one bit each: the first free ones; for a part of one, the fullest with room (spread:
    the emptiest; random: any; FGD: by score).
    """
    if not shapes.table[s].gpus or shapes.table[s].milli == at.MILLI:
        return first_free(c, shapes, s, node)
    if policy == at.FGD:
        return 1 << score_shared(c, shapes, s, node)[1]
    left, chosen, found = c.left[node], at.NOWHERE, 0
    for i in range(len(left)):
        if left[i] >= shapes.table[s].milli:
            better = left[i] > left[chosen] if policy == at.SPREAD else left[i] < left[chosen]
            found += 1
            if policy == at.RANDOM:
                # The k-th with room replaces the one before it with probability 1/k.
                better = draw(c, found, found) == 0
            if chosen == at.NOWHERE or better:
                chosen = i
    return 1 << chosen


@compiled
def move(c: Cluster, shapes: Shapes, s: int, memory: int, node: int, bits: int, sign: int) -> float:
    """Give a member its room (sign -1) or take it back (+1); by how much F grew, milli."""
    before = c.nodes[node].fragmented
    for i in range(c.left.shape[1]):
        if bits >> i & 1:
            c.left[node, i] += sign * shapes.table[s].milli
    c.nodes[node].cpu += sign * shapes.table[s].cpu
    c.nodes[node].memory += sign * memory
    touch(c, shapes, node)
    return float(c.nodes[node].fragmented - before)


@compiled
def release(c: Cluster, shapes: Shapes, work: Work, first: int, last: int) -> float:
    """Take back the room of members; by how much F grew."""
    grown = 0.0
    for m in range(first, last):
        one = work.members[m]
        grown += move(c, shapes, one.shape, one.memory, one.node, one.gpus, at.GIVE)
    return grown


@compiled
def attempt(c: Cluster, shapes: Shapes, work: Work, job: int, policy: int, only: int) -> tuple[bool, float]:
    """All members of the job, or none; and by how much F grew."""
    first, last = work.jobs[job].first, work.jobs[job].last
    grown = 0.0
    for m in range(first, last):
        one = work.members[m]
        # What is left over from whole nodes goes where most is free (Helios).
        rest = policy == at.CONSOLIDATE and m > first and one.shape != work.members[first].shape
        node = choose(c, shapes, one.shape, one.memory, at.SPREAD if rest else policy, only)
        if node == at.NOWHERE:
            release(c, shapes, work, first, m)
            return False, 0.0
        one.node, one.gpus = node, pick(c, shapes, one.shape, node, policy)
        grown += move(c, shapes, one.shape, one.memory, node, one.gpus, at.TAKE)
    return True, grown


@compiled
def place(c: Cluster, shapes: Shapes, work: Work, job: int, policy: int) -> tuple[bool, float]:
    """Place a job; one of several nodes within a group if one has room, the group with least free first."""
    need = work.jobs[job].need
    c.free_in[:] = at.NOWHERE
    if len(c.free_in) > 1 and work.jobs[job].last - work.jobs[job].first > 1:
        c.free_in[:] = 0
        for node in range(len(c.nodes)):
            c.free_in[c.nodes[node].group] += c.nodes[node].total
    while True:
        only = at.ANYWHERE
        for one in range(len(c.free_in)):
            if c.free_in[one] >= need and (only == at.ANYWHERE or c.free_in[one] < c.free_in[only]):
                only = one
        placed, grown = attempt(c, shapes, work, job, policy, only)
        if placed or only == at.ANYWHERE:
            return placed, grown
        c.free_in[only] = at.NOWHERE


@compiled
def push(heap: Ints, size: int, value: int) -> None:
    """Into a binary heap of `size` values, least on top."""
    i = size
    while i and heap[(i - 1) >> 1] > value:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = value


@compiled
def pop(heap: Ints, size: int) -> int:
    """The least of a binary heap of `size` values."""
    top, value, i = heap[0], heap[size - 1], 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value
    return int(top)


@compiled
def settle(totals: Floats, idle: int, waiting: int, fragmented: float, since: int, now: int) -> None:
    """Add the time since the last event to the totals."""
    lasted = float(now - since)
    totals[at.IDLE] += idle * lasted
    totals[at.FRAGMENTED] += fragmented * lasted
    if waiting:
        totals[at.IDLE_BLOCKED] += idle * lasted


@compiled
def next_in_line(work: Work, waiting: Ints, size: Ints, blocked: Ints) -> int:
    """The line whose head comes first of those not known to be blocked; NOWHERE = none."""
    best, rank = at.NOWHERE, 0
    for line in range(len(size)):
        if size[line]:
            head = waiting[work.line_start[line]]
            if head != blocked[line] and (best == at.NOWHERE or head < rank):
                best, rank = line, head
    return best


@entry
def replay(c: Cluster, shapes: Shapes, work: Work, policy: int, queue: Queue) -> None:
    """Run the jobs of a pool to their end; each of them must fit on the empty pool.

    At one instant all completions release, then all arrivals join, then one pass over the queue is made. A job
    that did not fit is not tried again before the next release.
    """
    n, waiting, size, blocked, ends = len(work.jobs), queue.waiting, queue.size, queue.blocked, queue.ends
    running, arrived, queued, now = 0, 0, 0, 0
    idle, fragmented = renew(c, shapes)
    while arrived < n or running:
        later = ends[0] // n if running else work.jobs[arrived].submit
        if arrived < n:
            later = min(later, work.jobs[arrived].submit)
        settle(work.totals, idle, queued, fragmented, now, later)
        now = later
        while running and ends[0] // n == now:
            job = pop(ends, running) % n
            running -= 1
            fragmented += release(c, shapes, work, work.jobs[job].first, work.jobs[job].last)
            idle += work.jobs[job].need
            blocked[:] = at.NOWHERE
        while arrived < n and work.jobs[arrived].submit == now:
            line = work.jobs[arrived].line
            push(waiting[work.line_start[line] :], size[line], work.jobs[arrived].rank)
            size[line] += 1
            arrived += 1
            queued += 1
        line = next_in_line(work, waiting, size, blocked)
        while line != at.NOWHERE:
            heap = waiting[work.line_start[line] :]
            job, placed, grown = work.by_rank[heap[0]], False, 0.0
            if work.jobs[job].need <= idle:
                placed, grown = place(c, shapes, work, job, policy)
            if placed:
                pop(heap, size[line])
                size[line] -= 1
                queued -= 1
                work.jobs[job].start = now
                push(ends, running, (now + work.jobs[job].duration) * n + job)
                running += 1
                fragmented += grown
                idle -= work.jobs[job].need
            else:
                blocked[line] = heap[0]
            line = next_in_line(work, waiting, size, blocked)
    work.totals[at.LAST] = now


@entry
def fill(c: Cluster, shapes: Shapes, work: Work, policy: int, stay: bool, after: Floats) -> None:
    """Place jobs one after the other, those that do not fit are dropped: their start is 0 where placed.

    `after` becomes the fragmented milli after each job. Jobs stay for ever, or leave before the next one.
    """
    fragmented = renew(c, shapes)[1]
    for job in range(len(work.jobs)):
        placed, grown = place(c, shapes, work, job, policy)
        if placed:
            work.jobs[job].start = 0
            fragmented += grown
            if not stay:
                fragmented += release(c, shapes, work, work.jobs[job].first, work.jobs[job].last)
        after[job] = fragmented
