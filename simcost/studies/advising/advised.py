"""A plan as the advisor asks about it, whatever its parts: one pool, services that depend on each other, jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from simcost.compare.entrants import Entrant
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.whole_plans import WholePlans
from simcost.studies.advising.kinds import ActionKind
from simcost.studies.advising.result import Certainty, FieldChange

Simulated = Simulations | WholePlans
"""Simulations of plans on the same seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Plans that actions of one kind make."""

    combinations: int
    entrants: Sequence[Entrant]
    """Those that may serve enough, and that differ from the plan."""
    none: str
    """Reason where there are none."""


class AdvisedPlan(Protocol):
    """A plan, the plans that actions make of it, and their simulations in the search and on fresh seeds."""

    name: str

    @property
    def searched(self) -> Simulated:
        """Simulations on the seeds of the search."""

    @property
    def confirmed(self) -> Simulated:
        """Simulations on fresh seeds."""

    def questions(self) -> Sequence[ResolvedScenario]:
        """Those of its services, or its own."""

    def kinds(self) -> Sequence[ActionKind]:
        """Kinds of actions to try, those of the least effort first."""

    def choices(self, kinds: Sequence[ActionKind]) -> Iterator[Choices]:
        """The plans of each kind; from then on they can be simulated by their names."""

    def together(self, names: Sequence[str]) -> str:
        """Name of the plan with several actions, from then on known. Raises InputError where they contradict."""

    def changes(self, name: str) -> tuple[FieldChange, ...]:
        """Fields in which a plan differs from the one that is advised on."""

    def written(self, name: str) -> Mapping[str, Any]:
        """A plan as a scenario has it."""

    def spot_rates(self, name: str) -> Sequence[float | None]:
        """Interruptions of a spot node an hour, of each pool that may have such nodes: 0 = they are never taken back,
        None = as a recorded availability has it.
        """

    def certainty(self, name: str) -> Certainty:
        """Of what is simulated of a plan."""

    def about(self) -> tuple[Sequence[str], Mapping[str, Any]]:
        """Assumptions and provenance."""
