"""Benchmark scores of models, and what number formats and pruning change in them."""

from simcost.catalog.facts import Precision, Provenance
from simcost.record import record


@record
class BenchmarkScore(Provenance):
    """A published score of a model as it was served, or the points by which one lever changes it."""

    model: str
    metric: str
    """Benchmark, in lower case: `mmlu`, `gsm8k`. Scores of one metric were taken alike and can be compared."""
    precision: Precision | None = None
    """Of the weights. Empty: of a change, any."""
    kv_precision: Precision | None = None
    """Of the KV cache. Empty: of a score, 16 bits; of a change, any."""
    pruning: str = ""
    """`2:4`, `width hidden=3072 ffn=9216` or `depth layers=16`. Empty: of a score, none; of a change, any."""
    value: float | None = None
    """Score; with `precision`."""
    delta: float | None = None
    """Points on the score without the lever: a change, of the one lever that the row names."""

    def __post_init__(self) -> None:
        if (self.value is None) == (self.delta is None):
            raise ValueError("give value or delta, one of the two")
        levers = sum(map(bool, (self.precision, self.kv_precision, self.pruning)))
        if self.delta is not None and levers != 1:
            raise ValueError(f"a delta is of one lever, not of {levers}: precision, kv_precision or pruning")
        if self.value is not None and self.precision is None:
            raise ValueError("a value needs the precision of the weights")
