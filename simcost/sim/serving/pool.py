"""Pool of identical replicas, its policies resolved to numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

from simcost.catalog import Slice
from simcost.perf import StepTime
from simcost.perf.images import ImageTime
from simcost.plan import Admission, Batching, LeastOutstanding, Router, Startup
from simcost.plan.autoscaling import Autoscaler
from simcost.plan.disaggregation import HandOver
from simcost.plan.interruptions import Interruptions
from simcost.plan.nodes import AtOnce, NodeKind, Nodes
from simcost.plan.rate_limits import RateLimits
from simcost.plan.serving import Drain, Metrics, PrefixCaching, Retries

if TYPE_CHECKING:
    from simcost.sim.clock import Clock

_BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Identical replicas behind one gateway."""

    name: str
    step: StepTime
    kv_capacity_tokens: int
    scaling: Autoscaler
    first_token_overhead_s: float = 0.0
    """Time of each request outside of the engine, added to TTFT and E2E."""
    batching: Batching = field(default_factory=Batching)
    router: Router = field(default_factory=LeastOutstanding)
    admission: Admission = field(default_factory=Admission)
    retries: Retries | None = None
    rates: tuple[RateLimits | None, ...] = ()
    """Limits of each tenant at the gateway, in the order of their numbers; none = no tenant has any."""
    weights: tuple[float, ...] = ()
    """Of each tenant in the queues of replicas, where those are fair."""
    startup: Startup = field(default_factory=Startup)
    metrics: Metrics | None = None
    """None = as the controller has them usually."""
    drain: Drain = field(default_factory=Drain)
    nodes: Nodes = field(default_factory=AtOnce)
    interruptions: Interruptions | None = None
    prefix_cache: PrefixCaching | None = None
    """None = engines compute every prompt as a whole."""
    cache_tiers: tuple[TierRules, ...] = ()
    """Tiers of that below the KV cache, the fastest first."""
    system_tokens: int = 0
    """At the start of each conversation, that all conversations share."""
    prefix_block_tokens: int | None = None
    """Length of the blocks whose hashes requests carry; None = they carry none."""
    adapters: AdapterRules | None = None
    """LoRA adapters that requests ask for; None = for none."""
    images: tuple[ImageTime, ...] = ()
    """Times of the images that requests ask for, by size; none = they ask for tokens."""
    starts_utc_s: float = nan
    """Time 0 in seconds since 1970, for policies that look at a calendar."""
    weights_bytes: float = 0.0
    kinds: tuple[NodeKind, ...] = (NodeKind(),)
    """Kinds of nodes; those that are there at first are of the first kind."""
    accelerators_per_replica: float = 1
    slice: Slice | None = None
    """Part of an accelerator that a replica takes; None = whole ones."""
    response_bytes_per_token: float = 0.0
    prefill: PrefillSide | None = None
    """Replicas that prefill for these, which decode; None = these do both."""
    api_latency_s: tuple[float, float] | None = None
    """Time to the first token, and per further token, of an API that answers what would be rejected; None = it is
    rejected.
    """
    weight: int = 1
    """Share of the requests, against those of the other pools of the service, for routers that go by it."""

    @property
    def seen_through(self) -> Metrics:
        """The metric pipeline: what the plan says, else a scrape where the controller has one, else exact."""
        return Metrics(phase=self.scaling.scrape_s is not None) if self.metrics is None else self.metrics

    @property
    def scrape_s(self) -> float:
        """Between two samples of the replicas: as the plan says, else as its controller has it; 0 = at each step."""
        stated = self.seen_through.scrape
        return (self.scaling.scrape_s or 0.0) if stated is None else stated

    @property
    def block_tokens(self) -> int:
        """Tokens of a KV block."""
        return self.prefix_cache.block_tokens if self.prefix_cache else self.batching.kv_block_tokens or _BLOCK_TOKENS

    @property
    def in_blocks(self) -> bool:
        """True if the KV cache is in blocks."""
        return self.prefix_cache is not None or self.adapters is not None or self.batching.in_blocks

    @property
    def victims(self) -> str:
        """The rule by which replicas go."""
        return self.drain.victims or self.scaling.scale_down_order


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRules:
    """A tier of the prefix cache of each replica."""

    capacity_tokens: int
    latency_s: float
    """Time until a load begins."""
    s_per_token: float
    """Time to load the KV cache of a token."""

    def block_ticks(self, clock: Clock, block_tokens: int, blocks: int) -> int:
        """Ticks to load a block of so many tokens.

        Raises:
            InputError: all blocks take longer than can be counted.
        """
        return clock.ticks_of_each(self.s_per_token * block_tokens, blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterRules:
    """Adapters of a replica, and what they take."""

    count: int
    """Adapters that requests may ask for."""
    slots: int
    """Adapters of running requests at a time."""
    cpu_slots: int
    """Adapters in the memory of the host, `slots` at least."""
    disk_s: float
    """Time to read one from disk into that memory."""
    link_s: float
    """Time to copy one from there into a slot."""
    step_s: float
    """Time that each adapter adds to a step."""

    def ticks(self, clock: Clock) -> list[int]:
        """Ticks of `disk_s`, `link_s` and `step_s`.

        Raises:
            InputError: those of all slots take longer than can be counted.
        """
        return [clock.ticks_of_each(time_s, self.slots) for time_s in (self.disk_s, self.link_s, self.step_s)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillSide:
    """Replicas that prefill for those of a pool that decodes, and the hand-over between them."""

    pool: Pool
    hand_over: HandOver
    transfer_s_per_token: float
    """Time on the link, without `link.base`."""
    layers: int
    """Of the model."""
