"""Small pools and arrivals that the simulator's tests share."""

from collections.abc import Iterator

import numpy as np

from simcost.perf import StepTime
from simcost.plan import Fixed
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch


def step(a_s: float, b: float = 0.0, c: float = 0.0, d: float = 0.0, q: float = 0.0) -> StepTime:
    return StepTime(
        a_s=a_s,
        b_s_per_token=b,
        c_s_per_sequence=c,
        d_s_per_token=d,
        q_s_per_pair=q,
        provenance="given",
        source="test",
        sigma=0.0,
    )


CHAT = Pool(
    name="chat",
    step=step(6e-3, 32e-6, 20e-6, 49e-9, 1e-9),
    kv_capacity_tokens=50_000,
    scaling=Fixed(replicas=2),
    weights_bytes=16e9,
)


def poisson(
    rate_per_s: float, span_s: float, seed: int = 1, prompt: int = 500, output: int = 100, batch: int = 10_000
) -> Iterator[RequestBatch]:
    """Poisson arrivals with geometric-like token counts around the means; 0 spread where the mean is 1."""
    g = np.random.default_rng(seed)
    times = np.sort(g.uniform(0, span_s * 1e9, g.poisson(rate_per_s * span_s))).astype(np.int64)
    prompts = g.integers(1, 2 * prompt, len(times)).astype(np.int32)
    outputs = g.integers(1, 2 * output, len(times)).astype(np.int32)
    for i in range(0, len(times), batch):
        yield RequestBatch(times[i : i + batch], prompts[i : i + batch], outputs[i : i + batch])
