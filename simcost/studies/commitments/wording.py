"""Recommended commitments in a few sentences: the cost of falling demand comes before the saving."""

from simcost.present.format import count, share, usd, usd_range
from simcost.studies.commitments.result import CommitmentAdvice, CommitmentEvidence

_CHANGED = 0.15
"""Change of demand at the end of a history from which on it is told."""
_CENT = 0.005
"""USD that are shown as nothing."""
_FEW = 20
"""Fewest futures from which a share of nine of ten can be stated."""


def verdict(advice: CommitmentAdvice) -> str:
    """Verdict: the commitments to buy, the risk, the saving, and the evidence."""
    chosen = [one for one in advice.recommended if one.committed_usd_per_h > 0]
    recent = _recent(advice)
    if not chosen:
        on_demand, budget = usd(advice.on_demand_usd_per_month.mean), advice.aim.budget_usd_per_h
        within = "" if budget is None else f" within {usd(budget)}/h"
        return " ".join([f"Commit to nothing: no option{within} beats on demand, {on_demand} a month.", *recent])
    parts = ", ".join(f"{one.name}: {bought(one.amount, one.unit)}" for one in chosen)
    return " ".join([f"Buy {parts}.", *recent, _if_demand_falls(advice), _saving(advice), _behind(advice.evidence)])


def _recent(advice: CommitmentAdvice) -> list[str]:
    """A sentence where the end of the history is unlike all of it, and demand may not come back to the mean."""
    late = advice.recent
    if late is None or (abs(late.demand - 1) < _CHANGED and late.saving_usd_per_month >= 0):
        return []
    units = {one.name: one.unit for one in advice.recommended}
    best = ", ".join(f"{name}: {bought(amount, units[name])}" for name, amount in late.best.items() if amount > 0)
    change = f"{share(abs(late.demand - 1))} {'less' if late.demand < 1 else 'more'}"
    saving, most = late.saving_usd_per_month, late.best_saving_usd_per_month
    if not saving and most < _CENT:
        return []
    does = f"this {'loses' if saving < 0 else 'saves'} {usd(abs(saving))} a month"
    then = "the best then" if most - saving < _CENT else f"the best then ({best or 'nothing'}) saves {usd(most)}"
    used = f"But the last {late.days} days used {change} than the mean of the history"
    return [f"{used}; if demand stays there, {does}, {then}."]


def _if_demand_falls(advice: CommitmentAdvice) -> str:
    fallen = advice.falls[-1]
    loss, less = fallen.loss_usd_per_month, share(1 - fallen.demand)
    then = f"at {less} less it {'loses' if loss > 0 else 'still saves'} {usd(abs(loss))} a month"
    even = advice.break_even_demand
    if even is None:
        return f"It does not pay at the demand expected; {then}."
    return f"If demand falls by more than {share(1 - even)}, it costs more than on demand; {then}."


def _saving(advice: CommitmentAdvice) -> str:
    saved, found = advice.saving_usd_per_month, advice.evidence
    on_demand = advice.on_demand_usd_per_month.mean
    text = f"At the demand of the {found.kind} it saves {usd(saved.mean)} a month"
    text += f" ({share(advice.saving_share)} of {usd(on_demand)})"
    futures, pieces = found.futures, found.pieces
    if found.distinct_futures == 1:
        alike = f"in each of its {futures} {pieces}, which are all alike" if futures > 1 else f"in its one of {pieces}"
        return f"{text} {alike}: they do not show how demand may change."
    low, high = (saved.p5, saved.p95) if futures >= _FEW else (saved.least, saved.most)
    among = f"in nine of ten of its {futures} {pieces}" if futures >= _FEW else f"in its {futures} {pieces}"
    loss = advice.chance_of_loss
    losses = f", more expensive in {share(loss)} of them" if loss > 0 else ""
    return f"{text}, {usd_range(low, high)} {among}{losses}."


def _behind(found: CommitmentEvidence) -> str:
    years = found.longest_term_years
    term = "a year" if years == 1 else f"{years} years"
    what = "of history" if found.kind == "history" else "of forecast"
    return f"Behind a term of {term} stand {count(found.days)} days {what}."


def bought(amount: float, unit: str) -> str:
    """Amount of an option: instances, or money an hour."""
    if unit != "instances":
        return f"{usd(amount)}/h"
    return f"{count(amount)} {'instance' if amount == 1 else 'instances'}"
