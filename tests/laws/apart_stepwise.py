"""Prefill and decode apart as the specification says it, one step at a time, in plain Python, on KV tokens.

A request holds its prompt at the prefill replica until its transfer has ended, and its prompt and its output, as far
as it is generated, at the decode replica from the start of the transfer on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from stepwise import MASK, splitmix64, two_of


@dataclass(eq=False)
class Request:
    number: int
    arrival: int
    prompt: int
    output: int
    generated: int = 0
    prefilled: int = 0
    began: int = 0
    prefill_end: int = 0
    source: "Prefill | None" = None
    ready: int | None = None  # end of its transfer
    first: int | None = None
    end: int | None = None
    evicted: int = 0
    status: str = "in system"

    @property
    def context(self) -> int:
        return self.prompt + self.generated


@dataclass(frozen=True)
class Engine:
    base: tuple[int, ...]
    b: int
    c: int
    d: int
    e: int
    shift: int
    capacity: int
    budget: int
    max_seqs: int
    router: str
    salt: int
    step_shift: int = 0  # steps are in units of 2**-step_shift ticks

    def units(self, prefill: int, decoding: int, kv: int, pairs: int) -> int:
        linear = self.base[prefill + decoding] + self.b * prefill + self.c * decoding + self.d * kv
        return linear + (self.e * pairs >> self.shift)


@dataclass(frozen=True)
class Rules:
    base: int
    per_token: int
    shift: int
    fifo: bool
    from_prefill: bool
    layers: int
    local_below: int
    fail_below: int
    recompute: bool

    def ticks(self, request: Request) -> int:
        sending = ceil(request.prompt * self.per_token / 2**self.shift)
        if self.layers:
            compute = request.prefill_end - request.began
            sending = ceil((sending + (self.layers - 1) * max(sending - compute, 0)) / self.layers)
        return max(self.base + sending, 1)


@dataclass(eq=False)
class Replica:
    engine: Engine
    rules: Rules
    queue: list[Request] = field(default_factory=list)
    running: list[Request] = field(default_factory=list)  # in prefill, by admission
    decoding: list[Request] = field(default_factory=list)
    chunks: dict[Request, int] = field(default_factory=dict)  # of the step now running
    boundary: int | None = None
    steps: int = 0
    units: int = 0  # of its steps so far, beyond the last whole tick

    @property
    def load(self) -> int:
        return len(self.queue) + len(self.running) + len(self.decoding)

    def prefill(self, request: Request, budget: int) -> int:
        chunk = min(request.context - request.prefilled, budget)
        self.chunks[request] = chunk
        return chunk

    def start(self, now: int) -> None:
        """Begin the step that has been scheduled, if anything was."""
        tokens = sum(self.chunks.values())
        if not tokens and not self.decoding:
            self.boundary = None
            return
        pairs = sum(chunk * (2 * request.prefilled + chunk) for request, chunk in self.chunks.items())
        kv = sum(request.context for request in self.decoding)
        units = self.units + self.engine.units(tokens, len(self.decoding), kv, pairs)
        whole, self.units = divmod(units, 2**self.engine.step_shift)
        self.boundary = now + whole
        self.steps += 1
        for request, chunk in self.chunks.items():
            request.prefilled += chunk


@dataclass(eq=False)
class Prefill(Replica):
    kept: int = 0  # tokens of requests that have been handed over

    def end_step(self) -> list[Request]:
        done = [request for request in self.chunks if request.prefilled == request.prompt]
        self.chunks = {}
        for request in done:
            self.running.remove(request)
            self.kept += request.prompt
        return done

    def begin_step(self, now: int) -> None:
        budget = self.engine.budget
        for request in self.running:
            budget -= self.prefill(request, budget)
        while self.queue and budget > 0 and len(self.running) < self.engine.max_seqs:
            head = self.queue[0]
            if self.kept + sum(request.prompt for request in self.running) + head.prompt > self.engine.capacity:
                break
            self.running.append(self.queue.pop(0))
            head.began = now
            budget -= self.prefill(head, budget)
        self.start(now)


@dataclass(eq=False)
class Decode(Replica):
    loading: list[Request] = field(default_factory=list)  # by the start of their transfers
    link_free: int = 0
    lost: list[Request] = field(default_factory=list)

    @property
    def load(self) -> int:
        return super().load + len(self.loading)

    def kept(self) -> int:
        return sum(request.context for request in self.decoding + self.running + self.loading)

    def end_step(self, now: int) -> None:
        for request in self.decoding:
            request.generated += 1
        for request in [request for request in self.chunks if request.prefilled == request.context]:
            self.running.remove(request)
            request.generated += 1
            request.first = now if request.first is None else request.first
            self.decoding.append(request)
        self.chunks = {}
        for request in [request for request in self.decoding if request.generated == request.output]:
            self.decoding.remove(request)
            request.status, request.end = "completed", now

    def begin_step(self, now: int) -> None:
        preempted = False
        while self.kept() > self.engine.capacity:
            victims = self.running or self.decoding
            victim = victims.pop()
            victim.prefilled, victim.source = 0, None
            victim.evicted += 1
            self.queue.insert(0, victim)
            preempted = True
        budget = self.engine.budget - len(self.decoding)
        for request in self.running:
            budget -= self.prefill(request, budget)
        if not preempted or not (self.running or self.decoding):
            self.admit(now, budget)
        self.start(now)

    def room(self, budget: int) -> bool:
        return budget > 0 and len(self.running) + len(self.decoding) < self.engine.max_seqs

    def admit(self, now: int, budget: int) -> None:
        for request in list(self.loading):
            if not self.room(budget):
                break
            assert request.ready is not None
            if request.ready > now:
                continue
            self.loading.remove(request)
            request.source = None
            draw = splitmix64(splitmix64((request.number ^ self.engine.salt) & MASK)) >> 11
            if draw < self.rules.fail_below:
                if self.rules.recompute:
                    self.queue.insert(0, request)
                else:
                    request.status, request.end = "lost", now
                continue
            if request.generated:
                self.decoding.append(request)
                budget -= 1
            else:
                request.prefilled = request.prompt - 1
                self.running.append(request)
                budget -= self.prefill(request, budget)
        while self.queue and self.room(budget):
            head = self.queue[0]
            if self.kept() + head.context > self.engine.capacity:
                break
            self.queue.pop(0)
            if head.source is None:
                self.running.append(head)
                head.prefilled = 0
                budget -= self.prefill(head, budget)
            else:
                start = max(now, self.link_free) if self.rules.fifo else now
                head.ready = self.link_free = start + self.rules.ticks(head)
                self.loading.append(head)


@dataclass(eq=False)
class Apart:
    prefill: list[Prefill]
    decode: list[Decode]
    rules: Rules
    turns: dict[str, int] = field(default_factory=dict)
    sending: list[Request] = field(default_factory=list)  # whose tokens are still at their prefill replica
    requests: list[Request] = field(default_factory=list)
    sources: dict[int, Prefill] = field(default_factory=dict)
    stalls: int = 0  # boundaries at which a prefill replica had to wait for the end of a transfer

    def choose(self, side: Sequence[Replica], request: Request) -> Replica:
        engine, slots = side[0].engine, list(range(len(side)))
        draw = splitmix64((request.number ^ engine.salt) & MASK)
        match engine.router:
            case "least-outstanding":
                start = draw % len(side)
                return min(side[start:] + side[:start], key=lambda replica: replica.load)  # type: ignore[operator]
            case "power-of-two" if len(side) > 1:
                one, other = two_of(slots, draw)
                return side[one] if side[one].load <= side[other].load else side[other]
        name = type(side[0]).__name__
        self.turns[name] = self.turns.get(name, -1) + 1
        return side[self.turns[name] % len(side)]

    def run(self, arrivals: list[tuple[int, int, int]], until: int) -> None:
        """Requests as (arrival, prompt, output), played strictly before `until`."""
        self.requests = [Request(number, *row) for number, row in enumerate(arrivals)]
        now = -1
        while (at := self.next_event(now)) is not None and at < until:
            now = at
            self.at(now)

    def next_event(self, now: int) -> int | None:
        times = [replica.boundary for replica in (*self.prefill, *self.decode) if replica.boundary is not None]
        times += [request.ready for request in self.sending if request.ready is not None]
        times += [request.ready for one in self.decode for request in one.loading if request.ready is not None]
        times += [request.arrival for request in self.requests]
        return min((time for time in times if time > now), default=None)

    def at(self, now: int) -> None:
        for request in [request for request in self.sending if request.ready == now]:
            self.sending.remove(request)
            source = self.sources[request.number]
            source.kept -= request.prompt
        for request in self.requests:
            if request.arrival == now:
                self.arrive(request)
        for replica in self.prefill:
            if replica.boundary == now:
                for request in replica.end_step():
                    self.hand_over(replica, request, now)
        for one in self.decode:
            if one.boundary == now:
                one.end_step(now)
            if one.boundary in {None, now}:
                one.begin_step(now)
        for replica in self.prefill:
            if replica.boundary in {None, now}:
                replica.begin_step(now)
                self.stalls += bool(replica.queue) and replica.boundary is None

    def arrive(self, request: Request) -> None:
        too_long = request.prompt > self.prefill[0].engine.capacity
        if too_long or request.prompt + request.output > self.decode[0].engine.capacity:
            request.status, request.end = "rejected", request.arrival
        elif request.prompt < self.rules.local_below:
            self.choose(self.decode, request).queue.append(request)
        else:
            self.choose(self.prefill, request).queue.append(request)

    def hand_over(self, replica: Prefill, request: Request, now: int) -> None:
        request.prefill_end, request.prefilled = now, 0
        if self.rules.from_prefill:
            request.first, request.generated = now, 1
            if request.output == 1:
                request.status, request.end = "completed", now
                replica.kept -= request.prompt
                return
        request.source = self.sources[request.number] = replica
        self.sending.append(request)
        self.choose(self.decode, request).queue.append(request)
