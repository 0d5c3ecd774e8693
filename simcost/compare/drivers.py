"""Drivers of the cost difference between two plans."""

from dataclasses import dataclass
from math import fsum

from simcost.compare.comparison import Comparison
from simcost.compare.results import PlanSummary
from simcost.compare.verdict import GPU_TIME
from simcost.units import NO_SHARE, format_count, format_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class CostDrivers:
    """The difference of the mean monthly costs, `plan` minus `against`, taken apart; pairs are (plan, against).

    Compute is price x hours, so its difference is (price difference x mean hours) + (hour difference x mean
    price), without a rest (Bennet 1920). The price per accelerator-hour is what was paid, minimums and
    rounding included.
    """

    plan: str
    against: str
    effects_usd: dict[str, float]
    """price and hours, storage, transfer: USD a month; they add up to the difference. In place of the first two
    compute, where nodes without accelerators have a part in it."""
    usd_per_accelerator_hour: tuple[float, float] | None
    accelerator_hours: tuple[float, float] | None
    """A month."""
    by_state_usd: dict[str, tuple[float, float]]
    """Compute cost a month by state."""

    def sentences(self) -> list[str]:
        """The effects that matter, largest first, then where the compute money goes."""
        size = fsum(map(abs, self.effects_usd.values()))
        effects = sorted(self.effects_usd.items(), key=lambda item: -abs(item[1]))
        lines = [self._sentence(name, usd) for name, usd in effects if abs(usd) > max(0.005 * size, 0.005)]
        return [*lines, *self._states()]

    def _sentence(self, name: str, usd: float) -> str:
        effect = f"{'+' if usd > 0 else ''}{format_usd(usd)} a month"
        if name == "price" and self.usd_per_accelerator_hour is not None:
            own, other = map(format_usd, self.usd_per_accelerator_hour)
            return f"Price per accelerator-hour: {own} against {other} in {self.against}: {effect}."
        if name == "hours" and self.accelerator_hours is not None:
            own, other = map(format_count, self.accelerator_hours)
            return f"Accelerator-hours a month: {own} against {other} in {self.against}: {effect}."
        return f"{name.capitalize()}: {effect}."

    def _states(self) -> list[str]:
        totals = [fsum(pair[side] for pair in self.by_state_usd.values()) for side in (0, 1)]
        if min(totals) <= 0:
            return []
        shares = {state: [pair[side] / totals[side] for side in (0, 1)] for state, pair in self.by_state_usd.items()}
        if max(abs(own - other) for own, other in shares.values()) < 0.01:
            return []
        parts = [
            f"{GPU_TIME.get(state, state).replace('_', ' ')} {_whole(own)} ({_whole(other)})"
            for state, (own, other) in shares.items()
            if max(own, other) >= 0.005
        ]
        return [f"Compute money of {self.plan} (of {self.against}) by state: {', '.join(parts)}."]


def _whole(share: float) -> str:
    """A share in whole per cent; 0 and 100 only where it is that.

    >>> [_whole(share) for share in (0.0, 0.004, 0.31, 0.996, 1.0)]
    ['0 %', '< 1 %', '31 %', '> 99 %', '100 %']
    """
    if NO_SHARE < share < 0.005:
        return "< 1 %"
    return "> 99 %" if 0.995 <= share < 1 - NO_SHARE else f"{100 * share:.0f} %"


def drivers(comparison: Comparison) -> CostDrivers | None:
    """The best plan against the baseline; where the baseline is the best, the next one against it."""
    base = comparison.baseline
    other = next((plan for plan in comparison.ranked if plan is not base), None)
    return None if other is None else _decompose(other, base)


def _decompose(plan: PlanSummary, against: PlanSummary) -> CostDrivers:
    services = [side.a_month(lambda run: run.bill.by_category_usd()) for side in (plan, against)]
    states = [side.a_month(lambda run: run.bill.compute_by_state_usd) for side in (plan, against)]
    spent = [usd["compute"] for usd in services]
    storage, transfer, tokens = (
        services[0].get(name, 0.0) - services[1].get(name, 0.0) for name in ("storage", "transfer", "tokens")
    )
    hours = price = None
    compute = {"compute": spent[0] - spent[1]}
    if not (plan.on_processors or against.on_processors):
        hours = _hours(plan), _hours(against)
        price = _price(spent[0], hours[0], spent[1], hours[1]), _price(spent[1], hours[1], spent[0], hours[0])
        compute = {
            "price": (price[0] - price[1]) * (hours[0] + hours[1]) / 2,
            "hours": (hours[0] - hours[1]) * (price[0] + price[1]) / 2,
        }
    return CostDrivers(
        plan=plan.name,
        against=against.name,
        effects_usd={
            **compute,
            "storage": storage,
            "transfer": transfer,
            **({"tokens": tokens} if tokens else {}),
        },
        usd_per_accelerator_hour=price,
        accelerator_hours=hours,
        by_state_usd={
            state: (states[0].get(state, 0.0), states[1].get(state, 0.0)) for state in {**states[0], **states[1]}
        },
    )


def _price(usd: float, hours: float, other_usd: float, other_hours: float) -> float:
    """USD per accelerator-hour; a side without hours takes the price of the other, so that hours explain all."""
    if hours > 0:
        return usd / hours
    return other_usd / other_hours if other_hours > 0 else 0.0


def _hours(plan: PlanSummary) -> float:
    """Accelerator-hours a month."""
    return plan.a_month(lambda run: {"accelerators": run.accelerator_hours})["accelerators"]
