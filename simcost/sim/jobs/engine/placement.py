"""Placement of gangs on the nodes of one pool, compiled.

Members of a job are placed one after the other; if one finds no node, those before it are taken back.
"""

import math

from simcost.sim.compiled import lean, lean_entry
from simcost.sim.jobs import cluster
from simcost.sim.jobs.cluster import Floats, FreeNodes, Ints, Placed, Shapes


@lean
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


@lean
def touch(c: FreeNodes, shapes: Shapes, node: int) -> None:
    """Bring the sums of a changed node up to date."""
    free, most, total = 0, 0, 0
    for one in c.left[node]:
        free += one == cluster.MILLI
        most = max(most, one)
        total += one
    c.nodes[node].free, c.nodes[node].most, c.nodes[node].total = free, most, total
    c.nodes[node].fragmented = fragmentation(c.left[node], c.nodes[node].cpu, c.nodes[node].kind, shapes)
    c.clock[0] += 1
    c.nodes[node].changed = c.clock[0]


@lean_entry
def renew(c: FreeNodes, shapes: Shapes) -> tuple[int, float]:
    """Bring all nodes up to date: milli of GPUs left, and those of them that are fragmented."""
    left, fragmented = 0, 0.0
    for node in range(len(c.nodes)):
        touch(c, shapes, node)
        left += c.nodes[node].total
        fragmented += c.nodes[node].fragmented
    return left, fragmented


@lean
def fits(c: FreeNodes, shapes: Shapes, s: int, node: int) -> bool:
    """True if the node has the CPU and the GPUs of a shape."""
    if c.nodes[node].cpu < shapes.table[s].cpu or (
        shapes.table[s].gpus and not c.nodes[node].kind & shapes.table[s].kinds
    ):
        return False
    if shapes.table[s].milli < cluster.MILLI:
        return bool(c.nodes[node].most >= shapes.table[s].milli)
    return bool(c.nodes[node].free >= shapes.table[s].gpus)


@lean
def quantised(shrunk: float) -> int:
    """FGD's score, 0 to 100, of a change of F by -shrunk milli; whole numbers, so that many nodes tie.

    A millionth is added: sums that differ in their last bits, as on other machines, then score the same.
    """
    return int(100.0 / (1.0 + math.exp(-(shrunk + 1e-6) / 1000.0)))


@lean
def score_shared(c: FreeNodes, shapes: Shapes, s: int, node: int) -> tuple[int, int]:
    """FGD's score of a part of a GPU, and the first GPU that has it."""
    left, best, chosen = c.left[node], cluster.NOWHERE, 0
    for i in range(len(left)):
        if left[i] >= shapes.table[s].milli:
            left[i] -= shapes.table[s].milli
            after = fragmentation(left, c.nodes[node].cpu - shapes.table[s].cpu, c.nodes[node].kind, shapes)
            left[i] += shapes.table[s].milli
            score = quantised(c.nodes[node].fragmented - after)
            if score > best:
                best, chosen = score, i
    return best, chosen


@lean
def first_free(c: FreeNodes, shapes: Shapes, s: int, node: int) -> int:
    """The first free GPUs of a node, one bit each."""
    left, missing, bits = c.left[node], shapes.table[s].gpus, 0
    for i in range(len(left)):
        if missing and left[i] == cluster.MILLI:
            bits |= 1 << i
            missing -= 1
    return bits


@lean
def score(c: FreeNodes, shapes: Shapes, s: int, node: int) -> int:
    """FGD's score of a shape on a node; NOWHERE = does not fit."""
    if not fits(c, shapes, s, node):
        return cluster.NOWHERE
    if shapes.table[s].milli < cluster.MILLI:
        return score_shared(c, shapes, s, node)[0]
    left, bits = c.left[node], first_free(c, shapes, s, node)
    for i in range(len(left)):
        left[i] -= cluster.MILLI * (bits >> i & 1)
    after = fragmentation(left, c.nodes[node].cpu - shapes.table[s].cpu, c.nodes[node].kind, shapes)
    for i in range(len(left)):
        left[i] += cluster.MILLI * (bits >> i & 1)
    return quantised(c.nodes[node].fragmented - after)


@lean
def rescore(c: FreeNodes, shapes: Shapes, s: int) -> None:
    """Score again the nodes that changed since the shape was last seen."""
    for node in range(len(c.nodes)):
        if c.nodes[node].changed > shapes.table[s].seen:
            shapes.score[s, node] = score(c, shapes, s, node)
    shapes.table[s].seen = c.clock[0]


