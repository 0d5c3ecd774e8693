"""A bill for people: what it says in one sentence, the tree of its charges, its commitments, who pays."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any

from simcost.billing.document import tree
from simcost.report.table import table_of
from simcost.units import format_share, format_usd

WIDTH = 100


def text(document: Mapping[str, Any]) -> str:
    """The document of `simcost bill`, of one plan or several."""
    if "plans" in document:
        return "\n\n".join([_side_by_side(document["plans"]), *(_notes(document))])
    return "\n\n".join(block for block in _blocks(document) if block)


def _blocks(document: Mapping[str, Any]) -> Iterator[str]:
    yield fill(document["verdict"], WIDTH)
    yield table_of([
        {"charge": "  " * depth + what, "list": format_usd(listed), "discount": format_usd(effective - listed),
         "effective": format_usd(effective), "invoiced": format_usd(billed)}
        for depth, what, listed, effective, billed in tree(dict(document))
    ])  # fmt: skip
    yield table_of(commitments(document["commitments"]))
    for tag, words in document["allocation"].items():
        yield table_of(_payers(tag, words, document["effective_usd"]))
    yield from _notes(document)


def _payers(tag: str, words: Mapping[str, float], total_usd: float) -> list[dict[str, str]]:
    return [
        {tag: word, "effective": format_usd(usd), "share": format_share(usd / total_usd)}
        for word, usd in words.items()
    ]


def commitments(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows of the table of commitments."""
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


def _side_by_side(plans: Sequence[Mapping[str, Any]]) -> str:
    best = min(plans, key=lambda plan: plan["effective_usd"])
    first = plans[0]
    less = first["effective_usd"] - best["effective_usd"]
    verdict = f"{best['plan']} is the cheapest of {len(plans)} plans: {format_usd(best['effective_usd'])}"
    if best is not first and first["effective_usd"]:
        share = format_share(less / first["effective_usd"])
        verdict += f", {format_usd(less)} ({share}) less than {first['plan']}"
    rows = [
        {
            "plan": plan["plan"],
            "effective": format_usd(plan["effective_usd"]),
            "invoiced": format_usd(plan["billed_usd"]),
            "vs first": _change(plan, first),
            "covered": _share(plan["coverage"]),
            "unused": format_usd(plan["unused_usd"]),
        }
        for plan in plans
    ]
    return f"{fill(verdict + '.', WIDTH)}\n\n{table_of(rows)}"


def _change(plan: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    if plan is first or not first["effective_usd"]:
        return "baseline"
    return f"{100 * (plan['effective_usd'] / first['effective_usd'] - 1):+.1f} %"


def _share(value: float | None) -> str:
    return "-" if value is None else format_share(value)


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    plans = document.get("plans", [document])
    weak = sorted(
        {f"{p['provider']}/{p['sku']}" for plan in plans for p in plan["prices"] if p["quality"] == "C"}
    )
    dates = sorted(
        {p["as_of"] for plan in plans for p in plan["prices"] if p["as_of"] not in ("", "unknown")}
    )
    lines = [f"note: {said['message']}" for said in document.get("findings", [])]
    lines += dict.fromkeys(note for plan in plans for note in plan["assumptions"])
    if dates:
        lines.append(f"Prices of {dates[0]}" + (f" to {dates[-1]}." if len(dates) > 1 else "."))
    if weak:
        lines.append(f"Second-hand or unverified prices: {', '.join(weak)}.")
    if lines:
        yield "\n".join(fill(line, WIDTH) for line in lines)
