"""Plans of several services that are within the limits of the supply together.

Where the best plans of the services are, they are the answer. Else one plan of each is chosen, so that they cost least
by what is known of each: its results, or the least that it can cost. Those of the choice that are not proved are
simulated to their end and confirmed, or leave; then it is made again, until it is of proved plans alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from simcost.compare.limited_choice import LimitedOption, cheapest_within, fits, taken_by
from simcost.scenario.runs.supply_limits import SupplyLimits, Taken
from simcost.studies.optimizing.confirmed import TRIES
from simcost.studies.optimizing.search import PlanSearch
from simcost.studies.optimizing.settings import Document

Chosen = Mapping[str, LimitedOption]
"""By service."""


def fit_together(searches: Mapping[str, PlanSearch], limits: SupplyLimits) -> Document | None:
    """Let searches that have ended choose plans that are within the limits together.

    Args:
        searches: by service, each within the limits alone.
        limits: of all services together.

    Returns:
        Where no plans are, what there is and what each service takes at least; else None.
    """
    if not limits:
        return None
    if any(search.best is None for search in searches.values()):
        return _short(searches, limits) if all(search.wanted() for search in searches.values()) else None
    own = {name: _named(search, search.best) for name, search in searches.items() if search.best is not None}
    chosen = own if _fit(own.values(), limits) else _cheapest(searches, limits)
    if chosen is None:
        return _short(searches, limits)
    for name, search in searches.items():
        others = [option for other, option in chosen.items() if other != name]
        if chosen is own and (search.second is None or _fit([*others, _named(search, search.second)], limits)):
            continue
        second = _second(search, chosen[name], others, limits)
        if chosen is own:
            search.second = second
        else:
            search.choose(chosen[name].name, second)
    return None


def _cheapest(searches: Mapping[str, PlanSearch], limits: SupplyLimits) -> Chosen | None:
    """The proved plans that cost least together; None = none are within the limits."""
    while True:
        found = cheapest_within([search.options() for search in searches.values()], limits.most)
        if found is None:
            return None
        chosen = dict(zip(searches, found, strict=True))
        if all(searches[name].is_proved(option.name) for name, option in chosen.items()):
            return chosen
        for name, option in chosen.items():
            searches[name].prove(option.name)


def _second(
    search: PlanSearch, best: LimitedOption, others: Sequence[LimitedOption], limits: SupplyLimits
) -> str | None:
    """The next cheapest plan of a service that fits with the chosen ones of the others; None = none that was tried."""
    for _ in range(TRIES):
        options = [
            option for option in search.options() if option.name != best.name and _fit([*others, option], limits)
        ]
        first = min(options, key=lambda option: option.usd, default=None)
        if first is None or search.is_proved(first.name):
            return None if first is None else first.name
        search.prove(first.name)
    return None


def _named(search: PlanSearch, name: str) -> LimitedOption:
    return next(option for option in search.options() if option.name == name)


def _fit(chosen: Iterable[LimitedOption], limits: SupplyLimits) -> bool:
    return fits(taken_by(list(chosen), len(limits.most)), limits.most)


def _short(searches: Mapping[str, PlanSearch], limits: SupplyLimits) -> Document:
    """Supply, and the least that each service takes: that of plans which may hold and none undercuts."""
    names = [limit.name for limit in limits.limits]
    return {
        "limits": {limit.name: limit.most for limit in limits.limits},
        "least": {
            name: [
                {of: count for of, count in zip(names, taken, strict=True) if count}
                for taken in _least({option.taken for option in search.wanted()})
            ]
            for name, search in searches.items()
        },
    }


def _least(every: Collection[Taken]) -> list[Taken]:
    """Those than which none takes less of something and no more of anything."""
    return [one for one in sorted(every) if not any(other != one and fits(other, one) for other in every)]