@lean
def worth(c: FreeNodes, shapes: Shapes, s: int, node: int, policy: int) -> int:
    """Larger = better: the node that a policy prefers."""
    if policy == cluster.FGD:
        return int(shapes.score[s, node])
    if policy == cluster.BEST_FIT:
        cpu = (c.nodes[node].cpu - shapes.table[s].cpu) / c.largest[0]
        gpu = (c.nodes[node].total - shapes.table[s].gpus * shapes.table[s].milli) / c.largest[1]
        return int(100.0 * (1.0 - 0.5 * cpu - 0.5 * gpu))
    return int(-c.nodes[node].total if policy == cluster.CONSOLIDATE else c.nodes[node].total)


@lean
def has_room(c: FreeNodes, shapes: Shapes, s: int, memory: int, policy: int, only: int, node: int) -> bool:
    """True if a member may go to the node."""
    if (only != cluster.ANYWHERE and c.nodes[node].group != only) or c.nodes[node].memory < memory:
        return False
    return shapes.score[s, node] >= 0 if policy == cluster.FGD else fits(c, shapes, s, node)


@lean
def draw(c: FreeNodes, which: int, count: int) -> int:
    """A number from 0 to count - 1, the `which`-th of this state of the pool."""
    return int(c.chance[(c.clock[0] * 8 + which) % len(c.chance)] * count)


@lean
def choose(c: FreeNodes, shapes: Shapes, s: int, memory: int, policy: int, only: int) -> int:
    """The node for a member, in one group or ANYWHERE; NOWHERE = none has room. Ties: the first by name."""
    if policy == cluster.FGD:
        rescore(c, shapes, s)
    chosen, best, found = cluster.NOWHERE, 0, 0
    for node in range(len(c.nodes)):
        if has_room(c, shapes, s, memory, policy, only, node):
            value = worth(c, shapes, s, node, policy)
            if found == 0 or value > best:
                chosen, best = node, value
            found += 1
    if policy == cluster.RANDOM and found:
        skip = draw(c, 0, found)
        for node in range(len(c.nodes)):
            if has_room(c, shapes, s, memory, policy, only, node):
                if skip == 0:
                    return node
                skip -= 1
    return chosen


@lean
def pick(c: FreeNodes, shapes: Shapes, s: int, node: int, policy: int) -> int:
    """The GPUs of the node, one bit each: the first free ones; for a part of one, the fullest with room (spread:
    the emptiest; random: any; FGD: by score).
    """
    if not shapes.table[s].gpus or shapes.table[s].milli == cluster.MILLI:
        return first_free(c, shapes, s, node)
    if policy == cluster.FGD:
        return 1 << score_shared(c, shapes, s, node)[1]
    left, chosen, found = c.left[node], cluster.NOWHERE, 0
    for i in range(len(left)):
        if left[i] >= shapes.table[s].milli:
            better = left[i] > left[chosen] if policy == cluster.SPREAD else left[i] < left[chosen]
            found += 1
            if policy == cluster.RANDOM:
                # The k-th with room replaces the one before it with probability 1/k.
                better = draw(c, found, found) == 0
            if chosen == cluster.NOWHERE or better:
                chosen = i
    return 1 << chosen


@lean
def move(c: FreeNodes, shapes: Shapes, s: int, memory: int, node: int, bits: int, sign: int) -> float:
    """Give a member its room (sign -1) or take it back (+1); by how much F grew, milli."""
    before = c.nodes[node].fragmented
    for i in range(c.left.shape[1]):
        if bits >> i & 1:
            c.left[node, i] += sign * shapes.table[s].milli
    c.nodes[node].cpu += sign * shapes.table[s].cpu
    c.nodes[node].memory += sign * memory
    touch(c, shapes, node)
    return float(c.nodes[node].fragmented - before)


@lean
def release(c: FreeNodes, shapes: Shapes, work: Placed, first: int, last: int) -> float:
    """Take back the room of members; by how much F grew."""
    grown = 0.0
    for m in range(first, last):
        one = work.members[m]
        grown += move(c, shapes, one.shape, one.memory, one.node, one.gpus, cluster.GIVE)
    return grown


@lean
def attempt(c: FreeNodes, shapes: Shapes, work: Placed, job: int, policy: int, only: int) -> tuple[bool, float]:
    """All members of the job, or none; and by how much F grew."""
    first, last = work.jobs[job].first, work.jobs[job].last
    grown = 0.0
    for m in range(first, last):
        one = work.members[m]
        # What is left over from whole nodes goes where most is free (Helios).
        rest = policy == cluster.CONSOLIDATE and m > first and one.shape != work.members[first].shape
        node = choose(c, shapes, one.shape, one.memory, cluster.SPREAD if rest else policy, only)
        if node == cluster.NOWHERE:
            release(c, shapes, work, first, m)
            return False, 0.0
        one.node, one.gpus = node, pick(c, shapes, one.shape, node, policy)
        grown += move(c, shapes, one.shape, one.memory, node, one.gpus, cluster.TAKE)
    return True, grown


