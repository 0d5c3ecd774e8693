"""Gates for CI: `--fail-on slo`, `--fail-on quality` and `--fail-on budget=USD`."""

from collections.abc import Sequence
from typing import Any, Literal

from simcost.errors import InputError, did_you_mean
from simcost.units import USD, format_usd


def parse_gate(text: str) -> float | Literal["slo", "quality"]:
    """The budget of `budget=USD`, or the name of another gate.

    Raises:
        InputError: it is no gate.
    """
    name, given, amount = text.partition("=")
    if text == "slo":
        return "slo"
    if text == "quality":
        return "quality"
    if name != "budget" or not given:
        near = did_you_mean(name, ["slo", "quality", "budget"])
        raise InputError(
            f"--fail-on {text!r} is not a gate{near}; write slo, quality or budget=USD a month, e.g. budget=5000"
        )
    try:
        budget = USD.parse(amount)
    except ValueError as error:
        raise InputError(f"--fail-on {text!r}: {error}") from error
    if not isinstance(budget, float) or not 0 <= budget < float("inf"):
        raise InputError(f"--fail-on {text!r}: the budget must be a number of USD a month, at least 0")
    return budget


def broken_gates(document: dict[str, Any], fail_on: Sequence[str]) -> list[str]:
    """One sentence for each gate that was broken, with the plans that broke it.

    `slo` is broken by every plan that misses the SLO, `quality` by every one whose model does not reach the least that
    the scenario asks for, or of which no score is known; `budget=USD` by every plan whose mean cost a month
    (730 h) is above the budget. One plan is enough: keep plans that may fail out of a gated scenario.

    Raises:
        InputError: a gate is unknown or has no valid amount.
    """
    broken = (_broken(document, parse_gate(text)) for text in fail_on)
    return [sentence for sentence in broken if sentence]


def _broken(document: dict[str, Any], gate: float | Literal["slo", "quality"]) -> str:
    plans = document["plans"]
    if gate == "slo":
        names = [plan["name"] for plan in plans if not plan["slo"]["met"]]
        return f"SLO missed by {', '.join(names)}" if names else ""
    if gate == "quality":
        names = [plan["name"] for plan in plans if plan["quality"] and plan["quality"]["met"] is False]
        return f"quality missed by {', '.join(names)}" if names else ""
    dear = [
        f"{plan['name']} ({format_usd(plan['cost_usd']['per_month'])})"
        for plan in plans
        if plan["cost_usd"]["per_month"] > gate
    ]
    return f"budget of {format_usd(gate)} a month exceeded by {', '.join(dear)}" if dear else ""
