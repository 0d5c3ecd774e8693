"""The engine as the specification says it, one step at a time, in plain Python: slow and obvious.

Written from the description of the engine, not from the kernel: no heap, no closed form, no linked list.
"""

from dataclasses import dataclass, field

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
    status: str = "in system"
    end: int | None = None

    @property
    def context(self) -> int:
        return self.prompt + self.generated


@dataclass(frozen=True)
class Engine:
    a: int
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
    router: str
    salt: int


@dataclass(eq=False)
class Replica:
    engine: Engine
    queue: list[Request] = field(default_factory=list)
    decoding: list[Request] = field(default_factory=list)  # by admission
    prefilling: list[Request] = field(default_factory=list)  # by admission; all later than the decoding
    stalled: bool = False
    boundary: int | None = None  # end of the step now running; None = idle
    in_step: bool = False  # False: woken, the boundary is not the end of a step
    steps: int = 0
    peak: int = 0
    preemptions: int = 0
    busy: int = 0
    busy_since: int = 0

    def everyone(self) -> list[Request]:
        return self.decoding + self.prefilling + self.queue

    def kept(self) -> int:
        return sum(request.context for request in self.decoding + self.prefilling)

    def leave(self, request: Request, now: int, status: str) -> None:
        for where in (self.decoding, self.prefilling, self.queue):
            if request in where:
                where.remove(request)
        timeout = self.engine.timeout
        if timeout is not None and status == "completed" and now - request.arrival > timeout:
            status = "timed_out"
        request.status, request.end = status, now

    def step_boundary(self) -> None:
        now, engine = self.boundary, self.engine
        assert now is not None
        if self.in_step:
            self.finish_step(now)
        if engine.timeout is not None:
            for request in self.everyone():
                if now - request.arrival >= engine.timeout:
                    self.leave(request, now, "timed_out")
        preempted = False
        while self.kept() > engine.capacity:
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
        time = engine.a + engine.b * tokens + engine.c * len(decoding) + engine.d * kv
        time += engine.e * pairs >> engine.shift
        self.boundary, self.in_step = now + time, True

    def finish_step(self, now: int) -> None:
        self.steps += 1
        if not self.stalled:
            for request in list(self.decoding):
                request.generated += 1
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
        budget = engine.budget - (0 if engine.whole else len(self.decoding))
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
            if self.kept() + head.context > engine.capacity:
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
        if self.boundary is None:
            self.boundary, self.in_step, self.busy_since = now, False, now


class Pool:
    """Replicas in slots behind a gateway; `ready` lists the slots that take requests, by time of readiness."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.replicas: list[Replica] = []
        self.ready: list[int] = []
        self.gate: list[Request] = []
        self.requests: list[Request] = []
        self.turn = 0
        self.forgotten = 0  # tokens of requests that began anew

    def open(self, slot: int, now: int) -> None:
        while slot >= len(self.replicas):
            self.replicas.append(Replica(self.engine))
        self.ready.append(slot)
        waiting, self.gate = self.gate, []
        for request in waiting:
            self.route(request, now)

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
                continue
            if mode == "retry":
                self.forgotten += request.generated
                request.generated, request.first = 0, None
            self.gate.append(request)
        self.gate.sort(key=lambda request: request.arrival)
        if self.ready:
            waiting, self.gate = self.gate, []
            for request in waiting:
                self.route(request, now)

    def arrive(self, now: int, prompt: int, output: int) -> None:
        request = Request(len(self.requests), now, prompt, output)
        self.requests.append(request)
        if prompt + output > self.engine.capacity:
            request.status, request.end = "rejected", now
            if self.ready:
                self.turn += 1
        elif self.ready:
            self.route(request, now)
        else:
            self.gate.append(request)

    def route(self, request: Request, now: int) -> None:
        for replica in self.replicas:
            replica.catch_up(now)
        self.replicas[self.choose(request.number)].take(request, now)

    def choose(self, number: int) -> int:
        draw = splitmix64(number ^ self.engine.salt)
        load = [len(replica.everyone()) for replica in self.replicas]
        if self.engine.router == "least-outstanding":
            start, slots = draw % len(self.replicas), len(self.replicas)
            cyclic = [(start + i) % slots for i in range(slots)]
            return min((slot for slot in cyclic if slot in self.ready), key=lambda slot: load[slot])
        if self.engine.router == "power-of-two" and len(self.ready) > 1:
            i, j = (draw & 0xFFFFFFFF) % len(self.ready), (draw >> 32) % (len(self.ready) - 1)
            one, other = self.ready[i], self.ready[j + 1 if j >= i else j]
            return one if load[one] <= load[other] else other
        self.turn += 1
        return self.ready[(self.turn - 1) % len(self.ready)]

    def catch_up(self, until: int) -> None:
        for replica in self.replicas:
            replica.catch_up(until)
        timeout = self.engine.timeout
        for request in list(self.gate):
            if timeout is not None and request.arrival + timeout <= until:
                self.gate.remove(request)
                request.status, request.end = "timed_out", request.arrival + timeout
