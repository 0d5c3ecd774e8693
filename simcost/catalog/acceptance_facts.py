"""Published acceptance of drafts in speculative decoding."""

from typing import Annotated

from annotated_types import Ge

from simcost.catalog.facts import Provenance
from simcost.record import record
from simcost.units import PositiveCount


@record
class DraftAcceptance(Provenance):
    """Tokens that a step brought in the mean, of a drafter, a target and a task."""

    drafter: str
    """`eagle3`, `mtp`, `ngram`, or the name of a model."""
    model: str
    """The target: the model that verified."""
    task: str
    """Benchmark, in lower case: `mt-bench`, `gsm8k`; `mean` of several."""
    drafts: PositiveCount
    """In each step."""
    tokens_per_step: Annotated[float, Ge(1)]
    """That of the target included."""
    rates: str = ""
    """Of each position, the share of steps in which all drafts up to it were accepted: `0.58 0.31 0.16`."""

    @property
    def by_position(self) -> tuple[float, ...]:
        """The rates as numbers."""
        return tuple(map(float, self.rates.split()))

    def __post_init__(self) -> None:
        if self.tokens_per_step > self.drafts + 1:
            raise ValueError(f"tokens_per_step is more than the {self.drafts} drafts and one token of a step")
        if self.rates and len(self.by_position) != self.drafts:
            raise ValueError(f"rates has {len(self.by_position)} positions, and drafts is {self.drafts}")
