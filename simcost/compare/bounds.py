"""Bounds without simulation: the most that a replica can serve within latency limits; all are optimistic."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, inf

import numpy as np
import numpy.typing as npt

from simcost.ledger.request_mix import RequestMix, lightest_first
from simcost.perf.step_time import StepTime

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBounds:
    """Bounds for requests of one length."""

    tpot_alone_s: float
    """Time per output token at batch 1."""
    ttft_alone_s: float
    """Time to the first token of a request that meets no other."""
    largest_batch: int
    """Sequences that memory, the engine's limit and the TPOT allow together; 0 = the request does not fit."""
    rate_per_s: float
    """Requests per second that a replica serves, at most; 0 where a limit cannot be kept."""

    def least_replicas(self, rate_per_s: float) -> int | None:
        """Replicas for a rate, at least; None = no number is enough."""
        return ceil(rate_per_s / self.rate_per_s) if self.rate_per_s else None


def length_bounds(
    step: StepTime,
    *,
    kv_tokens: int,
    max_num_seqs: int,
    prompt_tokens: int,
    output_tokens: int,
    ttft_s: float = inf,
    tpot_s: float = inf,
) -> LengthBounds:
    """Bounds for requests of one length; the context is P + O/2 on average, the causal pairs are P^2/2.

    n* = min(max_num_seqs, KV / (P + O/2), (TPOT - a) / (c + d (P + O/2)))
    rate <= 1 / (b P + q P^2/2 + O (a / n* + c + d (P + O/2)))
    """
    context = prompt_tokens + output_tokens / 2
    prefill_s = step.b_s_per_token * prompt_tokens + step.q_s_per_pair * prompt_tokens**2 / 2
    token_s = step.c_s_per_sequence + step.d_s_per_token * context
    least_s = least_step_s(step)
    batch = 0
    if kv_tokens >= prompt_tokens + output_tokens:
        by_pace = (tpot_s - least_s) / token_s if token_s > 0 else inf
        batch = max(floor(min(max_num_seqs, kv_tokens / context, by_pace)), 0)
    kept = least_s + prefill_s <= ttft_s and least_s + token_s <= tpot_s
    rate = 1 / (prefill_s + output_tokens * (least_s / batch + token_s)) if batch and kept else 0.0
    return LengthBounds(
        tpot_alone_s=least_s + token_s, ttft_alone_s=least_s + prefill_s, largest_batch=batch, rate_per_s=rate
    )


def least_step_s(step: StepTime) -> float:
    """Time that each step takes whatever is in it, at least."""
    return step.a_s + min((seconds for _, seconds in step.base), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixBounds:
    """Bounds for a mix of requests on replicas of one kind."""

    curves: tuple[tuple[Floats, Floats], ...]
    """Requests, the lightest first, and the replica-seconds that these need at least: one curve by the sequences that
    an engine runs together, one by the contexts that fit into memory."""
    requests: float
    hopeless: float
    """Share of the requests that miss a limit even alone."""
    span_s: float
    """Length of the run."""
    alone: Mapping[str, tuple[float, float]]
    """Share of the requests that miss a limit even alone, and the time in which the share asked for is there, by the
    limit: `ttft_s`, `tpot_s`.
    """

    @property
    def excludes(self) -> tuple[str, float] | None:
        """The limit that most requests miss alone, and the time in which the share asked for is there."""
        name = max(self.alone, key=lambda limit: self.alone[limit][0])
        missed, least_s = self.alone[name]
        return (name, least_s) if missed > 0 else None

    def attainment(self, replicas: float, factor: float, *, unjudged: float) -> float:
        """Share of good requests, at most.

        Args:
            replicas: that are there throughout.
            factor: on the step time.
            unjudged: requests that may still be in the system at the end, neither good nor late.
        """
        time_s = replicas * self.span_s / factor
        good = min(float(np.interp(time_s, seconds, counts)) for counts, seconds in self.curves)
        return min(good / max(self.requests - unjudged, 1.0), 1 - self.hopeless, 1.0)

    def least_replicas(self, share: float, factor: float, *, unjudged: float) -> float:
        """Mean number of replicas without which fewer than this share are good."""
        good = share * max(self.requests - unjudged, 0.0)
        return max(float(np.interp(good, *curve)) for curve in self.curves) * factor / self.span_s


def mix_bounds(
    step: StepTime,
    mix: RequestMix,
    *,
    kv_tokens: int,
    max_num_seqs: int,
    span_s: float,
    factor: float,
    ttft_s: float,
    tpot_s: float,
    share: float = 1.0,
) -> MixBounds:
    """Bounds for requests that are all known; each output token after the first takes its part of a step, with
    speculation as many of them as are accepted in the mean, all but one of the last step.

    Steps hold no more sequences than the engine allows and no more contexts than the memory, so that their fixed
    part a is shared by no more than that.

    Args:
        step: the step time, without an engine factor.
        mix: the requests.
        kv_tokens: of a replica.
        max_num_seqs: running sequences at most.
        span_s: length of the run.
        factor: engine factor, with which latencies are judged.
        ttft_s: limit of a good request.
        tpot_s: limit of a good request.
        share: of the requests, which are to be good.
    """
    prompt, output = mix.prompt_tokens, mix.output_tokens
    rate = step.tokens_per_step
    decoded = np.maximum(output - (1 if step.draft is None else 2), 0.0) / rate
    context = prompt + output / 2
    prefill = step.b_s_per_token * prompt + step.q_s_per_pair * prompt**2 / 2
    least_s = least_step_s(step)
    token_s = step.c_s_per_sequence + step.d_s_per_token * context
    first_s = (least_s + step.c_s_per_sequence + step.d_s_per_token * prompt) / step.rows  # if all drafts are accepted
    alone_s = {
        "ttft_s": (least_s + prefill) * factor,
        "tpot_s": np.where(output > 2, first_s * factor, 0.0),
    }
    late, slow = alone_s["ttft_s"] > ttft_s, alone_s["tpot_s"] > tpot_s
    hopeless = late | slow | (prompt + output > kv_tokens)
    parts = (np.full(len(context), 1 / max_num_seqs), context / kv_tokens)
    total = float(mix.counts.sum())
    alone = {}
    for (name, values_s), missed in zip(alone_s.items(), (late, slow), strict=True):
        part = float(mix.counts[missed].sum()) / total if total else 0.0
        alone[name] = part, _reached(values_s, mix.counts, share) if part > 1 - share else 0.0
    return MixBounds(
        curves=tuple(lightest_first(prefill + decoded * (token_s + least_s * part), mix.counts) for part in parts),
        requests=total,
        hopeless=float(mix.counts[hopeless].sum()) / total if total else 0.0,
        span_s=span_s,
        alone=alone,
    )


def _reached(values: Floats, counts: Floats, share: float) -> float:
    """The least value that so large a share of the counts does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    place = np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))
    return float(values[order][min(place, len(order) - 1)])
