"""Speed-ups by speculative decoding against published ones: docs/validation.md shows the same rows."""

from math import exp, log
from statistics import median
from typing import NamedTuple

from simcost.catalog import load_catalog
from simcost.perf import ReplicaSpec, step_time
from simcost.perf.speculation import Speculation
from simcost.perf.step_time import SPECULATION_SIGMA

CATALOG = load_catalog()
CONTEXT = 1024


class Published(NamedTuple):
    """Tokens/s with speculation over those without, decoding alone."""

    model: str
    accelerator: str
    tp: int
    precision: str
    batch: int
    speculation: Speculation
    speedup: float


def eagle(tokens: int, **acceptance: object) -> Speculation:
    return Speculation(drafter="eagle3", tokens=tokens, **acceptance)  # type: ignore[arg-type]


MTP = Speculation(drafter="mtp", tokens=1, task="mean", precision="fp8")
ROWS = [
    *(
        Published("gpt-oss-120b", "h100-sxm", 1, "fp4", 8, eagle(drafts, task="reasoning"), speedup)
        for drafts, speedup in ((2, 1.19), (3, 1.21), (4, 1.25), (6, 1.15))
    ),
    *(
        Published("gpt-oss-120b", "h100-sxm", 1, "fp4", batch, eagle(3, length=length), speedup)
        for batch, length, speedup in ((1, 2.41, 1.34), (8, 2.41, 1.31), (64, 2.43, 1.44))
    ),
    Published("qwen3-8b", "h100-sxm", 1, "bf16", 1, eagle(2, task="mean"), 1.70),
    Published("qwen3-32b", "h100-sxm", 1, "bf16", 1, eagle(2, task="mean"), 1.71),
    Published("qwen3-30b-a3b", "h100-sxm", 1, "bf16", 1, eagle(2, task="mean"), 1.37),
    Published("llama-3.1-8b", "h100-sxm", 1, "bf16", 64, eagle(3, task="mt-bench"), 1.38),
    Published("deepseek-v3", "h200-sxm", 8, "fp8", 1, MTP, 1.8),
    Published("deepseek-v3", "h200-sxm", 8, "fp8", 32, MTP, 1.5),
]


def predicted(row: Published) -> float:
    model, accelerator = CATALOG.model(row.model), CATALOG.accelerator(row.accelerator)
    plain, drafted = (
        step_time(
            CATALOG,
            model,
            accelerator,
            ReplicaSpec(
                accelerator=row.accelerator,
                tp=row.tp,
                precision=row.precision,  # type: ignore[arg-type]
                speculation=speculation,
            ),
        )
        for speculation in (None, row.speculation)
    )
    load = (0, row.batch, row.batch * CONTEXT, 0)
    return plain.seconds(*load) / drafted.seconds(*load) * drafted.tokens_per_step


def test_published_speedups_are_met_within_the_stated_spread() -> None:
    errors = [log(predicted(row) / row.speedup) for row in ROWS]
    spread = (sum(error**2 for error in errors) / len(errors)) ** 0.5
    assert abs(spread - SPECULATION_SIGMA) < 0.02
    assert abs(exp(median(errors)) - 1) < 0.08
    assert sum((predicted(row) > 1) == (row.speedup > 1) for row in ROWS) >= len(ROWS) - 2
