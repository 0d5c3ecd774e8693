"""Sensitivity of a decision, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import amount, share, shortened, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.sensitivity import charts
from simcost.studies.sensitivity.states import NONE, NONE_GOOD

Document = Mapping[str, Any]
METHOD = (
    "One value varies at a time, under the same arrivals; a plan meets the SLO by its mean, as in `simcost run`. "
    "Knowing is worth the saving if the value were known to be low, base or high (30, 40, 30 %) before the plan is "
    "chosen; a dash where no plan meets the SLO at all three. Flip points are known to 1 % of their range, of money to "
    "0.1 %: on both sides of each, as far away, runs judge the decision. Between other values at which a plan is "
    "known, its cost and its verdict are taken to be between those at both. Attainment jumps from value to value: "
    "between the ends under `wavers` runs may say the one or the other. The interval of a flip point holds values at "
    "which the replications leave the misses of the plan, or the difference of costs, on neither side for sure, other "
    "engines included. Both stop at the next flip point and at the base; an end beyond the range is not known. Plans "
    "that cost the same are a tie that does not flip."
)
MARGIN = (
    "By the margin of the scenario, {margin}, the best plan of the base stays as long as it costs no more than that "
    "above the cheapest; what knowing is worth counts each dollar."
)
GRID = (
    "Two values vary at once over nine values each; combinations inside a rectangle at whose corners the same plan is "
    "best are not simulated, and that plan is taken to be best there too."
)
SOBOL = (
    "Shares of the variance: all values vary at once, independent and uniform in their ranges (Sobol indices). Costs "
    "at {points} combinations are simulated and billed; a quadratic of the simulated values, exact in prices, is read "
    "between them. At 8 more combinations it is wrong by (root mean square) {errors}."
)


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="Tornado", titled=False, rows=swings(document)),
        Part(title="Cost over the ranges", chart=lambda: charts.tornado(dict(document))),
        Part(title="Flip points", rows=flips(document), left=2, said=settled(document)),
        *(part for grid in document.get("two_way", ()) for part in _grid_parts(grid)),
        *_variance_parts(document.get("variance")),
        notes(document, METHOD, *_method(document), *document["assumptions"]),
    ]


def _grid_parts(grid: Document) -> list[Part]:
    named = _signs(grid)
    return [
        Part(title=f"Best plan by {grid['x']} and {grid['y']}", rows=best_by_two(grid), whole=True, closed=True),
        Part(titled=False, said=[", ".join(f"{sign} = {name}" for name, sign in named.items())]),
        Part(title=f"Map of {grid['x']} and {grid['y']}", chart=lambda: charts.two_way(dict(grid))),
    ]


def best_by_two(grid: Document) -> Table:
    """The best plan at each combination, as a letter: the second value falls from row to row."""
    named, ys = _signs(grid), sorted({cell["y"] for cell in grid["cells"]}, reverse=True)
    rows = {y: {f"{grid['y']} \\ {grid['x']}": amount(y)} for y in ys}
    for cell in sorted(grid["cells"], key=lambda cell: cell["x"]):
        rows[cell["y"]][amount(cell["x"])] = named[cell["verdict"]]
    return list(rows.values())


def _signs(grid: Document) -> dict[str, str]:
    """A letter for each plan, a dash for none."""
    names = list(dict.fromkeys(cell["verdict"] for cell in grid["cells"]))
    none = [name for name in names if name in (NONE, NONE_GOOD)]
    plans = [name for name in names if name not in none]
    return {name: chr(ord("A") + i) for i, name in enumerate(plans)} | dict.fromkeys(none, "-")


def _variance_parts(variance: Document | None) -> list[Part]:
    if variance is None:
        return []
    rows = shares(variance)
    if not rows:
        return [Part(title="Shares of the variance", said=["The cost is the same wherever the values are."])]
    return [
        Part(title=f"Shares of the variance of the cost of {variance['plan']}", rows=rows),
        Part(title="Causes of the variance", chart=lambda: charts.variance(dict(variance))),
    ]


def shares(variance: Document) -> Table:
    """Sobol indices of each value, of the cost and of its difference to the runner-up, the largest first."""
    difference = variance["of_difference"]
    other = {one["path"]: one for one in difference["indices"]} if difference else {}
    return [
        {
            "value": one["path"],
            "cost: alone": share(max(one["first_order"], 0.0)),
            "cost: with others": share(one["total"]),
            **(
                {
                    "difference: alone": share(max(other[one["path"]]["first_order"], 0.0)),
                    "difference: with others": share(other[one["path"]]["total"]),
                }
                if other
                else {}
            ),
        }
        for one in variance["of_cost"]["indices"]
    ]


def _method(document: Document) -> list[str]:
    """Notes on the margin of the scenario, and on values that vary together."""
    said = [MARGIN.format(margin=share(document["margin"]))] if document.get("margin") else []
    said += [GRID] if document.get("two_way") else []
    if (variance := document.get("variance")) is not None:
        known = [("the cost", variance["of_cost"])]
        if variance["of_difference"]:
            known.append((f"its difference to {variance['against']}", variance["of_difference"]))
        errors = "; ".join(
            f"{what} {usd(one['error_usd'])} (standard deviation over the ranges {usd(one['standard_deviation_usd'])})"
            for what, one in known
        )
        said.append(SOBOL.format(points=variance["points"], errors=errors))
    return said


def swings(document: Document) -> Table:
    """A parameter in each row, the largest swing first."""
    worth = document["value_of_information"]
    return [
        {
            f"$ per month of {shortened(document['plan'], 28)}": one["path"],
            "low": amount(one["lo"]),
            "base": amount(one["base"]),
            "high": amount(one["hi"]),
            "at low": usd(one["lo_usd"]),
            "at high": usd(one["hi_usd"]),
            "knowing is worth": usd(worth[one["path"]]),
        }
        for one in document["tornado"]
    ]


def flips(document: Document) -> Table:
    """Values at which the decision changes."""
    return [
        {
            "value of": flip["path"],
            "best below": shortened(flip["below"], 28),
            "flips at": amount(flip["value"]),
            "wavers": _ends(flip["first"], flip["last"]) if _wavers(flip) else usd(None),
            "interval": _ends(flip.get("lo"), flip.get("hi")),
            "best above": shortened(flip["above"], 28),
        }
        for flip in document["flips"]
    ]


def _wavers(flip: Document) -> bool:
    """True if runs may say the one or the other outside the two values between which a flip was found."""
    return bool(flip["first"] != flip["below_at"] or flip["last"] != flip["above_at"])


def settled(document: Document) -> list[str]:
    """Of values with several flips, below and above which none was found."""
    paths = [flip["path"] for flip in document["flips"]]
    found = []
    for one in document["settled"]:
        ends = [
            f"{one[side]} {word} {amount(one[end])}"
            for side, word, end in (("below", "up to", "first"), ("above", "from", "last"))
            if one[end] is not None
        ]
        if paths.count(one["path"]) > 1 and ends:
            found.append(f"{one['path']}: always {'; always '.join(ends)}")
    return found


def _ends(lo: float | None, hi: float | None) -> str:
    """Both ends; one that is open within the range has one end."""
    if lo is None:
        return usd(None) if hi is None else f"up to {amount(hi)}"
    return f"from {amount(lo)}" if hi is None else f"{amount(lo)} to {amount(hi)}"
