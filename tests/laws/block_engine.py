"""One replica of vLLM 0.33 on KV blocks, one engine step at a time, in plain Python: slow and obvious.

Written from the description of its scheduler: chunk-wise allocation, preemption inside the loop over the running
requests, prefix cache, LoRA adapters. `BlockPool` is the KV cache, `BlockEngine` the scheduler; `run` plays requests
through one engine. Times are integer ticks.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from sys import maxsize
from typing import Literal


@dataclass(frozen=True)
class StepTicks:
    """Time of a step: base + b*P + c*B + d*K + (q*Q >> shift).

    B rows decode and read K tokens; P tokens are prefill and meet Q pairs: chunk * (2 * computed before + chunk).
    """

    a: int
    b: int = 0
    c: int = 0
    d: int = 0
    q: int = 0
    shift: int = 0
    base: Sequence[int] = ()
    """By the tokens of the step, in place of a."""
    step_shift: int = 0
    """Steps are in units of 2**-step_shift ticks."""

    def of(self, prefill: int, decoding: int, kv: int, pairs: int) -> int:
        base = self.base[prefill + decoding] if self.base else self.a
        return base + self.b * prefill + self.c * decoding + self.d * kv + (self.q * pairs >> self.shift)


@dataclass(frozen=True)
class Adapters:
    """Time to make LoRA adapters resident, and what each adapter adds to a step."""

    disk_ticks: int
    h2d_ticks: int
    max_cpu_loras: int
    step_ticks_per_adapter: int = 0


@dataclass(frozen=True)
class Tier:
    """A tier of the prefix cache: chunks that it holds, and the time to load blocks from it."""

    chunks: int
    latency_ticks: int
    ticks_per_block: int


@dataclass(frozen=True)
class Settings:
    blocks: int
    block_size: int
    step: StepTicks
    max_num_batched_tokens: int
    max_num_seqs: int
    policy: Literal["fcfs", "priority", "fair"] = "fcfs"
    weights: tuple[float, ...] = ()
    """Of tenants, where turns are fair."""
    chunked_prefill: bool = True
    reserve_full_isl: bool = True
    watermark: float = 0.0
    long_prefill_token_threshold: int = 0
    prefix_caching: bool = False
    free_order: Literal["hashed_to_tail", "all_to_tail"] = "hashed_to_tail"
    max_loras: int | None = None
    adapters: Adapters | None = None
    tiers: tuple[Tier, ...] = ()
    chunk_blocks: int = 1
    """Blocks of what tiers hold as one."""


@dataclass(eq=False)
class Request:
    id: str
    prompt: Sequence[Hashable]
    """Tokens: equal tokens are equal content."""
    output: int
    arrival: int = 0
    priority: int = 0
    adapter: str | None = None
    tenant: int = 0
    remote: bool = False
    """True while its KV is still to come from a prefill engine."""
    loading: bool = False
    """True while that KV is on its way: blocks are held, the request cannot run."""
    generated: int = 0
    computed: int = 0
    table: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Of its full blocks, as far as they were asked for."""
    first_token: int | None = None
    finish: int | None = None
    cached_tokens: int | None = None
    """Hit of the first admission; None = never admitted."""
    preempted: int = 0
    entered: int = 0
    """Chunks that tiers were given since its admission."""

    @property
    def length(self) -> int:
        return len(self.prompt) + self.generated

    @property
    def decodes(self) -> bool:
        return self.generated > 0 and self.computed == self.length - 1

    def token(self, i: int) -> Hashable:
        return self.prompt[i] if i < len(self.prompt) else (f"{self.id}#out", i - len(self.prompt))


