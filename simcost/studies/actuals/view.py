"""Summary of a cost file."""

from collections.abc import Mapping

from simcost.present.format import NONE, amount, count, share, shortened, usd
from simcost.present.parts import Part, Table
from simcost.studies.actuals.charts import days
from simcost.studies.actuals.result import ActualCosts


def parts(result: ActualCosts) -> list[Part]:
    """Parts below the verdict, on every screen."""
    covered = [line for line in [coverage(result)] if line]
    return [
        Part(title="Cost by day", chart=lambda: days(result)),
        Part(title="Months and services", rows=months(result), said=worth_of(result.usd_per), left=3, most=10),
        Part(title="What was used, at which prices", rows=skus(result), left=4, most=10),
        Part(title="Commitments", rows=commitments(result), said=covered, most=10),
        Part(title="Findings on the rows", rows=findings(result), said=meanings(result), most=10),
    ]


def months(result: ActualCosts) -> Table:
    """One row per month and service, the most expensive first."""
    ranked = sorted(result.months, key=lambda row: (row.month, -row.effective_usd))
    return [
        {
            "month": row.month,
            "provider": row.provider,
            "service": shortened(row.service, 30, keep_end=True),
            "billed": usd(row.billed_usd),
            "effective": usd(row.effective_usd),
            "list": usd(row.list_usd),
            "contracted": usd(row.contracted_usd),
        }
        for row in ranked
    ]


def skus(result: ActualCosts) -> Table:
    """One row per month, SKU and purchase option, the most expensive first."""
    return [
        {
            "month": row.month,
            "SKU": shortened(f"{row.provider}/{row.sku}", 32, keep_end=True),
            "region": shortened(row.region, 16, keep_end=True),
            "bought": row.pricing.replace("_", " "),
            "used": f"{count(row.quantity)} {shortened(row.unit, 10, keep_end=True)}".strip(),
            "paid a unit": usd(row.effective_usd_per_unit),
            "list a unit": usd(row.list_usd_per_unit),
        }
        for row in sorted(result.skus, key=lambda row: -row.effective_usd)
    ]


def worth_of(usd_per: Mapping[str, float]) -> list[str]:
    """A sentence for each other currency of the rows."""
    others = {currency: worth for currency, worth in usd_per.items() if currency != "USD"}
    return [f"1 {currency} is taken for {amount(worth)} USD, as --rate says" for currency, worth in others.items()]


def coverage(result: ActualCosts) -> str:
    """The coverage by provider, where something is committed."""
    known = {name: part for name, part in result.coverage.items() if part}
    said = ", ".join(f"{name} {share(part)}" for name, part in known.items())
    return f"Coverage, committed / (committed + on demand) at list prices: {said}" if said else ""


def commitments(result: ActualCosts) -> Table:
    """One row per commitment, the largest first."""
    return [
        {
            "commitment": shortened(row.commitment, 44, keep_end=True),
            "used": usd(row.used_usd),
            "lost": usd(row.unused_usd),
            "utilisation": share(row.utilisation),
            "paid in these rows": usd(row.purchased_usd),
        }
        for row in result.commitments
    ]


def findings(result: ActualCosts) -> Table:
    """One row per finding on the rows, the most frequent first."""
    return [
        {
            "finding": row["rule"],
            "rows": count(row["rows"]),
            "share": share(row["share"]),
            "first at": row["example"] or NONE,
        }
        for row in result.quality
    ]


def meanings(result: ActualCosts) -> list[str]:
    """Meaning of each finding, and how it was handled."""
    return [f"{row['rule']}: {row['says']}: {row['done']}" for row in result.quality]
