"""A bill: its verdict, the tree of its charges, its commitments, showback."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any

from simcost.billing.document import tree
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.bills.charts import spending
from simcost.units import Formatted, difference_usd, format_share, format_usd

WIDTH = 100


def text(document: Mapping[str, Any]) -> str:
    """The document of `simcost bill`, of one plan or several."""
    blocks = [fill(document["verdict"], WIDTH)]
    for part in parts(document):
        blocks += [table_of(part.rows)] if part.rows else []
        blocks += ["\n".join(fill(line, WIDTH) for line in part.said)] if part.said else []
    return "\n\n".join(blocks)


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts below the verdict, on every screen."""
    plans: Sequence[Mapping[str, Any]] = document.get("plans", [document])
    chart = Part(title="Where the money goes", chart=lambda: spending(plans))
    notes = Part(title="Notes", said=list(_notes(document, plans)), titled=False)
    if len(plans) > 1:
        return [Part(title="Plans", rows=_plans(plans), titled=False), chart, notes]
    return [
        Part(title="The bill", rows=_tree(document), titled=False),
        chart,
        Part(title="Commitments", rows=_commitments(document["commitments"]), titled=False),
        *(
            Part(title=f"By {tag}", rows=_payers(tag, words, document["effective_usd"]), titled=False)
            for tag, words in document["allocation"].items()
        ),
        notes,
    ]


def _tree(document: Mapping[str, Any]) -> Table:
    return [
        {
            "charge": "  " * depth + what,
            "list": format_usd(listed),
            "discount": format_usd(difference_usd(effective, listed)),
            "effective": format_usd(effective),
            "invoiced": format_usd(billed),
        }
        for depth, what, listed, effective, billed in tree(dict(document))
    ]


def _payers(tag: str, words: Mapping[str, float], total_usd: float) -> Table:
    return [
        {tag: word, "effective": format_usd(usd), "share": format_share(usd / total_usd)} for word, usd in words.items()
    ]


def _commitments(found: Sequence[Mapping[str, Any]]) -> Table:
    return [
        {
            "commitment": one["name"],
            "cost": format_usd(one["committed_usd"]),
            "used": _share(one["utilisation"]),
            "covers": _share(one["coverage"]),
            "unused": format_usd(one["unused_usd"]),
            "saves": format_usd(one["saved_usd"]),
        }
        for one in found
    ]


def _plans(plans: Sequence[Mapping[str, Any]]) -> Table:
    return [
        {
            "plan": plan["plan"],
            "effective": _with_margin(plan),
            "invoiced": format_usd(plan["billed_usd"]),
            "vs first": _change(plan, plans[0]),
            "covered": _share(plan["coverage"]),
            "unused": format_usd(plan["unused_usd"]),
        }
        for plan in plans
    ]


def _with_margin(plan: Mapping[str, Any]) -> str:
    """The cost, and of a run half the width of its interval."""
    interval = plan.get("intervals", {}).get("effective_usd")
    margin = f" \N{PLUS-MINUS SIGN} {format_usd(interval['margin'])}" if interval and interval["margin"] else ""
    return Formatted(f"{format_usd(plan['effective_usd'])}{margin}", plan["effective_usd"])


def _change(plan: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    if plan is first or not first["effective_usd"]:
        return "baseline"
    share = plan["effective_usd"] / first["effective_usd"] - 1
    return Formatted(f"{100 * share:+.1f} %", share)


def _share(value: float | None) -> str:
    return "-" if value is None else format_share(value)


def _notes(document: Mapping[str, Any], plans: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    prices = [price for plan in plans for price in plan["prices"]]
    yield from (f"note: {said['message']}" for said in document.get("findings", []))
    yield from dict.fromkeys(note for plan in plans for note in plan["assumptions"])
    weak = sorted({f"{price['provider']}/{price['sku']}" for price in prices if price["quality"] == "C"})
    if weak:
        yield f"Second-hand or unverified prices: {', '.join(weak)}."
