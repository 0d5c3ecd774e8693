"""llm-d's endpoint picker: a weighted sum of scores, and a way to pick.

Semantics: llm-d-inference-scheduler pkg/epp.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import MinLen

from simcost.plan.routing.router_rules import RouterRules
from simcost.plan.routing.scorers import Scorer, Weight
from simcost.record import record
from simcost.units import Seconds


@record
class Weighted:
    """A scorer and what it counts."""

    scorer: Scorer
    """Scorer that gives each replica a number from 0 to 1."""
    weight: Weight = 1.0
    """By which its number is multiplied."""


@record
class EndpointPicker(RouterRules):
    """The replica with the highest weighted sum of scores; or one at random, by weight of its score or not."""

    kind: Literal["endpoint-picker"] = "endpoint-picker"
    code: ClassVar[int] = 7
    scorers: Annotated[tuple[Weighted, ...], MinLen(1)]
    """Added up by their weights."""
    picker: Literal["max-score", "random", "weighted-random"] = "max-score"
    """The highest score; any replica; or any, the likelier the higher its score."""
    refresh: Seconds = 0.05
    """Age that signals of the engines may have; 0 = always exact. What the picker counts itself is."""

    def report_age(self) -> float:
        """The age of the signals of the engines."""
        return self.refresh
