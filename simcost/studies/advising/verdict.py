"""Verdict of an advice in a few sentences."""

from collections.abc import Sequence

from simcost.compare.verdict import on_futures, percent
from simcost.studies.advising.result import Advice, AdvisedAction, TriedKind
from simcost.units import format_usd, format_usd_between


def verdict(advice: Advice) -> str:
    """First action and what all of them save, or that there is nothing to do; then what the runs do not show."""
    return " ".join([_actions(advice), *advice.cautions])


def _actions(advice: Advice) -> str:
    """First action and what all of them save, or that there is nothing to do."""
    plan = f"{advice.plan} at {format_usd(advice.usd_per_month)} a month"
    taken = [action for action in advice.actions if action.then_usd_per_month is not None]
    if not advice.eligible:
        return _of_services(advice, plan, taken) if advice.services else _repair(advice, plan, taken)
    if not taken:
        tried, least = sum(one.plans for one in advice.tried), format_usd(advice.least_saving_usd_per_month)
        return (
            f"Nothing to do: of {tried:,} changes of {plan}, none keeps the SLO {_sure(advice)} and saves {least} a "
            f"month or more{_untried(advice.tried)}."
        )
    share = percent(advice.total_saving_usd_per_month / advice.usd_per_month)
    more = f"; with the next {len(taken) - 1}, one after another," if len(taken) > 1 else ":"
    counted = advice.replications > 1 and advice.least_of_futures is None
    confidence = f" with {100 * advice.level:g} % confidence" if counted else ""
    return (
        f"{_first(taken[0])} saves {_interval(taken[0])} of {plan}{more} "
        f"{format_usd(advice.total_saving_usd_per_month)} ({share}) in all. Each keeps the SLO "
        f"{_proof(advice)}{confidence}."
    )


def _sure(advice: Advice) -> str:
    """The confidence with which a plan keeps the SLO; futures that meet it are counted."""
    return f"with {100 * advice.level:g} % confidence" if advice.least_of_futures is None else "in enough futures"


def _proof(advice: Advice) -> str:
    """The fresh runs by which an action keeps the SLO."""
    if advice.replications == 1:
        return "in the one replication that there is"
    if advice.least_of_futures is not None:
        return on_futures(advice.replications, advice.futures_met or 0, advice.least_of_futures, advice.level)
    return f"on {advice.replications} fresh seeds"


def _repair(advice: Advice, plan: str, taken: list[AdvisedAction]) -> str:
    missed = f"{plan} does not meet the SLO {_sure(advice)}"
    if advice.slo_met:
        missed = f"{plan} meets the SLO, but its model is not as good as asked for, or not known to be"
    if not taken:
        return f"{missed}, and {_none_of(advice.tried, advice)}."
    return f"{missed}. {_first(taken[0])} {_meets(taken[0], advice)}, confirmed {_proof(advice)}."


def _of_services(advice: Advice, plan: str, taken: list[AdvisedAction]) -> str:
    """The services that miss, each with the action that mends it, and what the others save."""
    missing = [service.name for service in advice.services if not service.eligible]
    missed = f"{plan} does not meet the SLO of {', '.join(missing)} {_sure(advice)}"
    if advice.slo_met:
        missed = f"{plan} meets the SLO, but the model of {', '.join(missing)} is not as good as asked for"
    lines = []
    for name in missing:
        mend = next((action for action in taken if action.service == name), None)
        tried = [one for one in advice.tried if one.service == name]
        lines.append(f"{name}: {_none_of(tried, advice)}" if mend is None else f"{_first(mend)} {_meets(mend, advice)}")
    saved = sum(service.total_saving_usd_per_month for service in advice.services if service.eligible)
    others = f" The other services can save {format_usd(saved)} a month." if saved > 0 else ""
    return f"{missed}. {'; '.join(lines)}, {_proof(advice)}.{others}"


def _none_of(tried: Sequence[TriedKind], advice: Advice) -> str:
    """Changes that do not mend the plan either."""
    does, plans = "is" if advice.slo_met else "does", sum(one.plans for one in tried)
    return f"none of {plans:,} changes {does}{_untried(tried)}" if plans else "no change of it can be tried"


def _untried(tried: Sequence[TriedKind]) -> str:
    """Changes that were left, where there are some."""
    left = sum(one.untried for one in tried)
    return f", but for {left:,} that were left after cheaper ones which missed it on fresh seeds" if left else ""


def _meets(action: AdvisedAction, advice: Advice) -> str:
    meets, saving = "is good enough" if advice.slo_met else "meets it", action.saving_usd_per_month.mean
    if not saving:
        return f"{meets} at the same cost"
    return f"{meets} " + (
        f"for {format_usd(-saving)} a month more" if saving < 0 else f"and saves {format_usd(saving)} a month"
    )


def _first(action: AdvisedAction) -> str:
    return f"{action.kind[0].upper()}{action.kind[1:]} ({action.action})"


def _interval(action: AdvisedAction) -> str:
    saving = action.saving_usd_per_month
    if saving.lo is None or saving.hi is None:
        return format_usd(saving.mean)
    return format_usd_between(saving.mean, saving.lo, saving.hi)
