"""The engine as the specification says it, one step at a time, in plain Python: slow and obvious.

Written from the description of the engine, not from the kernel: no heap, no closed form, no linked list.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import floor, inf
from typing import Any

import numpy as np
from support.routing_scores import Endpoints
from support.routing_scores import total as weighted_sum

from simcost.plan import Admission

MASK = 2**64 - 1


def splitmix64(x: int) -> int:
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@dataclass(eq=False)
class Request:
    number: int
    arrival: int
    prompt: int
    output: int
    generated: int = 0
    prefilled: int = 0
    first: int | None = None
    evicted: int = 0
    retries: int = 0
    session: int = -1
    priority: int = 0
    prefix: tuple[int, ...] = ()
    status: str = "in system"
    end: int | None = None
    overhead: int = 0  # of its answer, outside of the engine
    away: int = 0  # at an API, after it has left

    @property
    def context(self) -> int:
        return self.prompt + self.generated


@dataclass(frozen=True)
class Engine:
    base: tuple[int, ...]  # by the tokens of a step
    b: int
    c: int
    d: int
    e: int
    shift: int
    capacity: int
    budget: int
    max_seqs: int
    whole: bool
    timeout: int | None
    router: Any  # a policy of simcost.plan.routing; its seconds are ticks of 1 ns
    salt: int
    admission: Admission = field(default_factory=Admission)
    prefix_blocks: int = 0  # of a prompt that the router looks at
    prefix_capacity: int = 0  # that it remembers of each replica
    drafts: tuple[int, ...] = ()  # time of drafting by decoding sequences; none = no speculation
    rows: int = 1  # of each decoding sequence in a step
    rate: Fraction = Fraction(1)  # tokens of a sequence in a step, in the mean
    slots: int = 0  # of the cache that each running request keeps for drafts
    overhead: int = 0  # of each answer, outside of the engine
    weight: int = 1  # of the pool
    api: tuple[int, int] | None = None  # its time to the first token, and per further one
    step_shift: int = 0  # steps are in units of 2**-step_shift ticks


@dataclass(eq=False)
class Replica:
    engine: Engine
    queue: list[Request] = field(default_factory=list)
    decoding: list[Request] = field(default_factory=list)  # by admission
    prefilling: list[Request] = field(default_factory=list)  # by admission; all later than the decoding
    stalled: bool = False
    boundary: int | None = None  # end of the step now running; None = idle
    in_step: bool = False  # False: woken, the boundary is not the end of a step
    tokens: int = 0  # of the step now running
    sizes: list[tuple[int, int]] = field(default_factory=list)  # rows and sequences of each step that has ended
    decoding_steps: int = 0
    steps: int = 0
    peak: int = 0
    preemptions: int = 0
    busy: int = 0
    busy_since: int = 0
    joined: int = 0
    finished: int = 0
    units: int = 0  # of its steps so far, beyond the last whole tick

    def everyone(self) -> list[Request]:
        return self.decoding + self.prefilling + self.queue

    def kept(self) -> int:
        return sum(request.context for request in self.decoding + self.prefilling)

    def slots(self, more: int = 0) -> int:
        return self.kept() + self.engine.slots * (len(self.decoding) + len(self.prefilling) + more)

    def leave(self, request: Request, now: int, status: str) -> None:
        for where in (self.decoding, self.prefilling, self.queue):
            if request in where:
                where.remove(request)
        timeout, overhead = self.engine.timeout, self.engine.overhead
        self.finished += status == "completed"
        if timeout is not None and status == "completed" and now + overhead - request.arrival > timeout:
            status = "timed_out"
        request.overhead = overhead if status == "completed" else 0
        request.status, request.end = status, now

    def step_boundary(self) -> None:
        self.end_step()
        self.begin_step()

    def end_step(self) -> None:
        now, engine = self.boundary, self.engine
        assert now is not None
        if self.in_step:
            self.finish_step(now)
            self.in_step = False
        if engine.timeout is not None:
            for request in self.everyone():
                if now - request.arrival >= engine.timeout:
                    self.leave(request, now, "timed_out")

    def begin_step(self) -> None:
        now, engine = self.boundary, self.engine
        assert now is not None
        preempted = False
        while self.slots() > engine.capacity:
            victim = (self.prefilling or self.decoding)[-1]
            (self.prefilling or self.decoding).remove(victim)
            victim.prefilled = 0
            victim.evicted += 1
            self.preemptions += 1
            self.queue.insert(0, victim)
            preempted = True
        tokens, pairs = self.fill(preempted)
        decoding = [] if engine.whole and tokens else self.decoding
        self.stalled = bool(engine.whole and tokens)
        if not tokens and not decoding:
            self.boundary, self.in_step = None, False
            self.busy += now - self.busy_since
            return
        self.peak = max(self.peak, self.kept())
        kv = sum(request.context for request in decoding)
        self.tokens = tokens + engine.rows * len(decoding)
        time = engine.base[self.tokens] + engine.b * tokens + engine.c * len(decoding) + engine.d * kv
        time += engine.e * pairs >> engine.shift
        time += engine.drafts[len(decoding)] if engine.drafts else 0
        whole, self.units = divmod(self.units + time, 2**engine.step_shift)
        self.boundary, self.in_step = now + whole, True

    def finish_step(self, now: int) -> None:
        self.steps += 1
        self.sizes.append((self.tokens, 0 if self.stalled else len(self.decoding)))
        if self.decoding and not self.stalled:
            rate = self.engine.rate
            self.decoding_steps += 1
            tokens = floor(self.decoding_steps * rate) - floor((self.decoding_steps - 1) * rate)
            for request in list(self.decoding):
                request.generated = min(request.generated + tokens, request.output)
                if request.generated == request.output:
                    self.leave(request, now, "completed")
        for request in list(self.prefilling):
            if request.prefilled < request.context:
                continue
            self.prefilling.remove(request)
            request.generated += 1
            if request.first is None:
                request.first = now
            self.decoding.append(request)
            if request.generated == request.output:
                self.leave(request, now, "completed")

    def fill(self, preempted: bool) -> tuple[int, int]:
        engine = self.engine
        budget = engine.budget - (0 if engine.whole else engine.rows * len(self.decoding))
        tokens = pairs = 0

        def prefill(request: Request, chunk: int) -> None:
            nonlocal budget, tokens, pairs
            pairs += chunk * (2 * request.prefilled + chunk)
            request.prefilled += chunk
            tokens += chunk
            budget -= chunk

        for request in self.prefilling:
            prefill(request, min(request.context - request.prefilled, budget))
        while self.queue and not preempted and budget > 0:
            head = self.queue[0]
            if len(self.decoding) + len(self.prefilling) >= engine.max_seqs:
                break
            if self.slots(1) + head.context > engine.capacity:
                break
            if engine.whole and head.context > budget and tokens:
                break
            self.queue.pop(0)
            head.prefilled = 0
            self.prefilling.append(head)
            prefill(head, head.context if engine.whole else min(head.context, budget))
        return tokens, pairs

    def catch_up(self, until: int) -> None:
        while self.boundary is not None and self.boundary < until:
            self.step_boundary()

    def take(self, request: Request, now: int) -> None:
        self.queue.append(request)
        self.joined += 1
        if self.boundary is None:
            self.boundary, self.in_step, self.busy_since = now, False, now


def ticks(seconds: float) -> int:
    return round(seconds * 1e9)


@dataclass(frozen=True)
class Report:
    """What the router was last told of a replica."""

    waiting: int = 0
    running: int = 0
    kv: int = 0
    rate: float = -1.0  # requests sent to it within the window; -1 = never any
    told: bool = False


class Pool:
    """Replicas in slots behind a gateway; `ready` lists the slots that take requests, by time of readiness."""

    def __init__(self, engine: Engine, kinds: tuple[Engine, ...] = ()) -> None:
        self.engine, self.kinds = engine, kinds or (engine,)
        self.credits = [0] * len(self.kinds)
        self.replicas: list[Replica] = []
        self.gone: list[Replica] = []
        self.ready: list[int] = []
        self.gate: list[Request] = []
        self.requests: list[Request] = []
        self.turn = 0
        self.forgotten = 0  # tokens of requests that started again
        self.wake: float = inf  # when the head of the gate is tried again
        self.backed_off = 0
        self.held = 0
        self.passed = 0  # others that are deferred
        self.told_at = -1
        self.reports: dict[Replica, Report] = {}
        self.sent: list[tuple[int, Replica]] = []
        self.last: dict[int, Replica] = {}  # by session
        self.control_at = 0  # when replicas last came or went
        self.cached: dict[Replica, list[int]] = {}  # as the router believes, newest last
        self.blocks_asked = self.blocks_hit = 0
        self.overflowed: list[Request] = []
        self.refused: list[Request] = []  # rejected and lost, in the order of their ends
        self.queues: dict[Replica, tuple[int, int]] = {}  # length and when it was told, as Ray remembers them

    # --- replicas come and go ---

    def open(self, slot: int, now: int, kind: int = 0) -> None:
        while slot >= len(self.replicas):
            self.replicas.append(Replica(self.engine))
        self.gone.append(self.replicas[slot])  # whatever stood there is another replica
        self.replicas[slot] = Replica(self.kinds[kind])
        self.ready.append(slot)
        self.try_gate(now)

    def close(self, slot: int) -> None:
        self.ready.remove(slot)

    def vacate(self, slot: int, now: int, mode: str, most_retries: int) -> None:
        """The replica is gone at once, and with it the step it was in."""
        replica = self.replicas[slot]
        returned = replica.everyone()
        if replica.boundary is not None:
            replica.busy += now - replica.busy_since
        replica.decoding, replica.prefilling, replica.queue = [], [], []
        replica.boundary, replica.in_step = None, False
        for request in returned:
            request.retries += 1
            request.prefilled = 0
            if mode == "lose" or request.retries > most_retries:
                request.status, request.end = "lost", now
                self.refused.append(request)
                continue
            if mode == "retry":
                self.forgotten += request.generated
                request.generated, request.first = 0, None
            self.gate.append(request)
        self.gate.sort(key=lambda request: request.arrival)
        self.gate.sort(key=lambda request: -request.priority)
        self.try_gate(now)

    # --- the gateway ---

    def arrive(
        self,
        now: int,
        prompt: int,
        output: int,
        session: int,
        priority: int = 0,
        prefix: tuple[int, ...] = (),
    ) -> None:
        self.run_gate(now + 1)
        request = Request(len(self.requests), now, prompt, output, session=session, priority=priority, prefix=prefix)
        self.requests.append(request)
        if prompt + output > max(kind.capacity - kind.slots for kind in self.kinds):
            self.reject(request, now)
            self.turn += 1 if self.ready else 0
            return
        self.drop_late_at_gate(now)
        if not self.ready:
            self.hold(request, now)
        elif self.gate and not self.is_before_all(request):
            if self.engine.router.kind == "ray-power-of-two":
                self.wake = now
            self.hold(request, now)
            self.run_gate(now + 1)
        elif self.sheds(request, now):
            self.reject(request, now)
        elif not self.route(request, now):
            if self.refuses(request):
                self.reject(request, now)
            else:
                self.hold(request, now)

    def reject(self, request: Request, now: int) -> None:
        if self.engine.api is None:
            request.status, request.end = "rejected", now
            self.refused.append(request)
            return
        ttft, tpot = self.engine.api
        request.first, request.end, request.away = now + ttft, now, ttft + (request.output - 1) * tpot
        late = self.engine.timeout is not None and now + request.away - request.arrival > self.engine.timeout
        request.status = "timed_out" if late else "completed"
        self.overflowed.append(request)

    def refuses(self, request: Request) -> bool:
        limits = self.engine.admission.saturation
        if limits is not None and limits.then != "shed" and self.is_saturated():
            return limits.then == "reject"
        return not any(self.fits(slot, request) for slot in self.ready)

    def fits(self, slot: int, request: Request) -> bool:
        engine = self.replicas[slot].engine
        return request.prompt + request.output + engine.slots <= engine.capacity

    def hold(self, request: Request, now: int) -> None:
        most = self.engine.admission.max_queued
        if most is not None and len(self.gate) >= most:
            self.reject(request, now)
        else:
            self.gate.append(request)
            self.gate.sort(key=lambda request: -request.priority)
            self.held += 1 if self.ready else 0

    def sheds(self, request: Request, now: int) -> bool:
        limits = self.engine.admission.saturation
        if limits is None or limits.then != "shed" or request.priority >= 0:
            return False
        self.tell_if_due(now)
        return self.is_saturated()

    def is_before_all(self, request: Request) -> bool:
        """Whether it passes those at the gateway that are deferred."""
        limits = self.engine.admission.saturation
        defers = limits is not None and limits.then == "defer"
        found = defers and request.priority >= 0 and all(one.priority < request.priority for one in self.gate)
        self.passed += found
        return found

    def holds_back(self, request: Request) -> bool:
        limits = self.engine.admission.saturation
        if limits is None or limits.then == "shed" or (limits.then == "defer" and request.priority >= 0):
            return False
        return self.is_saturated()

    def try_gate(self, now: int) -> None:
        """Send what waits, first come first served, until the first that must go on waiting."""
        while self.gate and self.ready and self.route(self.gate[0], now):
            self.gate.pop(0)

    def run_gate(self, until: int) -> None:
        while self.gate and self.ready and self.wake < until:
            now = int(self.wake)
            self.drop_late_at_gate(now)
            self.try_gate(now)

    def drop_late_at_gate(self, now: int) -> None:
        timeout, longest = self.engine.timeout, self.longest_wait()
        for request in list(self.gate):
            if longest is not None and request.arrival + longest <= now:
                self.gate.remove(request)
                self.reject(request, max(request.arrival + longest, self.control_at))
            elif longest is None and timeout is not None and request.arrival + timeout <= now:
                self.gate.remove(request)
                request.status, request.end = "timed_out", request.arrival + timeout

    def longest_wait(self) -> int | None:
        """Of the gateway, where it is shorter than that of the clients."""
        most, timeout = self.engine.admission.max_wait, self.engine.timeout
        return None if most is None or ticks(most) >= (timeout or inf) else ticks(most)

    def catch_up(self, until: int) -> None:
        self.run_gate(until)
        if getattr(self.engine.router, "refresh", 0) > 0:
            self.tell_if_due(until - 1)
        for replica in self.replicas:
            replica.catch_up(until)
        self.drop_late_at_gate(until)

    # --- what the router knows ---

    def tell_if_due(self, now: int) -> None:
        """The router is told at the multiples of its refresh, at each routing if that is 0."""
        router = self.engine.router
        if not hasattr(router, "refresh") or router.kind == "ray-power-of-two":
            return
        every = ticks(router.refresh)
        at = now // every * every if every else now
        if every and at <= self.told_at:
            return
        self.told_at = at
        for replica in self.replicas:
            rate = -1.0
            if hasattr(router, "window"):
                self.sent = [(t, to) for t, to in self.sent if t > at - ticks(router.window)]
                rate = sum(to is replica for _, to in self.sent) if replica.joined else -1.0
            else:
                replica.catch_up(at)
            running = len(replica.decoding) + len(replica.prefilling)
            self.reports[replica] = Report(len(replica.queue), running, replica.kept(), rate, told=True)

    def report(self, slot: int) -> Report:
        return self.reports.get(self.replicas[slot], Report())

    def is_saturated(self) -> bool:
        limits = self.engine.admission.saturation
        if limits is None:
            return False
        return self.load(self.ready, limits.queue, limits.kv) >= 1.0

    def load(self, slots: list[int], queue: float, kv: float) -> float:
        total = 0.0
        for slot in slots:
            known = self.report(slot)
            load = max(known.waiting / queue, known.kv / self.replicas[slot].engine.capacity / kv)
            total += load if known.told else 1.0
        return total / len(slots)

    # --- routing ---

    def route(self, request: Request, now: int) -> bool:
        """Whether the request was sent; else `wake` is set."""
        limits, router = self.engine.admission, self.engine.router
        self.tell_if_due(now)
        for replica in self.replicas:
            replica.catch_up(now)
        boundaries = [self.replicas[slot].boundary for slot in self.ready]
        next_change = min((at + 1 for at in boundaries if at is not None), default=inf)
        if self.holds_back(request):
            every = ticks(router.refresh)
            self.wake = (now // every + 1) * every if every else next_change
            return False
        most = limits.max_ongoing or inf
        able = [slot for slot in self.ready if self.fits(slot, request)]
        free = [slot for slot in able if len(self.replicas[slot].everyone()) < most]
        if not free:
            self.wake = next_change
            return False
        slot = self.choose(request, now, free)
        if slot is None:
            self.backed_off = min(max(2 * self.backed_off, ticks(router.backoff)), ticks(router.max_backoff))
            self.wake = now + self.backed_off
            return False
        self.backed_off = 0
        self.remember(request, slot)
        self.sent.append((now, self.replicas[slot]))
        self.last[request.session] = self.replicas[slot]
        self.replicas[slot].take(request, now)
        if limits.saturation is not None and limits.saturation.then == "defer" and request.priority < 0:
            known = self.report(slot)
            self.reports[self.replicas[slot]] = replace(known, waiting=known.waiting + 1)
        return True

    def matched(self, request: Request) -> list[int]:
        """Blocks of the prompt that each ready replica has, up to the first that none has."""
        found = [0] * len(self.ready)
        for block in request.prefix[: self.engine.prefix_blocks]:
            have = [block in self.cached.get(self.replicas[slot], []) for slot in self.ready]
            if not any(have):
                break
            found = [count + one for count, one in zip(found, have, strict=True)]
        return found

    def remember(self, request: Request, slot: int) -> None:
        looked_at = request.prefix[: self.engine.prefix_blocks]
        self.blocks_asked += len(looked_at)
        self.blocks_hit += self.matched(request)[self.ready.index(slot)]
        blocks = self.cached.setdefault(self.replicas[slot], [])
        for block in looked_at:
            if block in blocks:
                blocks.remove(block)
            blocks.append(block)
            del blocks[: -self.engine.prefix_capacity]

    def choose(self, request: Request, now: int, free: list[int]) -> int | None:
        router = self.engine.router
        draw = splitmix64((request.number ^ self.engine.salt) & MASK)
        load = [len(replica.everyone()) for replica in self.replicas]
        cyclic = [free[(draw + i) % len(free)] for i in range(len(free))]
        if len(self.kinds) > 1 and (router.kind == "least-outstanding" or router.between_pools):
            return self.among_pools(draw, cyclic, load)
        match router.kind:
            case "least-outstanding":
                start, slots = draw % len(self.replicas), len(self.replicas)
                by_slot = [(start + i) % slots for i in range(slots)]
                return min((slot for slot in by_slot if slot in free), key=lambda slot: load[slot])
            case "power-of-two" if len(free) > 1:
                one, other = two_of(free, draw)
                return one if load[one] <= load[other] else other
            case "vllm-data-parallel":
                slot = min(cyclic, key=lambda slot: 4 * self.report(slot).waiting + self.report(slot).running)
                known = self.report(slot)
                self.reports[self.replicas[slot]] = Report(known.waiting + 1, known.running, known.kv, told=known.told)
                return slot
            case "session" if request.session >= 0:
                point = splitmix64((request.session ^ self.engine.salt) & MASK)
                return max(free, key=lambda slot: splitmix64(point ^ slot))
            case "session" | "lowest-rate":
                return min(cyclic, key=lambda slot: self.report(slot).rate)
            case "ray-power-of-two":
                return self.choose_as_ray(now, free, load)
            case "endpoint-picker":
                return self.pick(request, draw, cyclic, free, load)
        self.turn += 1
        return free[(self.turn - 1) % len(free)]

    def among_pools(self, draw: int, cyclic: list[int], load: list[int]) -> int:
        router = self.engine.router
        pools = {
            kind: [slot for slot in cyclic if self.replicas[slot].engine is one] for kind, one in enumerate(self.kinds)
        }
        there = [kind for kind, slots in pools.items() if slots]
        weight = {kind: self.kinds[kind].weight for kind in there}
        weighted, total = [kind for kind in there if weight[kind]], sum(weight.values())
        chosen: int | None = None
        match router.kind:
            case "weighted-random" if total:
                point = (draw >> 20) % total
                chosen = next(k for k in there if point < sum(weight[one] for one in there if one <= k))
            case "weighted-round-robin" if total:
                for kind in weighted:
                    self.credits[kind] += weight[kind]
                chosen = max(weighted, key=lambda kind: self.credits[kind])
                self.credits[chosen] -= total
            case "pools-in-order":
                chosen = next(
                    (
                        k
                        for k in there
                        if self.load(sorted(pools[k], key=self.ready.index), router.queue, router.kv) < 1
                    ),
                    None,
                )
            case "weighted-least-outstanding" if total:
                heavy = [slot for slot in cyclic if self.replicas[slot].engine.weight]
                return min(heavy, key=lambda slot: Fraction(load[slot] + 1, self.replicas[slot].engine.weight))
        return min(cyclic if chosen is None else pools[chosen], key=lambda slot: load[slot])

    def choose_as_ray(self, now: int, free: list[int], load: list[int]) -> int | None:
        router, most = self.engine.router, self.engine.router.max_ongoing_requests
        while True:
            draw = splitmix64((self.turn ^ self.engine.salt) & MASK)
            self.turn += 1
            pair = two_of(free, draw) if len(free) > 1 else (free[0], free[0])
            known = {}
            for slot in pair:
                queue, told = self.queues.get(self.replicas[slot], (0, None))
                if told is not None and now - told < ticks(router.refresh) and queue < most:
                    known[slot] = queue
            for slot in pair:
                if slot not in known:
                    self.queues[self.replicas[slot]] = load[slot], now
            if not known:
                known = {slot: load[slot] for slot in pair if load[slot] < most}
            if not known:
                return None
            slot = min((slot for slot in pair if slot in known), key=lambda slot: known[slot])
            accepts = load[slot] < most
            self.queues[self.replicas[slot]] = load[slot] + accepts, now
            if accepts:
                return slot

    def pick(self, request: Request, draw: int, cyclic: list[int], free: list[int], load: list[int]) -> int:
        """By the scores of the policy itself."""
        router, reports = self.engine.router, [self.report(slot) for slot in free]
        looked_at, have = len(request.prefix[: self.engine.prefix_blocks]), self.matched(request)
        scores = weighted_sum(
            router,
            Endpoints(
                matched=np.array([have[self.ready.index(slot)] / (looked_at or 1) for slot in free]),
                waiting=np.array([report.waiting for report in reports], float),
                running=np.array([report.running for report in reports], float),
                kv_utilisation=np.array([report.kv for report in reports])
                / np.array([self.replicas[slot].engine.capacity for slot in free]),
                in_flight=np.array([load[slot] for slot in free], float),
                in_flight_tokens=np.array(
                    [sum(r.prompt for r in self.replicas[slot].everyone()) for slot in free], float
                ),
                same_session=np.array(
                    [request.session >= 0 and self.last.get(request.session) is self.replicas[slot] for slot in free]
                ),
            ),
        )
        score = dict(zip(free, scores.tolist(), strict=True))
        if router.picker == "max-score":
            return max(cyclic, key=lambda slot: score[slot])
        if router.picker == "weighted-random":
            total = 0.0
            for slot in free:
                total += score[slot]
            point, passed = (draw >> 11) * 2.0**-53 * total, 0.0
            for slot in free:
                passed += score[slot]
                if point < passed:
                    return slot
        return cyclic[0]


def two_of(slots: list[int], draw: int) -> tuple[int, int]:
    i, j = (draw & 0xFFFFFFFF) % len(slots), (draw >> 32) % (len(slots) - 1)
    return slots[i], slots[j + 1 if j >= i else j]
