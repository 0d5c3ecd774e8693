"""Options of a search, and its document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simcost.errors import InputError, did_you_mean
from simcost.studies.argument_types import checked_factor
from simcost.tables.digests import sha256_of
from simcost.tables.object_stores import source_name

if TYPE_CHECKING:
    from simcost.billing.commitment.offered import Offered
    from simcost.catalog import Catalog
    from simcost.execution.options import EngineOptions
    from simcost.scenario.runs.supply_limits import SupplyLimits

Document = dict[str, Any]
Progress = Callable[[float, str], None]
OBJECTIVES = ("cost", "attainment", "latency", "jobs", "carbon", "risk", "quality")
"""Objectives of the front; cost always counts."""
Counts = Mapping[str, int] | Sequence[tuple[str, int]]
"""Numbers by name, each name once."""
SEEDS = 10
"""Replications of a search unless the scenario says; the confirmation takes as many."""
_EXECUTION = ("jobs", "engine", "options")
"""Fields that change no answer: of the file of commitments its content does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Options of the search.

    Raises:
        InputError: an unknown objective, a step factor that no engine has, a budget or a limit below 0, or a purchasing
            plan that offers no commitments.
        FaultsError: faults of the purchasing plan.
    """

    seeds: int | None = None
    seed: int | None = None
    fresh_seed: int | None = None
    """Of the runs that confirm; None = one that follows from the seed."""
    jobs: int = 1
    engine: EngineOptions | None = None
    mixes: bool = False
    """Propose fixed fleets of several kinds of replicas too."""
    options: Path | None = None
    """File of a purchasing plan with commitments that may be bought."""
    offers: tuple[Offered, ...] = ()
    """Commitments that may be bought, each up to what it states: those of the file, where there is one."""
    step_factor: float = 1.0
    """Factor on all step times: the plan meets the SLO even if each step takes so many times as long."""
    objectives: Sequence[str] = ()
    """Of the front, beside cost; none = all that are known."""
    front: int = 0
    """Plans that are simulated for the front alone, at most."""
    budget_usd: float | None = None
    """Most that a month may cost; None = whatever it does."""
    quota: Counts = ()
    """Most accelerators that a plan may take at a time, by name; of others any number."""
    available: Counts = ()
    """Most instances that a plan may take at a time, by `OFFER` or `OFFER@REGION`; of others any number."""

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in OBJECTIVES:
                known = did_you_mean(name, OBJECTIVES) or f"; objectives are {', '.join(OBJECTIVES)}"
                raise InputError(f"objectives: {name!r} is not an objective{known}")
        checked_factor(self.step_factor)
        usd = self.budget_usd
        if usd is not None and not (isinstance(usd, int | float) and 0 <= usd < inf):
            raise InputError(f"budget: {usd!r} is not a number of USD from 0 up")
        for key, limits in (("quota", self.quota), ("available", self.available)):
            names = list(limits) if isinstance(limits, Mapping) else [name for name, _ in limits]
            if again := [name for name, count in Counter(names).items() if count > 1]:
                raise InputError(f"{key}: names {', '.join(again)} more than once; write one number")
            for name, most in dict(limits).items():
                if isinstance(most, bool) or not isinstance(most, int) or most < 0:
                    raise InputError(f"{key}: {most!r} of {name!r} is not a whole number from 0 up")
        if self.options is not None:
            object.__setattr__(self, "offers", offers(self.options))

    @classmethod
    def of(cls, options: Mapping[str, Any], **others: Any) -> Self:
        """Settings from all that has the name of a field; the rest of the options is of something else."""
        return cls(**{one.name: options[one.name] for one in fields(cls) if one.name in options} | others)

    def question(self) -> dict[str, Any]:
        """All that the answer depends on, as plain data: how the search is executed is not of it."""
        from simcost.billing.commitment.offered import written

        asked = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _EXECUTION}
        return asked | {
            "objectives": sorted(set(self.objectives)),
            "offers": [written(offer) for offer in self.offers],
            "quota": dict(self.quota),
            "available": dict(self.available),
        }

    def inputs(self) -> dict[str, str]:
        """Digest of the file of the commitments, by its name; nothing where none may be bought."""
        return {} if self.options is None else {source_name(self.options): sha256_of(self.options)}

    def limits(self, catalog: Catalog) -> SupplyLimits:
        """Limits of what a plan may take at a time. Raises CatalogError for what is not in the catalog."""
        from simcost.scenario.runs.supply_limits import SupplyLimits

        return SupplyLimits(dict(self.quota), dict(self.available), catalog)


def slower_steps(factor: float) -> Document:
    """The factor as a document states it; nothing of one that is 1."""
    return {} if factor == 1.0 else {"step_factor": factor}


def note_on_steps(factor: float) -> list[str]:
    """The assumption that a factor is; none of one that is 1."""
    if factor == 1.0:
        return []
    return [f"Each step takes {factor:g} times as long as its model says; all figures are those of such steps."]


def offers(path: Path) -> tuple[Offered, ...]:
    """The commitments of a purchasing plan as options.

    Raises:
        FaultsError: faults of the file.
        InputError: it has no commitments, or prices that belong into the scenario.
    """
    from simcost.billing.commitment.offered import offered
    from simcost.scenario.inputs.purchasing import load_purchasing

    plan, _ = load_purchasing(path)
    if plan.prices or plan.spot or plan.catalog:
        raise InputError(
            f"{path}: has prices of its own, and the bill is that of the scenario; write `price` in its `buy`, or the "
            "folder of facts as its `catalog`, and leave commitments here"
        )
    return offered(plan.commitments)
