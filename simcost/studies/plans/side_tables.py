"""Prefill and decode apart: a table of both sides, and sentences on the transfers between them."""

from math import fsum

from simcost.present.chart_style import Document
from simcost.present.format import NONE, amount, count, seconds, share
from simcost.present.parts import Table

_SIDES = ("prefill", "decode")


def table(document: Document) -> Table:
    """Two rows per plan with prefill and decode apart; empty where none has."""
    return [
        _row(plan["name"], side, plan["disaggregation"][f"{side}_replica_hours"])
        for plan in document["plans"]
        if "disaggregation" in plan
        for side in _SIDES
    ]


def _row(plan: str, side: str, hours: dict[str, float]) -> dict[str, str]:
    total = fsum(hours.values())
    return {
        "Plan": plan,
        "Side": side,
        "Replica-hours of the run": amount(total),
        "Computing": share(hours["computing"] / total) if total else NONE,
        "Idle": share(hours["idle"] / total) if total else NONE,
    }


def transfers(document: Document) -> list[str]:
    """Transfers of the first replication, a sentence a plan."""
    return [_sentence(plan["name"], plan["disaggregation"]["transfers"]) for plan in document["plans"] if _has(plan)]


def _has(plan: Document) -> bool:
    return "disaggregation" in plan and plan["disaggregation"]["transfers"]["transfers"] > 0


def _sentence(plan: str, use: Document) -> str:
    each = (
        f"{plan}: {count(use['transfers'])} transfers of {seconds(use['mean_transfer_s'])} on average, begun "
        f"{seconds(use['mean_held_s'])} after the prefill"
    )
    local = f"; {count(use['local'])} short prompts stayed on the decode side" if use["local"] else ""
    failed = f"; {count(use['failed'])} failed" if use["failed"] else ""
    return f"{each}{local}{failed}."
