"""Serving options of a pool: admission, batching, retries of clients, drain and scale-down order, metrics of replicas.

Names of batching are as in vLLM. Metrics are samples, taken at intervals and shown late.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from simcost.plan.autoscaling.policy import ScaleDownOrder
from simcost.record import record
from simcost.units import Bytes, BytesPerS, Count, PositiveCount, PositiveSeconds, Seconds, Share


@record
class Saturation:
    """The pool is saturated while the mean over its replicas of max(waiting / `queue`, KV share / `kv`) is 1 or more,
    by the signals that the router has; a replica of which it knows nothing yet counts 1 (llm-d's detector).
    """

    queue: PositiveCount = 5
    """Waiting requests of a replica."""
    kv: Annotated[float, Gt(0), Le(1)] = 0.8
    """Share of its KV cache in use."""
    then: Literal["hold", "shed", "defer", "reject"] = "hold"
    """Requests wait at the gateway until signals come that say otherwise, those of higher priority before the others
    (llm-d's flow control); those of negative priority are turned away as they arrive, and the others let through
    (llm-d without it); those of negative priority wait, and the others are let through: offline work fills idle
    capacity, and what was sent since the last signals counts as waiting; or all are turned away."""


@record
class Admission:
    """Limits at the gateway of the pool."""

    timeout: PositiveSeconds | None = None
    """A request that is not finished this long after its arrival is abandoned; None = clients wait for ever."""
    max_ongoing: PositiveCount | None = None
    """Requests that a replica has at a time, running or waiting; while all have as many, requests wait at the gateway,
    first come, first served. None = engines queue without limit."""
    max_queued: Count | None = None
    """Requests that wait at the gateway; more are rejected, but for those whose replica went. None = no limit."""
    max_queued_per_replica: Count | None = None
    """The same for each ready replica, as Knative's queue-proxies let wait: while none is ready, there is no such
    limit. The tighter of the two counts."""
    max_wait: PositiveSeconds | None = None
    """A request that has waited so long at the gateway, since it arrived, is rejected (the TTL of flow control).
    None = it waits as long as its client does."""
    saturation: Saturation | None = None
    """Sheds load by the signals of an endpoint picker; None = never."""
    in_flight: Literal["retry", "migrate", "lose"] = "retry"
    """Requests of a replica that is taken away: start again elsewhere; go on elsewhere with the tokens they have, once
    prompt and tokens are read again; or fail."""
    max_retries: Count = 3
    """Number of times that a request may lose its replica; once more, and it fails."""


@record
class Batching:
    """Continuous batching of one replica."""

    max_num_seqs: Annotated[int, Ge(1), Le(4096)] = 256
    """Running sequences at most."""
    max_num_batched_tokens: Annotated[int, Ge(2)] = 8192
    """Token budget of a step; must exceed max_num_seqs, since each running sequence takes one."""
    prefill: Literal["chunked", "whole"] = "chunked"
    """chunked: prompts are cut to the budget and share steps with decodes (vLLM v1).
    whole: a step with prefill holds whole prompts and no decodes (vLLM v0, TGI)."""
    max_batch: Annotated[int, Ge(1), Le(4096)] | None = None
    """Requests in a batch at most, as dynamic batchers call it, in place of max_num_seqs; None = max_num_seqs."""
    window: Seconds = 0.0
    """Time that an idle engine waits for more requests, from the arrival of the oldest, while it has fewer than the
    largest batch (Triton: `max_queue_delay`). It waits no more once a request runs."""
    kv_block_tokens: Annotated[int, Ge(1), Le(1024)] | None = None
    """Tokens of a block of the KV cache; vLLM has 16. This, or one of the three below, or `prefix_cache` of the plan:
    the engine keeps its cache in blocks, as vLLM does, and takes them as a prompt is computed, chunk by chunk. None of
    them: it counts tokens, and reserves a whole prompt when it is admitted."""
    watermark: Annotated[Share, Lt(1)] | None = None
    """Share of the blocks that stay free when a request is admitted while others run; None = 0, as in vLLM."""
    long_prefill_token_threshold: PositiveCount | None = None
    """Tokens of a prompt in one step at most while several requests are at the replica, so that several prompts are in
    prefill at once; None = no limit, and one is."""
    policy: Literal["fcfs", "priority", "fair"] | None = None
    """Order of the queue of a replica: of arrival; the highest `priority` first, and then the lowest and latest is also
    the one that gives way where blocks are short; or by turns of tenants, each as its `weight` says: next is the one
    that has got the fewest tokens over its weight, where a token of an answer counts as two of a prompt (virtual token
    counters). None = fcfs."""

    @property
    def of_sequences(self) -> Self:
        """The same, its largest batch as max_num_seqs."""
        return self if self.max_batch is None else replace(self, max_num_seqs=self.max_batch, max_batch=None)

    @property
    def in_blocks(self) -> bool:
        """True if the KV cache is in blocks."""
        settings = (self.kv_block_tokens, self.watermark, self.long_prefill_token_threshold, self.policy)
        return any(setting is not None for setting in settings)

    def __post_init__(self) -> None:
        if self.in_blocks and self.prefill == "whole":
            raise ValueError(
                "a KV cache in blocks has chunked prefill; leave out `prefill: whole`, or the keys of blocks"
            )
        if self.in_blocks and self.window:
            raise ValueError("a KV cache in blocks has no batching window; leave out `window`, or the keys of blocks")
        if self.max_num_batched_tokens <= (self.max_batch or self.max_num_seqs):
            raise ValueError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must exceed max_num_seqs "
                f"({self.max_batch or self.max_num_seqs}): each running sequence takes one token of every step"
            )


@record
class CacheTier:
    """Room for cached prefixes outside of the accelerators of a replica, from where they are loaded back."""

    kind: Literal["cpu", "disk"]
    """Memory of the host, or a disk."""
    size: Annotated[Bytes, Gt(0)]
    """Of each replica, in all: 5GB, say."""
    bandwidth: Annotated[BytesPerS, Gt(0)]
    """From it to all accelerators of a replica together, used: 25GB/s to one over PCIe 4, say, or 7GB/s from an NVMe
    disk."""
    latency: Seconds = 0.0
    """Time until the first byte of a load."""


@record
class PrefixCaching:
    """Prefix cache of each replica: blocks that begin a prompt and are in its KV cache already are not computed again.

    As in vLLM: full blocks alone; the last token of a prompt is always computed; blocks that no request uses stay until
    others need the room, those that were left first go first.
    """

    block_tokens: Annotated[int, Ge(1), Le(1024)] = 16
    """Tokens of a block, also of the KV cache: 16 in vLLM. Where requests carry hashes of longer blocks, those must be
    a multiple of it."""
    hit_share: Annotated[Share, Lt(1)] | None = None
    """Share of each prompt that is cached, where requests say nothing about what they share; it saves time, not room.
    None = what the prompts of the workload share, by their hashes or conversations."""
    tiers: Annotated[tuple[CacheTier, ...], MaxLen(2)] = ()
    """Room below the KV cache, the fastest first: `cpu`, `disk`, or both. Chunks of prompts are written there as they
    are computed, which takes no time; the least recently used give way. What a prompt finds there behind what the KV
    cache has is loaded before the step that admits it, which waits (as LMCache does unless it loads asynchronously)."""
    chunk_tokens: Annotated[int, Ge(1), Le(65536)] = 256
    """Tokens that tiers hold and load as one, where conversations tell what prompts share: 256 in LMCache. Where hashes
    tell it, the length that a hash stands for."""

    def __post_init__(self) -> None:
        kinds, sizes = [tier.kind for tier in self.tiers], [tier.size for tier in self.tiers]
        if kinds not in ([], ["cpu"], ["disk"], ["cpu", "disk"]):
            raise ValueError(f"tiers are {', '.join(kinds)}; give `cpu`, `disk`, or `cpu` and then `disk`")
        if sizes != sorted(sizes):
            raise ValueError(
                "tiers must grow from the first to the last: each holds what the one before holds; raise the size of "
                "the last, or leave it out"
            )
        if self.tiers and self.hit_share is not None:
            raise ValueError("a stated hit_share cannot be combined with tiers; leave out one of the two")
        if self.tiers and self.chunk_tokens % self.block_tokens:
            raise ValueError(
                f"chunk_tokens ({self.chunk_tokens}) must be a multiple of block_tokens ({self.block_tokens})"
            )


Failure = Literal["rejected", "timeout", "lost"]


@record
class Retries:
    """Clients that send a request again when it fails: a new arrival with the same prompt, after a backoff.

    How long they wait for an answer is `admission.timeout`; each sending has its own. What they no longer wait for is
    dropped by the engine at the end of its step, and its GPU time is spent. A request that no replica can ever hold
    is not sent again.
    """

    attempts: Annotated[int, Ge(2), Le(64)] = 3
    """Sendings of a request at most, the first included (as `maxAttempts` of gRPC)."""
    on: Annotated[tuple[Failure, ...], MinLen(1)] = ("rejected", "timeout", "lost")
    """Failures after which it is sent again: turned away at the gateway; no answer in time; its replica was taken
    away and the plan loses such requests."""
    backoff: Seconds = 1.0
    """Wait before the second sending, from the failure on."""
    factor: Annotated[float, Ge(1), Le(100)] = 2.0
    """By which each further wait is longer."""
    max_backoff: Seconds = 30.0
    """Longest wait."""
    jitter: Share = 0.5
    """Part of each wait that is random: 0 = all clients wait alike, 1 = anything up to the wait."""
    budget: Annotated[Share, Gt(0)] | None = None
    """Retries per request, over all clients together: each first sending adds so much to a bucket, each retry takes 1
    (as in Finagle and Linkerd, which have 20%). With less than 1 in the bucket the client gives up. None = no limit."""
    burst: PositiveCount = 10
    """Retries that the bucket holds at most, and has at time 0."""

    def delays_s(self) -> tuple[float, ...]:
        """The wait after each sending but the last, without jitter."""
        waits, wait_s = [], self.backoff
        for _ in range(self.attempts - 1):
            waits.append(min(wait_s, self.max_backoff))
            wait_s = min(wait_s * self.factor, self.max_backoff)
        return tuple(waits)


@record
class Drain:
    """A replica that goes takes no new requests, and is paid until it has gone."""

    victims: ScaleDownOrder | None = None
    """Starting ones first, then the youngest; or as a ReplicaSet of Kubernetes: without a node, pending, not ready,
    with more siblings on its node, ready for a shorter time (on a scale of powers of 2), newer. None = `replica-set`
    under the controllers of Kubernetes, else `youngest`."""
    grace: Seconds | None = None
    """Time to finish the requests it has; what is left then is handled as `admission.in_flight` says. None = no limit.
    Kubernetes has 30 s (`terminationGracePeriodSeconds`) unless the Deployment says otherwise."""


@record
class Metrics:
    """The way from a replica to its autoscaler, as Prometheus and a metrics adapter are one."""

    scrape: Seconds | None = None
    """Between two samples of all replicas. 0 = at each step of the policy, with gauges as exact means since the last
    step: what a proxy in the path of the requests knows. None = 15 s under an HPA, KEDA or WVA, 10 s under Ray Serve,
    a minute under AWS, 5 s under Dynamo, else 0."""
    lag: Seconds = 0.0
    """From a sample until the controller can read it."""
    staleness: PositiveSeconds = 300.0
    """Age from which on a sample counts as no data."""
    missed: Share = 0.0
    """Share of the scrapes that fail; the last sample before stays until it is stale."""
    gateway: bool = True
    """Count requests at the gateway in totals of `waiting` and `in_flight`, and arrivals there as requests, as a
    gateway counts them. false = replicas are all that is measured, as with `vllm:` metrics: at zero replicas there is
    no data then, and nothing wakes the pool.
    """
    phase: bool = True
    """Begin scrapes and steps of the controller at random instants of their intervals, which differ by replication.
    false = both at time 0, on one grid.
    """
