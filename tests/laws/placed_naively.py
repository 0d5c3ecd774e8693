"""Placement in plain Python, one second after the other: slow, and written from the rules alone."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

FREE = 1000
UNKNOWN = 1 << 50


@dataclass
class Node:
    left: list[int]
    cpu: float
    memory: float
    kind: int

    @property
    def free(self) -> int:
        return self.left.count(FREE)


@dataclass(frozen=True)
class Member:
    cpu: int
    gpus: int
    milli: int
    kinds: frozenset[int]
    memory: int

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Which of equally frequent shapes comes first."""
        return (self.gpus, self.milli, self.cpu, sum(1 << kind for kind in self.kinds))

    def fits(self, node: Node) -> bool:
        if node.cpu < self.cpu or node.memory < self.memory:
            return False
        if self.gpus and node.kind not in self.kinds:
            return False
        return sum(one >= self.milli for one in node.left) >= self.gpus


def cut(job: dict[str, Any], nodes: list[Node]) -> list[Member]:
    """As many whole nodes as the gang fills, and the rest."""
    width = max((len(n.left) for n in nodes if n.kind in job["kinds"]), default=0)
    gpus, sizes = job["gpus"], []
    while width and gpus > width:
        sizes.append(width)
        gpus -= width
    sizes.append(gpus)
    total = job["gpus"]
    return [
        Member(
            math.ceil(job["cpu"] * size / total) if total else job["cpu"],
            size,
            job["milli"] if size else FREE,
            frozenset(job["kinds"]),
            math.ceil(job["memory"] * size / total) if total else job["memory"],
        )
        for size in sizes
    ]


def typical(jobs: list[dict[str, Any]], nodes: list[Node]) -> list[tuple[float, Member]]:
    """Shares of the most frequent shapes, those that cover 95 % of the members."""
    count = Counter(Member(m.cpu, m.gpus, m.milli, m.kinds, 0) for job in jobs for m in cut(job, nodes))
    kept: list[tuple[Member, int]] = []
    for one in sorted(count.items(), key=lambda one: (-one[1], one[0].order)):
        if sum(n for _, n in kept) < 0.95 * count.total():
            kept.append(one)
    whole = sum(n for _, n in kept)
    return [(n / whole, member) for member, n in kept]


def fragmentation(node: Node, members: list[tuple[float, Member]]) -> float:
    lost = 0.0
    for share, member in members:
        usable = [one for one in node.left if one >= member.milli]
        if member.gpus and member.fits(node):
            lost += share * (sum(node.left) - sum(usable))
        else:
            lost += share * sum(node.left)
    return lost


def with_member(node: Node, member: Member, gpus: list[int]) -> Node:
    left = [one - member.milli if i in gpus else one for i, one in enumerate(node.left)]
    return Node(left, node.cpu - member.cpu, node.memory - member.memory, node.kind)


def choices(node: Node, member: Member, kind: str) -> list[list[int]]:
    """The sets of GPUs that may be given, best first but for FGD."""
    room = [i for i, one in enumerate(node.left) if one >= member.milli]
    if member.gpus == 1 and member.milli < FREE:
        if kind != "fgd":
            room.sort(key=lambda i: -node.left[i] if kind == "spread" else node.left[i])
        return [[i] for i in room]
    return [room[: member.gpus]]


@dataclass
class Pool:
    """Nodes in order of name, and what they were at first."""

    nodes: list[Node]
    kind: str
    typical: list[tuple[float, Member]]
    largest: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        known = [n.cpu for n in self.nodes if n.cpu < UNKNOWN]
        self.largest = (max(known, default=math.inf), max(sum(n.left) for n in self.nodes))

    def place(self, job: dict[str, Any]) -> list[tuple[int, list[int], Member]] | None:
        """All members or none."""
        members = cut(job, self.nodes)
        before, given = list(self.nodes), []
        for member in members:
            rest = self.kind == "consolidate" and member.gpus < members[0].gpus
            found = self.best(member, "spread" if rest else self.kind)
            if found is None:
                self.nodes = before
                return None
            i, gpus = found
            self.nodes[i] = with_member(self.nodes[i], member, gpus)
            given.append((i, gpus, member))
        return given

    def release(self, given: list[tuple[int, list[int], Member]]) -> None:
        for i, gpus, m in given:
            back = Member(-m.cpu, m.gpus, -m.milli, m.kinds, -m.memory)
            self.nodes[i] = with_member(self.nodes[i], back, gpus)

    def best(self, member: Member, kind: str) -> tuple[int, list[int]] | None:
        """Node and GPUs of a member: the first of the best."""
        found = [
            (self.value(node, member, gpus, kind), -i, gpus)
            for i, node in enumerate(self.nodes)
            if member.fits(node)
            for gpus in choices(node, member, kind)[: None if kind == "fgd" else 1]
        ]
        if not found:
            return None
        top = max(found, key=lambda one: one[:2])
        return -top[1], top[2]

    def value(self, node: Node, member: Member, gpus: list[int], kind: str) -> float:
        after = with_member(node, member, gpus)
        if kind == "fgd":
            shrunk = fragmentation(node, self.typical) - fragmentation(after, self.typical)
            return int(100 / (1 + math.exp(-(shrunk + 1e-6) / 1000)))
        if kind == "best-fit":
            cpu, gpu = after.cpu / self.largest[0], sum(after.left) / self.largest[1]
            return int(100 * (1 - 0.5 * cpu - 0.5 * gpu))
        return sum(node.left) * (1 if kind == "spread" else -1)


def replay(
    jobs: list[dict[str, Any]], nodes: list[Node], kind: str, key: str, *, strict: bool
) -> tuple[list[int], list[list[tuple[int, int]]], dict[str, float]]:
    """Second by second: starts (-1 = never fits), node and GPU bits of the members, and sums over time."""
    fit = [Pool(list(nodes), "spread", []).place(job) is not None for job in jobs]
    pool = Pool(list(nodes), kind, typical([j for j, ok in zip(jobs, fit, strict=True) if ok], nodes))
    start, lay, running = [-1] * len(jobs), [[] for _ in jobs], {}
    sums, now = {"idle": 0.0, "blocked": 0.0, "fragmented": 0.0}, 0
    while any(ok and start[i] < 0 for i, ok in enumerate(fit)) or running:
        for i in [i for i in running if start[i] + jobs[i]["duration"] == now]:
            pool.release(running.pop(i))
        waiting = [i for i, job in enumerate(jobs) if fit[i] and start[i] < 0 and job["submit"] <= now]
        for i in sorted(waiting, key=lambda i: (jobs[i].get(key, 0), jobs[i]["submit"], i)):
            given = pool.place(jobs[i])
            if given is not None:
                start[i], running[i] = now, given
                lay[i] = [(node, sum(1 << gpu for gpu in gpus)) for node, gpus, _ in given]
            elif strict:
                break
        if running or any(ok and start[i] < 0 for i, ok in enumerate(fit)):
            idle = sum(sum(node.left) for node in pool.nodes)
            sums["idle"] += idle
            sums["blocked"] += idle * any(start[i] < 0 for i in waiting)
            sums["fragmented"] += sum(fragmentation(node, pool.typical) for node in pool.nodes)
            now += 1
    return start, lay, sums | {"end": now}