class BlockPool:
    """Blocks 1..N with reference counts, a queue of free ones, and the map from content to block."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.size = settings, settings.block_size
        self.free = deque(range(1, settings.blocks + 1))
        self.references = [0] * (settings.blocks + 1)
        self.key_of: dict[int, int] = {}  # block -> key of its content
        self.cached: dict[int, list[int]] = {}  # key -> blocks with that content, oldest first
        self._chains: dict[Hashable, int] = {}  # (key before, tokens, adapter) -> key
        self.evicted = 0
        self.tiers = [OrderedDict[int, None]() for _ in settings.tiers]  # keys of chunks, least recently used first

    def blocks_for(self, tokens: int) -> int:
        return ceil(tokens / self.size)

    def _keys(self, request: Request, count: int) -> list[int]:
        while len(request.keys) < count:
            start = len(request.keys) * self.size
            content = tuple(request.token(i) for i in range(start, start + self.size))
            chain = (request.keys[-1] if request.keys else None, content, request.adapter)
            request.keys.append(self._chains.setdefault(chain, len(self._chains)))
        return request.keys[:count]

    def look_up(self, request: Request) -> list[int]:
        """Blocks that hold the beginning of a request; at least one of its tokens is left to compute."""
        hits: list[int] = []
        if self.settings.prefix_caching:
            for key in self._keys(request, (request.length - 1) // self.size):
                if key not in self.cached:
                    break
                hits.append(self.cached[key][0])
        return hits

    def needed(self, request: Request, tokens: int, hits: Sequence[int] = ()) -> int:
        """Free blocks that a request takes to have slots for `tokens`; hits that nobody holds count too."""
        idle = sum(self.references[block] == 0 for block in hits)
        return max(self.blocks_for(tokens) - len(request.table) - len(hits), 0) + idle

    def take(self, request: Request, tokens: int, hits: Sequence[int] = (), *, store: bool = True) -> int:
        """Give a request slots for `tokens`, and enter its full blocks into the map; the number of new blocks."""
        for block in hits:
            if self.references[block] == 0:
                self.free.remove(block)
            self.references[block] += 1
        request.table.extend(hits)
        new = self.blocks_for(tokens) - len(request.table)
        for _ in range(new):
            block = self.free.popleft()
            self._forget(block)
            self.references[block] = 1
            request.table.append(block)
        if store:
            self.store(request, tokens)
        return max(new, 0)

    def store(self, request: Request, tokens: int) -> None:
        """Enter the full blocks among the first `tokens` into the map."""
        if self.settings.prefix_caching:
            for block, key in zip(request.table, self._keys(request, tokens // self.size), strict=False):
                if block not in self.key_of:
                    self.key_of[block] = key
                    self.cached.setdefault(key, []).append(block)

    def _forget(self, block: int) -> None:
        if block in self.key_of:
            key = self.key_of.pop(block)
            self.cached[key].remove(block)
            if not self.cached[key]:
                del self.cached[key]
            self.evicted += 1

    def _chunks(self, request: Request, tokens: int) -> list[int]:
        """Keys of the full chunks of the prompt in its first tokens: those of their last blocks."""
        size = self.settings.chunk_blocks
        count = min(tokens, len(request.prompt)) // (size * self.size)
        return self._keys(request, count * size)[size - 1 :: size]

    def load(self, request: Request, hit: int) -> list[int]:
        """Blocks that follow the hit, by the tier that has them; its chunks become the most recently used."""
        chunks, size, place = self._chunks(request, len(request.prompt)), self.settings.chunk_blocks, hit
        for tier in self.tiers:
            for key in reversed(chunks):
                if key in tier:
                    tier.move_to_end(key)
        loaded = [0] * len(self.tiers)
        for j in range(hit // size, len(chunks)):
            there = [t for t, tier in enumerate(self.tiers) if chunks[j] in tier]
            if not there or (j + 1) * size > (request.length - 1) // self.size:
                break
            loaded[there[0]] += (j + 1) * size - place
            place = (j + 1) * size
        request.entered = 0
        return loaded

    def enter(self, request: Request, tokens: int) -> None:
        """Give the tiers the full chunks among the first tokens, those that they were not given."""
        chunks = self._chunks(request, tokens)
        for tier, rule in zip(self.tiers, self.settings.tiers, strict=True):
            for key in chunks[request.entered :]:
                if key not in tier:
                    if len(tier) == rule.chunks:
                        tier.popitem(last=False)
                    tier[key] = None
        request.entered = max(request.entered, len(chunks))

    def release(self, request: Request) -> None:
        """Take the blocks of a request away from it, the last first."""
        for block in reversed(request.table):
            self.references[block] -= 1
            if self.references[block] == 0:
                if block in self.key_of or self.settings.free_order == "all_to_tail":
                    self.free.append(block)
                else:
                    self.free.appendleft(block)
        request.table.clear()


@dataclass(eq=False)
class Step:
    """A step: what is scheduled, in order, and the state after scheduling."""

    start: int
    scheduled: dict[Request, int]
    end: int
    free_blocks: int
    running: int
    waiting: int
    loads: list[tuple[str, str]]
    load_ticks: int


class BlockEngine:
    """The scheduler of one replica. `boundary` ends the step in progress and begins the next."""

    def __init__(
        self,
        settings: Settings,
        *,
        keep: bool = False,
        transfer: Callable[[Request, int, int], None] | None = None,
    ) -> None:
        self.settings, self.pool = settings, BlockPool(settings)
        self.keep = keep  # finished requests keep their blocks until somebody releases them
        self.transfer = transfer  # called with a remote request, the blocks it lacks, and the time
        self.waiting: list[Request] = []
        self.running: list[Request] = []
        self.step: Step | None = None
        self.steps: list[Step] = []
        self.preemptions = self.query_tokens = self.hit_tokens = self.tier_ticks = 0
        self.tier_tokens = [0] * len(settings.tiers)  # found at first admissions
        self.in_memory: list[str] = []  # adapters in the memory of the host, least recently used first
        self.in_slots: list[str] = []  # and of the accelerator
        self.units = 0  # of its steps so far, beyond the last whole tick
        self.counters = [0] * len(settings.weights)  # what each tenant got, over its weight
        self.last_admitted = 0  # the tenant that last left the queue

    def arrive(self, request: Request) -> None:
        """A request joins the queue; a tenant of whom none waits is lifted to the lowest of those who wait."""
        waiting = {other.tenant for other in self.waiting}
        if self.counters and request.tenant not in waiting:
            floor = min((self.counters[one] for one in waiting), default=self.counters[self.last_admitted])
            self.counters[request.tenant] = max(self.counters[request.tenant], floor)
        self.waiting.append(request)

    def _charge(self, request: Request, tokens: int) -> None:
        if self.counters:
            self.counters[request.tenant] += tokens * round(2**20 / self.settings.weights[request.tenant])

    def boundary(self, now: int) -> None:
        self.end_step(now)
        self.begin_step(now)

    def end_step(self, now: int) -> list[Request]:
        """End the step in progress; the requests that are finished by it."""
        finished = []
        for request, tokens in (self.step.scheduled if self.step else {}).items():
            request.computed += tokens
            if request.computed < request.length:
                continue
            request.generated += 1
            self._charge(request, 2)
            if request.first_token is None:
                request.first_token = now
            if request.generated == request.output:
                request.finish = now
                self.running.remove(request)
                finished.append(request)
                if not self.keep:
                    self.pool.release(request)
        self.step = None
        return finished

    def begin_step(self, now: int) -> None:
        """Schedule; the engine is idle where nothing can be scheduled."""
        scheduled: dict[Request, int] = {}
        busy = len(self.running) + len(self.waiting) >= 2
        threshold = (busy and self.settings.long_prefill_token_threshold) or maxsize
        before, loaded = self.preemptions, self.tier_ticks
        budget = self._grow_running(scheduled, threshold)
        if self.preemptions == before or not scheduled:  # after a preemption that leaves nothing, it is called again
            self._admit(scheduled, budget, threshold, now)
        if not scheduled:
            return
        loads = self._load_adapters(scheduled)
        ticks, load_ticks = self._step_ticks(scheduled), self._load_ticks(loads) + self.tier_ticks - loaded
        counts = (len(self.pool.free), len(self.running), len(self.waiting))
        self.step = Step(now, scheduled, now + load_ticks + ticks, *counts, loads, load_ticks)
        self.steps.append(self.step)

    def _grow_running(self, scheduled: dict[Request, int], threshold: int) -> int:
        """Schedule the running requests in order of admission; the budget that is left."""
        budget, index = self.settings.max_num_batched_tokens, 0
        while index < len(self.running) and budget > 0:
            request = self.running[index]
            new = min(request.length - request.computed, threshold, budget)
            while self.pool.needed(request, request.computed + new) > len(self.pool.free):
                victim = self._victim()
                if victim in scheduled:
                    budget += scheduled.pop(victim)
                    index -= 1
                self._preempt(victim)
                if victim is request:
                    break
            if request in self.running:
                self.pool.take(request, request.computed + new)
                self.pool.enter(request, request.computed + new)
                scheduled[request] = new
                budget -= new
                index += 1
            elif self.settings.policy != "priority":
                break
        return budget

    def _victim(self) -> Request:
        if self.settings.policy != "priority":
            return self.running[-1]
        return max(self.running, key=lambda request: (request.priority, request.arrival))

    def _preempt(self, victim: Request) -> None:
        self.running.remove(victim)
        self.pool.release(victim)
        victim.computed = 0
        victim.preempted += 1
        self.preemptions += 1
        self.waiting.insert(0, victim)

    def _in_order(self) -> Iterable[Request]:
        """The waiting requests as admission takes them: those that hold blocks first, or by turns."""
        if self.settings.policy == "fair":
            return iter(self._in_turn, None)
        waiting = list(self.waiting)
        if self.settings.policy == "priority":
            waiting.sort(key=lambda request: (request.priority, request.arrival))
        return sorted(waiting, key=lambda request: not request.table)

    def _in_turn(self) -> Request | None:
        """The first request of the tenant with the lowest counter."""
        turn = min({one.tenant for one in self.waiting}, key=lambda one: (self.counters[one], one), default=None)
        return next((one for one in self.waiting if one.tenant == turn), None)

    def _admit(self, scheduled: dict[Request, int], budget: int, threshold: int, now: int) -> None:
        """Admit until the first request that does not fit; those that only their adapter or KV delays are passed."""
        for request in self._in_order():
            if budget <= 0 or len(self.running) >= self.settings.max_num_seqs:
                break
            if request.loading or self._adapter_waits(request):
                continue
            hits = [] if request.table else self.pool.look_up(request)
            if request.remote:
                if not self._fetch(request, hits, now):
                    break
                continue
            start = len(hits) * self.pool.size if hits else request.computed
            new = min(request.length - start, threshold)
            if not self.settings.chunked_prefill and new > budget:
                break
            new = min(new, budget)
            checked = request.length if self.settings.reserve_full_isl else start + new
            if self.pool.needed(request, checked, hits) > self._free_for_admission():
                break
            start += self._load(request, len(hits))
            new = min(request.length - start, threshold, budget)
            self.pool.take(request, start + new, hits)
            self.pool.enter(request, start + new)
            self._charge(request, len(request.prompt) if request.cached_tokens is None else 0)
            self.last_admitted = request.tenant
            self._count(request, start)
            request.computed = start
            self.waiting.remove(request)
            self.running.append(request)
            scheduled[request] = new
            budget -= new

    def _load(self, request: Request, hit: int) -> int:
        """Load what tiers have behind the hit; its tokens."""
        loaded = self.pool.load(request, hit)
        for t, (rule, blocks) in enumerate(zip(self.settings.tiers, loaded, strict=True)):
            self.tier_ticks += rule.latency_ticks + blocks * rule.ticks_per_block if blocks else 0
            self.tier_tokens[t] += blocks * self.pool.size if request.cached_tokens is None else 0
        return sum(loaded) * self.pool.size

    def _free_for_admission(self) -> int:
        reserve = int(self.settings.watermark * (self.settings.blocks + 1)) if self.running else 0
        return len(self.pool.free) - reserve

    def _count(self, request: Request, hit: int) -> None:
        if request.cached_tokens is None:
            request.cached_tokens = hit
            self.query_tokens += request.length
            self.hit_tokens += hit

    def _fetch(self, request: Request, hits: list[int], now: int) -> bool:
        """Take the blocks of a remote request and start its transfer; False if they are not there."""
        rest = sum(self.pool.needed(other, other.length) for other in self.running if not other.decodes)
        if self.pool.needed(request, len(request.prompt), hits) > self._free_for_admission() - rest:
            return False
        self.pool.take(request, len(request.prompt), hits, store=False)
        self._count(request, len(hits) * self.pool.size)
        request.remote, request.loading = False, True
        assert self.transfer is not None
        self.transfer(request, len(request.table) - len(hits), now)
        return True

    # --- adapters ---

    def _adapter_waits(self, request: Request) -> bool:
        used = {other.adapter for other in self.running} - {None}
        most = self.settings.max_loras
        return most is not None and request.adapter not in {None, *used} and len(used) >= most

    def _load_adapters(self, scheduled: dict[Request, int]) -> list[tuple[str, str]]:
        """Make the adapters of the step resident, in the order of scheduling."""
        loads: list[tuple[str, str]] = []
        rule, slots = self.settings.adapters, self.settings.max_loras
        for name in dict.fromkeys(request.adapter for request in scheduled):
            if name is None or rule is None or slots is None:
                continue
            for where, most, load in ((self.in_memory, rule.max_cpu_loras, "disk"), (self.in_slots, slots, "h2d")):
                if name in where:
                    where.remove(name)
                else:
                    loads.append((load, name))
                where.append(name)
                if len(where) > most:
                    gone = where.pop(0)
                    if where is self.in_memory and gone in self.in_slots:
                        self.in_slots.remove(gone)
        return loads

    def _load_ticks(self, loads: list[tuple[str, str]]) -> int:
        rule = self.settings.adapters
        return sum(rule.disk_ticks if load == "disk" else rule.h2d_ticks for load, _ in loads) if rule else 0

    def _step_ticks(self, scheduled: dict[Request, int]) -> int:
        decoding = [request for request in scheduled if request.decodes]
        chunks = [(request.computed, new) for request, new in scheduled.items() if not request.decodes]
        pairs = sum(new * (2 * computed + new) for computed, new in chunks)
        kv = sum(request.length for request in decoding)
        units = self.units + self.settings.step.of(sum(new for _, new in chunks), len(decoding), kv, pairs)
        ticks, self.units = divmod(units, 2**self.settings.step.step_shift)
        adapters = {request.adapter for request in scheduled} - {None}
        return ticks + len(adapters) * (self.settings.adapters.step_ticks_per_adapter if self.settings.adapters else 0)


def run(settings: Settings, requests: Sequence[Request]) -> BlockEngine:
    """Play requests through one engine until all are done; arrivals at a boundary are visible at it."""
    engine, coming = BlockEngine(settings), deque(sorted(requests, key=lambda request: request.arrival))
    while coming or engine.step:
        now = engine.step.end if engine.step else coming[0].arrival
        while coming and coming[0].arrival <= now:
            engine.arrive(coming.popleft())
        engine.boundary(now)
    return engine
