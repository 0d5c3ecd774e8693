"""A bill: its verdict, the tree of its charges, its commitments, showback."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simcost.billing.document import tree
from simcost.present.format import share, share_change, usd, usd_margin
from simcost.present.parts import Part, Table, notes
from simcost.studies.bills.charts import spending
from simcost.units import difference_usd

_SHOWN = 4


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts below the verdict, on every screen."""
    plans: Sequence[Mapping[str, Any]] = document.get("plans", [document])
    chart = Part(title="Where the money goes", chart=lambda: spending(plans))
    below = notes(document, *_assumptions(plans))
    if len(plans) > 1:
        return [Part(title="Plans", rows=_plans(plans), titled=False), chart, below]
    return [
        Part(title="The bill", rows=_tree(document), titled=False),
        chart,
        Part(title="Commitments", rows=_commitments(document["commitments"]), titled=False),
        Part(title="Contracts", rows=_contracts(document["contracts"]), titled=False),
        *(
            Part(title=f"By {tag}", rows=_payers(tag, words, document["effective_usd"]), titled=False)
            for tag, words in document["allocation"].items()
        ),
        below,
    ]


def _tree(document: Mapping[str, Any]) -> Table:
    return [
        {
            "charge": "  " * depth + what,
            "list": usd(listed),
            "discount": usd(difference_usd(effective, listed)),
            "effective": usd(effective),
            "invoiced": usd(billed),
        }
        for depth, what, listed, effective, billed in tree(dict(document))
    ]


def _payers(tag: str, words: Mapping[str, float], total_usd: float) -> Table:
    return [{tag: word, "effective": usd(paid), "share": share(paid / total_usd)} for word, paid in words.items()]


def _commitments(found: Sequence[Mapping[str, Any]]) -> Table:
    return [
        {
            "commitment": one["name"],
            "cost": usd(one["committed_usd"]),
            "used": share(one["utilisation"]),
            "covers": share(one["coverage"]),
            "unused": usd(one["unused_usd"]),
            "saves": usd(one["saved_usd"]),
        }
        for one in found
    ]


def _contracts(found: Sequence[Mapping[str, Any]]) -> Table:
    return [
        {
            "contract": one["contract"],
            "without it": usd(one["covered_usd"]),
            "saves": usd(one["saved_usd"]),
            "covers": _first(one["covers"]),
        }
        for one in found
    ]


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _plans(plans: Sequence[Mapping[str, Any]]) -> Table:
    return [
        {
            "plan": plan["plan"],
            "effective": _with_margin(plan),
            "invoiced": usd(plan["billed_usd"]),
            "vs first": _change(plan, plans[0]),
            "covered": share(plan["coverage"]),
            "unused": usd(plan["unused_usd"]),
        }
        for plan in plans
    ]


def _with_margin(plan: Mapping[str, Any]) -> str:
    """The cost, and of a run half the width of its interval."""
    interval = plan.get("intervals", {}).get("effective_usd")
    return usd_margin(plan["effective_usd"], interval and interval["margin"])


def _change(plan: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    if plan is first or not first["effective_usd"]:
        return "baseline"
    return share_change(plan["effective_usd"] / first["effective_usd"] - 1)


def _assumptions(plans: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    prices = [price for plan in plans for price in plan["prices"]]
    yield from dict.fromkeys(note for plan in plans for note in plan["assumptions"])
    weak = sorted({f"{price['provider']}/{price['sku']}" for price in prices if price["quality"] == "C"})
    if weak:
        yield f"Second-hand or unverified prices: {', '.join(weak)}."
