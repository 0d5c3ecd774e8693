"""Least replica-time of requests: what no batching, no router and no autoscaler can save.

A step takes base(x) + b*P + c*n + d*K + q*Q, x = P + n its tokens (`StepTime`). Under the base lies a line: base(x) >=
f + s*x, with f, s >= 0. A request of p prompt tokens and o output tokens takes its own part of the steps it is in:

    prefill  (b + s) p + q p^2/2                              whatever the chunks; once, or more often
    decode   m_j = c + s + d (p + j - 1),  j = 1 ... o - 1    the first token comes with the prefill

Steps share their fixed part f among the sequences that decode in them. Three ways to say how thin, each of which holds
for all requests at once:

    sequences  n <= max_num_seqs, so that each decode token takes f/max_num_seqs at least;
    memory     the contexts of a step fit into the KV cache: f (p + j - 1)/capacity;
    pace       let the tokens of a step take it in proportion to their own parts m: of a step of length T >= f + sum(m),
               m T/(T - f). This is convex and falls with T, and a good request has a mean T of no more than
               L = min(TPOT, E2E/(o - 1)): each decode token takes m_1 f/(L - f) more at least (Jensen).

Summed over the good requests, prefill + decode + fixed part is a lower bound of the time in which replicas run steps,
hence of the time in which they are there; each line and each way gives one, and the largest counts. Not known is which
requests are good, only how many: the lightest. With speculation a sequence gets r tokens a step in the mean, and its
(o - 2)/r steps at least have rows of all drafts. With a prefix cache all of a prompt but its last token may be cached,
or the share that is stated, and contexts may share memory. It is assumed that to compute a prompt again takes no less
than the decode step that it spares.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from simcost.ledger.request_mix import RequestMix, lightest_first
from simcost.ledger.requests import LatencyLimits
from simcost.perf.step_time import StepTime

Floats = npt.NDArray[np.float64]
Line = tuple[float, float]
"""Intercept and slope."""
_LINES = 4
"""Lines under the base that are tried, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLimits:
    """Limits of the steps of a replica."""

    step: StepTime
    """With the engine factor of the run."""
    kv_tokens: int
    max_num_seqs: int
    max_step_tokens: int
    cached_share: float = 0.0
    """Of each prompt, at most; 0 = no prefix cache, 1 = all but its last token."""


def least_replica_s(replica: ReplicaLimits, mix: RequestMix, limits: LatencyLimits, good: float) -> float:
    """Replica-seconds without which fewer requests than `good` are good."""
    if not len(mix.counts):
        return 0.0
    costs = [cost for line in lines_below(replica) for cost in _costs(replica, mix, limits, line)]
    counts, seconds = lightest_first(max(costs, key=lambda cost: float((cost * mix.counts).sum())), mix.counts)
    return float(np.interp(good, counts, seconds))


def lines_below(replica: ReplicaLimits) -> list[Line]:
    """Lines under the base of all steps that a replica can take: edges of its lower convex hull."""
    step, most = replica.step, replica.max_step_tokens
    knots = [float(tokens) for tokens, _ in step.base if 1 < tokens < most]
    at = np.array([1.0, *knots, float(max(most, 2))])
    corners = list[tuple[float, float]]()
    for point in zip(at.tolist(), step.base_seconds(at).tolist(), strict=True):
        while len(corners) > 1 and _slope(corners[-2], point) <= _slope(corners[-2], corners[-1]):
            corners.pop()
        corners.append(point)
    found = [(y - _slope((x, y), end) * x, _slope((x, y), end)) for (x, y), end in pairwise(corners)]
    rising = [(intercept, slope) for intercept, slope in found if intercept >= 0 and slope >= 0]
    level = (min(y for _, y in corners), 0.0)
    return list(dict.fromkeys([level, *rising[:: max(len(rising) // _LINES, 1)], *rising[-1:]]))


def _slope(one: tuple[float, float], other: tuple[float, float]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0])


def _costs(replica: ReplicaLimits, mix: RequestMix, limits: LatencyLimits, line: Line) -> list[Floats]:
    """Seconds of a request of each bin, by the three ways to share the fixed part of a step."""
    step, (fixed_s, slope) = replica.step, line
    rate, drafts = step.tokens_per_step, step.draft is not None
    prompt, output = mix.prompt_tokens, mix.output_tokens
    steps = np.maximum(output - (2 if drafts else 1), 0.0) / rate
    context = prompt + np.maximum(output / 2 - 2 - rate / 2, 0.0)
    computed = np.maximum((1 - replica.cached_share) * prompt, 1.0)
    pairs = np.maximum((1 - replica.cached_share**2) * prompt**2 / 2, prompt - 0.5)
    prefill = (step.b_s_per_token + slope) * computed + step.q_s_per_pair * pairs
    token_s = step.c_s_per_sequence + slope * step.rows
    first_s = token_s + step.d_s_per_token * prompt
    own = prefill + steps * (token_s + step.d_s_per_token * context)
    decode_s = np.minimum(limits.tpot_s * np.maximum(output - 1, 1.0), limits.e2e_s)
    pace_s = decode_s / np.maximum(steps, 1e-9)
    spare = pace_s - fixed_s
    paced = np.where(spare > 1e-9, fixed_s / np.maximum(spare, 1e-9), 0.0)
    ways = [own + steps * fixed_s / replica.max_num_seqs, own + steps * first_s * paced]
    return ways if replica.cached_share else [*ways, own + steps * context * fixed_s / replica.kv_tokens]
