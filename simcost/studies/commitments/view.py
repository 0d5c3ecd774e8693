"""Recommended commitments."""

from simcost.present.format import share, usd, usd_change
from simcost.present.parts import Part, Table, notes
from simcost.studies.commitments.charts import curves
from simcost.studies.commitments.result import CommitmentAdvice
from simcost.studies.commitments.wording import bought
from simcost.units import difference_usd


def parts(advice: CommitmentAdvice) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="If demand falls", rows=falls(advice)),
        Part(title="What to buy", rows=mix(advice)),
        Part(title="Cost against commitment", chart=lambda: curves(advice)),
        Part(title="The usual advice: what would have been best over the last days", rows=usual(advice), left=2),
        notes(advice, *advice.assumptions),
    ]


def mix(advice: CommitmentAdvice) -> Table:
    """Rows of the recommended mix; with what is due in advance, where something is."""
    in_advance = any(one.upfront_usd for one in advice.recommended)
    return [
        {
            "option": one.name,
            "buy": bought(one.amount, one.unit),
            "committed": f"{usd(one.committed_usd_per_h)}/h",
            **({"due at once": usd(one.upfront_usd)} if in_advance else {}),
            "break-even": share(one.break_even_utilisation),
            "used": share(one.utilisation),
            "covers": share(one.coverage),
        }
        for one in advice.recommended
    ]


def falls(advice: CommitmentAdvice) -> Table:
    """Rows of the cost of the mix at less demand."""
    return [
        {
            "demand": share(fall.demand),
            "this mix": usd(fall.usd_per_month),
            "against on demand": usd_change(fall.loss_usd_per_month),
            "best mix then": usd(fall.best_usd_per_month),
            "regret a month": usd(fall.regret_usd_per_month),
            "on demand": usd(fall.on_demand_usd_per_month),
        }
        for fall in advice.falls
    ]


def usual(advice: CommitmentAdvice) -> Table:
    """Rows of the usual advice, priced over our futures."""
    mine = advice.cost_usd_per_month.mean
    units = {one.name: one.unit for one in advice.recommended}
    return [
        {
            "option": one.name,
            "look-back": f"{one.days} days",
            "buy": bought(one.amount, units[one.name]),
            "$/month": usd(one.usd_per_month),
            "more expensive by": usd(difference_usd(one.usd_per_month, mine)),
        }
        for one in advice.usual
    ]