@lean
def sum_free(c: FreeNodes) -> None:
    """Count the free capacity of each domain and rack."""
    c.free_in[:] = 0
    c.free_rack[:] = 0
    for node in range(len(c.nodes)):
        c.free_in[c.nodes[node].group] += c.nodes[node].total
        c.free_rack[c.nodes[node].rack] += c.nodes[node].total


@lean
def tightest(free: Ints, need: int, last: int) -> int:
    """Of the places with enough left, the one with the least, after the last one by (left, number); or NOWHERE."""
    result = cluster.NOWHERE
    for one in range(len(free)):
        later = last == cluster.NOWHERE or free[one] > free[last] or (free[one] == free[last] and one > last)
        if later and free[one] >= need and (result == cluster.NOWHERE or free[one] < free[result]):
            result = one
    return result


@lean
def widest_rack(c: FreeNodes, last: int) -> int:
    """The rack of the last domain if others of it are left, else the one with the most left."""
    c.free_rack[:] = cluster.NOWHERE
    for domain in range(len(c.free_in)):
        rack = c.rack_of[domain]
        if c.free_in[domain] != cluster.NOWHERE:
            c.free_rack[rack] = max(c.free_rack[rack], 0) + c.free_in[domain]
    if last != cluster.NOWHERE and c.free_rack[c.rack_of[last]] != cluster.NOWHERE:
        return int(c.rack_of[last])
    return int(c.free_rack.argmax())


@lean
def widest(c: FreeNodes, rack: int, last: int) -> int:
    """The domain of the rack with the most left, or NOWHERE; ANYWHERE: of the widest rack."""
    wanted = widest_rack(c, last) if rack == cluster.ANYWHERE else rack
    result = cluster.NOWHERE
    for domain in range(len(c.free_in)):
        mine = c.rack_of[domain] == wanted and c.free_in[domain] != cluster.NOWHERE
        if mine and (result == cluster.NOWHERE or c.free_in[domain] > c.free_in[result]):
            result = domain
    return result


@lean
def across(c: FreeNodes, shapes: Shapes, work: Placed, job: int, policy: int, rack: int) -> tuple[bool, float]:
    """All members of the job or none, filling one domain after the other, the one with the most left first."""
    first, last = work.jobs[job].first, work.jobs[job].last
    grown, m, shape = 0.0, first, work.members[first].shape
    sum_free(c)
    domain = widest(c, rack, cluster.NOWHERE)
    while m < last and domain != cluster.NOWHERE:
        one = work.members[m]
        if one.shape != shape:  # what is left over may go where a whole node was not to be had
            shape = one.shape
            sum_free(c)
        node = choose(c, shapes, one.shape, one.memory, policy, domain)
        if node == cluster.NOWHERE:
            c.free_in[domain] = cluster.NOWHERE
            domain = widest(c, rack, domain)
        else:
            one.node, one.gpus = node, pick(c, shapes, one.shape, node, policy)
            grown += move(c, shapes, one.shape, one.memory, node, one.gpus, cluster.TAKE)
            m += 1
    if m < last:
        release(c, shapes, work, first, m)
        return False, 0.0
    return True, grown


@lean
def place(c: FreeNodes, shapes: Shapes, work: Placed, job: int, policy: int) -> tuple[bool, float]:
    """Place a job, and by how much F grew. One of several nodes: within a domain if one has room, the one with least
    left first; else within a rack; else anywhere.
    """
    need = work.jobs[job].need
    if len(c.free_in) == 1 or work.jobs[job].last - work.jobs[job].first <= 1:
        return attempt(c, shapes, work, job, policy, cluster.ANYWHERE)
    sum_free(c)
    domain = tightest(c.free_in, need, cluster.NOWHERE)
    while domain != cluster.NOWHERE:
        placed, grown = attempt(c, shapes, work, job, policy, domain)
        if placed:
            return placed, grown
        domain = tightest(c.free_in, need, domain)
    rack = tightest(c.free_rack, need, cluster.NOWHERE)
    while rack != cluster.NOWHERE and len(c.free_rack) > 1:
        placed, grown = across(c, shapes, work, job, policy, rack)
        if placed:
            return placed, grown
        sum_free(c)
        rack = tightest(c.free_rack, need, rack)
    return across(c, shapes, work, job, policy, cluster.ANYWHERE)


@lean_entry
def fill(c: FreeNodes, shapes: Shapes, work: Placed, policy: int, stay: bool, after: Floats) -> None:
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
