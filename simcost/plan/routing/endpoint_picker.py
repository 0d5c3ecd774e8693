"""llm-d's endpoint picker: a weighted sum of scores, perhaps a gate before it, and a way to pick.

Semantics: llm-d-inference-scheduler pkg/epp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Le, MinLen

from simcost.plan.routing.scorers import Endpoints, Scorer, Weight, only
from simcost.units import Seconds

if TYPE_CHECKING:
    import numpy as np

    from simcost.plan.routing.scorers import Flags, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """A scorer and what it counts."""

    scorer: Scorer
    """What gives each replica a number from 0 to 1."""
    weight: Weight = 1.0
    """By which its number is multiplied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityGate:
    """Only replicas that have the prompt cached, unless that costs too much time to first token."""

    threshold: Annotated[float, Ge(0), Le(1)] = 0.80
    """Share of the prompt."""
    max_ttft_penalty: Seconds = 5.0
    """Predicted, over the best of all; 0 = always stick."""
    explore: Annotated[float, Ge(0), Le(1)] = 0.01
    """Probability of skipping the gate."""

    def admits(self, seen: Endpoints, rng: np.random.Generator) -> Flags:
        """Which replicas stay."""
        import numpy as np

        sticky: Flags = seen.need("matched") >= self.threshold
        everyone: Flags = np.ones(len(sticky), np.bool_)
        if not sticky.any() or rng.random() < self.explore:
            return everyone
        if self.max_ttft_penalty and seen.ttft_s is not None and not sticky.all():
            penalty = seen.ttft_s[sticky].min() - seen.ttft_s.min()
            return everyone if penalty > self.max_ttft_penalty else sticky
        return sticky


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPicker:
    """The replica with the highest weighted sum of scores; or one at random, by weight of its score or not."""

    kind: Literal["endpoint-picker"] = "endpoint-picker"
    code: ClassVar[int] = 7
    scorers: Annotated[tuple[Weighted, ...], MinLen(1)]
    """Added up by their weights."""
    picker: Literal["max-score", "random", "weighted-random"] = "max-score"
    """The highest score; any replica; or any, the likelier the higher its score."""
    gate: AffinityGate | None = None
    """Passed before scores count; None = none."""
    refresh: Seconds = 0.05
    """Age that signals of the engines may have; 0 = always exact. What the picker counts itself is."""

    def total(self, seen: Endpoints) -> Floats:
        """The weighted sum, each score clamped to 0..1."""
        import numpy as np

        parts = [one.weight * np.clip(one.scorer.score(seen), 0.0, 1.0) for one in self.scorers]
        return np.sum(parts, axis=0)  # type: ignore[no-any-return]

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        import numpy as np

        total = self.total(seen)
        if self.gate is not None:
            total = only(self.gate.admits(seen, rng), total)
        if self.picker == "max-score":
            return total
        candidates = np.isfinite(total)
        if self.picker == "random":
            return only(candidates, rng.random(len(total)))
        if not (total[candidates] > 0).any():
            return only(candidates, rng.random(len(total)))
        keys = rng.random(len(total)) ** (1.0 / np.maximum(total, 1e-12))  # A-Res, Efraimidis and Spirakis (2006)
        return only(candidates & (total > 0), keys)
