"""`simcost diff`: why two results, bills or months differ."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcost.gates import Amount, Gate
from simcost.studies.options import Arguments, currency_rates, gated, own_catalog, rates_of, study
from simcost.units import format_usd

GATES: Mapping[str, Amount] = {"increase": "USD or %"}


def add(verbs: Any) -> None:
    """The verb `diff`."""
    diff = study(verbs, "diff", _diff, "differences.view", "why two results, bills or months differ, effect by effect")
    files = "results folder, bill of `simcost bill --json`, or FOCUS file"
    diff.add_argument("before", type=Path, metavar="A", help=files)
    diff.add_argument("after", type=Path, metavar="B", help=files)
    diff.add_argument("--plan-a", metavar="NAME", help="plan of A (default: the best, else the baseline)")
    diff.add_argument("--plan-b", metavar="NAME", help="plan of B (default: the best, else the baseline)")
    diff.add_argument("--month-a", metavar="MONTH", help="month of A, a FOCUS file of several, as 2026-03")
    diff.add_argument("--month-b", metavar="MONTH", help="month of B, likewise")
    diff.add_argument(
        "--per-month", action="store_true", help="scale both to a month of 730 h, as two results folders always are"
    )
    gated(diff, GATES, broken)
    currency_rates(diff)
    own_catalog(diff)


def _diff(arguments: Arguments) -> dict[str, Any]:
    from simcost import __version__
    from simcost.catalog import load_catalog
    from simcost.studies.differences.sides import cost_side
    from simcost.studies.differences.study import difference

    catalog = load_catalog(arguments.catalog)
    usd_per = rates_of(arguments)
    before = cost_side(arguments.before, arguments.plan_a, catalog, usd_per, arguments.month_a)
    after = cost_side(arguments.after, arguments.plan_b, catalog, usd_per, arguments.month_b)
    per_month = arguments.per_month or arguments.before.is_dir() or arguments.after.is_dir()
    document = difference(before, after, per_month=per_month)
    inputs = before.inputs | after.inputs
    prices = [*before.prices, *(price for price in after.prices if price not in before.prices)]
    return document | {"provenance": {"simcost_version": __version__, "inputs": inputs, "prices": prices}}


def broken(document: Mapping[str, Any], gate: Gate) -> str:
    """`increase=USD` or `increase=5%` is broken where B costs more than A by more than that."""
    change, before = document["difference_usd"], document["before"]["usd"]
    if change <= 0 or not gate.exceeded_by(change, before):
        return ""
    allowed = f"{100 * gate.amount:g} %" if gate.share else format_usd(gate.amount)
    of = f" ({100 * change / before:.3g} %)" if before else ""
    return f"increase of {format_usd(change)}{of}, more than {allowed}"
