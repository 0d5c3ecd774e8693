"""Recommended commitments in a few sentences: the cost of falling demand comes before the saving."""

from collections.abc import Mapping
from typing import Any

from simcost.units import format_share, format_usd

Document = Mapping[str, Any]
_FEW = 20
"""Fewest futures from which a share of nine of ten can be stated."""


def verdict(document: Document) -> str:
    """Verdict: the commitments to buy, the risk, the saving, and the evidence."""
    chosen = [one for one in document["recommended"] if one["committed_usd_per_h"] > 0]
    if not chosen:
        usd = document["on_demand_usd_per_month"]["mean"]
        return f"Commit to nothing: no option beats on demand, {format_usd(usd)} a month."
    parts = ", ".join(f"{one['name']}: {_amount(one)}" for one in chosen)
    return " ".join([f"Buy {parts}.", _if_demand_falls(document), _saving(document), _behind(document["evidence"])])


def _if_demand_falls(document: Document) -> str:
    fallen = document["falls"][-1]
    loss, share = fallen["loss_usd_per_month"], format_share(1 - fallen["demand"])
    then = f"at {share} less it {'loses' if loss > 0 else 'still saves'} {format_usd(abs(loss))} a month"
    even = document["break_even_demand"]
    if even is None:
        return f"It does not pay at the demand expected; {then}."
    return f"If demand falls by more than {format_share(1 - even)}, it costs more than on demand; {then}."


def _saving(document: Document) -> str:
    saved, found = document["saving_usd_per_month"], document["evidence"]
    usd, share = document["on_demand_usd_per_month"]["mean"], format_share(document["saving_share"])
    text = f"At the demand of the {found['kind']} it saves {format_usd(saved['mean'])} a month"
    text += f" ({share} of {format_usd(usd)})"
    count, pieces = found["futures"], found["pieces"]
    if found["distinct_futures"] == 1:
        alike = f"in each of its {count} {pieces}, which are all alike" if count > 1 else f"in its one of {pieces}"
        return f"{text} {alike}: they do not show how demand may change."
    low, high = (saved["p5"], saved["p95"]) if count >= _FEW else (saved["least"], saved["most"])
    among = f"in nine of ten of its {count} {pieces}" if count >= _FEW else f"in its {count} {pieces}"
    loss = document["chance_of_loss"]
    dearer = f", more expensive in {format_share(loss)} of them" if loss > 0 else ""
    return f"{text}, {format_usd(low)} to {format_usd(high)} {among}{dearer}."


def _behind(found: Document) -> str:
    years = found["longest_term_years"]
    term = "a year" if years == 1 else f"{years} years"
    what = "of history" if found["kind"] == "history" else "of forecast"
    return f"Behind a term of {term} stand {found['days']:,.0f} days {what}."


def _amount(one: Document) -> str:
    if one["unit"] == "instances":
        return f"{one['amount']:,.0f} instances"
    return f"{format_usd(one['amount'])}/h"
