"""Savings that overlap: actions one after another, each by what it still saves after those before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simcost.units import difference_usd

Together = Callable[[tuple[str, ...]], float | None]
"""Cost of several actions together; None where they miss the SLO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStep:
    """An action after those before it."""

    action: str
    saves_usd: float
    usd_after: float


def in_sequence(
    actions: Sequence[str], before_usd: float, together: Together, least_usd: float, *, required: bool = False
) -> list[ActionStep]:
    """Actions in the order of what each still saves while all of them together keep the SLO.

    Args:
        actions: names of the actions.
        before_usd: cost without any.
        together: cost of some of them, in the order in which they are taken.
        least_usd: what a further action must save.
        required: without any the SLO is missed, so that the first is taken even if it costs more.

    >>> usd = {("a",): 7.0, ("b",): 8.0, ("a", "b"): 6.5}
    >>> [(step.action, step.saves_usd) for step in in_sequence(["b", "a"], 10.0, usd.get, 0.1)]
    [('a', 3.0), ('b', 0.5)]
    """
    steps: list[ActionStep] = []
    usd = before_usd
    while rest := [name for name in actions if name not in {step.action for step in steps}]:
        taken = tuple(step.action for step in steps)
        costs = [(cost, name) for name in rest if (cost := together((*taken, name))) is not None]
        best = min(costs, key=lambda pair: pair[0], default=None)
        if best is None or (usd - best[0] < least_usd and (steps or not required)):
            break
        steps.append(ActionStep(action=best[1], saves_usd=difference_usd(usd, best[0]), usd_after=best[0]))
        usd = best[0]
    return steps


def with_best(
    steps: Sequence[ActionStep], actions: Sequence[str], together: Together, least_usd: float
) -> list[ActionStep]:
    """Actions that are taken, and the one of others that saves most after them.

    Args:
        steps: what is taken, at least one.
        actions: names of the others.
        together: as above.
        least_usd: what it must save; without one that does the steps stay as they are.

    >>> sized, usd = ActionStep(action="one node", saves_usd=4.0, usd_after=6.0), {"1": 4.0, "2": 7.0}
    >>> [step.action for step in with_best([sized], ["1", "2"], lambda names: usd[names[-1]], 0.1)]
    ['one node', '1']
    """
    taken, usd = tuple(step.action for step in steps), steps[-1].usd_after
    costs = [(cost, name) for name in actions if (cost := together((*taken, name))) is not None]
    best = min(costs, key=lambda pair: pair[0], default=None)
    if best is None or usd - best[0] < least_usd:
        return list(steps)
    return [*steps, ActionStep(action=best[1], saves_usd=difference_usd(usd, best[0]), usd_after=best[0])]
