"""Gates for CI: `--fail-on slo` and `--fail-on budget=USD`."""

from collections.abc import Sequence
from typing import Any

from simcost.errors import InputError, did_you_mean
from simcost.units import USD, format_usd


def parse_gate(text: str) -> float | None:
    """The budget of `budget=USD`, or None for `slo`.

    Raises:
        InputError: it is neither.
    """
    name, given, amount = text.partition("=")
    if text == "slo":
        return None
    if name != "budget" or not given:
        near = did_you_mean(name, ["slo", "budget"])
        raise InputError(f"--fail-on {text!r} is not a gate{near}; write slo or budget=USD a month, e.g. budget=5000")
    try:
        budget = USD.parse(amount)
    except ValueError as error:
        raise InputError(f"--fail-on {text!r}: {error}") from error
    if not isinstance(budget, float) or not 0 <= budget < float("inf"):
        raise InputError(f"--fail-on {text!r}: the budget must be a number of USD a month, at least 0")
    return budget


def broken_gates(document: dict[str, Any], fail_on: Sequence[str]) -> list[str]:
    """One sentence for each gate that was broken, with the plans that broke it.

    `slo` is broken by every plan that misses the SLO; `budget=USD` by every plan whose mean cost a month
    (730 h) is above the budget. One plan is enough: keep plans that may fail out of a gated scenario.

    Raises:
        InputError: a gate is unknown or has no valid amount.
    """
    broken = (_broken(document, parse_gate(text)) for text in fail_on)
    return [sentence for sentence in broken if sentence]


def _broken(document: dict[str, Any], budget_usd: float | None) -> str:
    plans = document["plans"]
    if budget_usd is None:
        names = [plan["name"] for plan in plans if not plan["slo"]["met"]]
        return f"SLO missed by {', '.join(names)}" if names else ""
    dear = [
        f"{plan['name']} ({format_usd(plan['cost_usd']['per_month'])})"
        for plan in plans
        if plan["cost_usd"]["per_month"] > budget_usd
    ]
    return f"budget of {format_usd(budget_usd)} a month exceeded by {', '.join(dear)}" if dear else ""
