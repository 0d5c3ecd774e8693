"""Prefill and decode apart against published measurements: the signs, and the rough size.

Mooncake documentation: Qwen2.5-7B in int4 on two nodes with A10, one that prefills and one that decodes against two
that do both. The speed of its network is not stated.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from simcost.catalog import load_catalog
from simcost.perf import ReplicaSpec, fit_memory, step_time
from simcost.perf.kv_cache import kv_bytes_per_token
from simcost.plan import Batching, Fixed
from simcost.plan.disaggregation import HandOver, Link
from simcost.sim import simulate
from simcost.sim.serving.pool import Pool, PrefillSide
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

SEEDS = 4
BATCHING = Batching(max_num_batched_tokens=2048)
LINK = Link(bandwidth=2.5e9)


def pools(tp: int) -> tuple[Pool, Pool]:
    """Apart, and together."""
    catalog = load_catalog()
    model, accelerator = catalog.model("qwen2.5-7b"), catalog.accelerator("a10")
    spec = ReplicaSpec(accelerator="a10", tp=tp, precision="int4")

    def pool(replicas: int, prefill: PrefillSide | None = None) -> Pool:
        return Pool(
            name="p",
            step=step_time(catalog, model, accelerator, spec),
            kv_capacity_tokens=fit_memory(model, accelerator, spec, 2048).kv_capacity_tokens,
            scaling=Fixed(replicas=replicas),
            batching=BATCHING,
            prefill=prefill,
        )

    side = PrefillSide(
        pool=pool(1),
        hand_over=HandOver(link=LINK),
        transfer_s_per_token=kv_bytes_per_token(model, tp, "bf16") / LINK.bandwidth,
        layers=model.layers,
    )
    return pool(1, side), pool(2)


def measured(pool: Pool, prompt: int, output: int, rate: float, count: int, folder: Path) -> np.ndarray:
    """Tokens per second, mean and P99 of TTFT, mean and P99 of TPOT, over some seeds."""
    found = []
    for seed in range(SEEDS):
        arrival_s = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))
        lengths = np.full(count, prompt, np.int32), np.full(count, output, np.int32)
        requests = RequestBatch((arrival_s * 1e9).astype(np.int64), *lengths)
        rows = folder / "rows.parquet"
        simulate(pool, iter([requests]), horizon_s=4 * count / rate + 60, rows=rows)
        table = pq.read_table(rows)
        ttft, e2e, arrival = (table[name].to_numpy() for name in ("ttft_s", "e2e_s", "arrival_s"))
        assert len(ttft) == count
        tpot = (e2e - ttft) / (output - 1)
        tokens_per_s = count * output / ((arrival + e2e).max() - arrival.min())
        found.append([tokens_per_s, ttft.mean(), np.quantile(ttft, 0.99), tpot.mean(), np.quantile(tpot, 0.99)])
    return np.mean(found, axis=0)


@pytest.mark.parametrize(
    ("tp", "prompt", "output", "rate", "count", "apart", "together"),
    [
        (4, 8192, 512, 1.0, 50, (408, 0.733, 2.953, 0.00723, 0.0108), (428, 0.767, 1.265, 0.01030, 0.0127)),
        (2, 2048, 512, 4.0, 200, (1215, 1.112, 2.726, 0.0171, 0.0197), (1223, 0.310, 0.721, 0.0257, 0.295)),
    ],
)
def test_latencies_move_as_published(
    tmp_path: Path,
    tp: int,
    prompt: int,
    output: int,
    rate: float,
    count: int,
    apart: tuple[float, ...],
    together: tuple[float, ...],
) -> None:
    one, other = (measured(pool, prompt, output, rate, count, tmp_path) for pool in pools(tp))
    for simulated, published in ((one, apart), (other, together)):
        assert simulated[0] == pytest.approx(published[0], rel=0.6)
        ratio = simulated[[1, 3]] / np.array(published)[[1, 3]]
        assert ((ratio > 1 / 3) & (ratio < 3)).all()
    assert one[0] == pytest.approx(other[0], rel=0.05)  # about equal throughput
    assert one[2] > 1.3 * other[2]  # a longer tail of TTFT
    assert one[3] < 0.9 * other[3]  # and shorter gaps between tokens, in the mean
    assert one[4] < 0.9 * other[4]  # and in the tail
