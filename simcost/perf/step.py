"""The time of one engine step as five coefficients, and where they come from."""

from dataclasses import dataclass
from typing import Literal

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Model
from simcost.perf.replica import ReplicaSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """t = a + b*P + c*B + d*K + q*Q, in seconds.

    P prefill tokens of the step; B decoding sequences; K their KV tokens (sum of contexts);
    Q causal attention pairs of the prefill chunks, sum of n*(p + n/2) for n new and p cached tokens.
    """

    a_s: float
    b_s_per_token: float
    c_s_per_sequence: float
    d_s_per_token: float
    q_s_per_pair: float
    provenance: Literal["calibrated", "analytic", "given"]
    source: str
    """One line: which fit or datasheet, its date and its error."""
    sigma: float
    """Log-normal spread of the whole step time (engine factor and model error), for intervals."""

    def seconds(self, prefill_tokens: float, sequences: float, kv_tokens: float, pairs: float) -> float:
        """The time of one step."""
        return (self.a_s + self.b_s_per_token * prefill_tokens + self.c_s_per_sequence * sequences
                + self.d_s_per_token * kv_tokens + self.q_s_per_pair * pairs)  # fmt: skip


def step_time(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> StepTime:
    """STUB: replaced by the perf helper."""
    raise NotImplementedError
