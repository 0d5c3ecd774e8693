"""What was paid and what was simulated, in one form: amounts by month and SKU, and costs that have no quantity."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from simcost.errors import InputError
from simcost.studies.actuals.sums import is_, month, summed
from simcost.trace.focus.reader import Actuals
from simcost.units import HOURS_PER_MONTH

Basis = Literal["effective", "billed", "list"]
Key = tuple[str, str, str, str, str]
"""Month, provider, region, SKU, unit."""
Other = tuple[str, str]
"""Month, and what it is: purchase, unused, tax, credit, ..."""
ANY_MONTH = "a month"


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a SKU."""

    quantity: float
    usd: float

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.quantity + other.quantity, self.usd + other.usd)

    @property
    def usd_per_unit(self) -> float:
        """Its price."""
        return self.usd / self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two that are compared."""

    amounts: Mapping[Key, Amount]
    others: Mapping[Other, float]
    span_h: float
    """How long it is."""
    calendar: bool = True
    """Whether its months are those of a calendar."""

    @property
    def months(self) -> set[str]:
        """The months of which it knows something."""
        return {key[0] for key in self.amounts} | {key[0] for key in self.others}

    def in_months(self, months: Iterable[str]) -> "Side":
        """What lies in some months."""
        kept = set(months)
        return replace(
            self,
            amounts={key: value for key, value in self.amounts.items() if key[0] in kept},
            others={key: value for key, value in self.others.items() if key[0] in kept},
        )

    def per_month(self) -> "Side":
        """All of it as one month of 730 h.

        Raises:
            InputError: it has no usage, so it is unknown how long it is.
        """
        if not self.span_h > 0:
            raise InputError("a side without usage has no length, and cannot be scaled to a month")
        factor = HOURS_PER_MONTH / self.span_h
        amounts: dict[Key, Amount] = {}
        for key, one in self.amounts.items():
            whole = (ANY_MONTH, *key[1:])
            scaled = Amount(one.quantity * factor, one.usd * factor)
            amounts[whole] = amounts[whole] + scaled if whole in amounts else scaled
        others: dict[Other, float] = {}
        for (_, what), usd in self.others.items():
            others[ANY_MONTH, what] = others.get((ANY_MONTH, what), 0.0) + usd * factor
        return replace(self, amounts=amounts, others=others)


def side_of_file(actuals: Actuals, basis: Basis) -> Side:
    """A cost file; usage without a quantity stands with the other costs."""
    lines, cost = month(actuals.lines), f"{basis}_usd"
    used = is_(lines, "kind", "usage")
    amounts: dict[Key, Amount] = {}
    others: dict[Other, float] = {}
    for row in summed(used, ["month", "provider", "region", "sku", "unit"]):
        key = (row["month"], row["provider"], row["region"], row["sku"], row["unit"])
        if row["quantity"]:
            amounts[key] = Amount(row["quantity"], row[cost])
        elif row[cost]:
            others[row["month"], "usage"] = others.get((row["month"], "usage"), 0.0) + row[cost]
    for row in summed(lines, ["month", "kind"]):
        if row["kind"] != "usage" and row[cost]:
            others[row["month"], row["kind"]] = row[cost]
    return Side(amounts=amounts, others=others, span_h=actuals.span_h)


def side_of_charges(
    charges: Sequence[Mapping[str, Any]], basis: Basis, replications: int, span_h: float
) -> Side:
    """The charges of a plan of a run: means over its replications. Simulated time has no calendar."""
    amounts: dict[Key, Amount] = {}
    others: dict[Other, float] = {}
    for charge in charges:
        usd = charge[f"{basis}_cost_usd"] / replications
        what = _kind(charge)
        if what == "usage" and charge["consumed_quantity"]:
            region = "" if charge["region"] == "any" else charge["region"]
            key = (ANY_MONTH, charge["provider"], region, charge["sku"], charge["consumed_unit"])
            one = Amount(charge["consumed_quantity"] / replications, usd)
            amounts[key] = amounts[key] + one if key in amounts else one
        elif usd:
            others[ANY_MONTH, what] = others.get((ANY_MONTH, what), 0.0) + usd
    return Side(amounts=amounts, others=others, span_h=span_h, calendar=False)


def _kind(charge: Mapping[str, Any]) -> str:
    if charge["charge_category"] == "Purchase":
        return "purchase"
    if charge.get("capacity_reservation_status"):
        return "unused_capacity"
    return "unused" if charge["commitment_status"] == "Unused" else "usage"
