"""Retries, outcomes by priority, prefixes and their caches: tables and sentences."""

from simcost.present.chart_style import Document
from simcost.present.format import NONE, count, seconds, share, usd
from simcost.present.parts import Table


def table(document: Document) -> Table:
    """One row per plan whose clients send requests again; empty where none do."""
    return [_row(plan) for plan in document["plans"] if "retries" in plan]


def by_priority(document: Document) -> Table:
    """One row per plan and priority; empty where all are alike."""
    return [_band(plan, priority) for plan in document["plans"] for priority in plan.get("priorities", ())]


def prefixes(document: Document) -> list[str]:
    """Cached prefixes as routers believe them, a sentence a plan; empty where none uses them."""
    return [
        f"{plan['name']}: {share(plan['prefix']['hit_share'])} of {count(plan['prefix']['blocks'])} blocks of "
        "prompts were sent where the router believes them cached"
        + ("" if "prefix_cache" in plan else " (engines do not reuse them here)")
        for plan in document["plans"]
        if "prefix" in plan and plan["prefix"]["hit_share"] is not None
    ]


def prefix_caches(document: Document) -> Table:
    """One row per plan whose engines have a prefix cache; empty where none has."""
    there = [plan for plan in document["plans"] if "prefix_cache" in plan]
    tiered = any("tiers" in plan["prefix_cache"] for plan in there)
    return [_cached(plan["name"], plan["prefix_cache"], tiered=tiered) for plan in there]


def adapters(document: Document) -> Table:
    """One row per plan whose requests ask for LoRA adapters."""
    return [
        {
            "Plan": plan["name"],
            "From disk": count(plan["adapters"]["disk_loads"]),
            "Into slots": count(plan["adapters"]["slot_loads"]),
            "Steps delayed by": seconds(plan["adapters"]["load_s"]),
        }
        for plan in document["plans"]
        if "adapters" in plan
    ]


def _cached(name: str, said: Document, *, tiered: bool) -> dict[str, str]:
    loaded = {
        "From tiers": " + ".join(share(tier["hit_rate"]) for tier in said["tiers"]) if "tiers" in said else NONE,
        "Loading": seconds(said["load_s"]) if "tiers" in said else NONE,
    }
    return {
        "Plan": name,
        "Prompt tokens": count(said["query_tokens"]),
        "Cached": count(said["hit_tokens"]),
        "Hit rate": share(said["hit_rate"]),
        **(loaded if tiered else {}),
        "Prefill saved": seconds(said["saved_prefill_s"]),
        "Worth in the run": usd(said["saved_usd"]),
    }


def _band(plan: Document, one: Document) -> dict[str, str]:
    left = one["arrived"] - one["in_system"]
    return {
        "Plan": plan["name"],
        "Priority": str(one["priority"]),
        "Requests": count(one["arrived"]),
        **({} if "by_tenant" in plan else {"Good": share(one["good"] / left) if left else NONE}),
        "Rejected": count(one["rejected"]),
        "Timed out": count(one["timed_out"]),
        "Lost": count(one["lost"]),
    }


def _row(plan: Document) -> dict[str, str]:
    said, asked = plan["retries"], plan["requests"]["arrived"]
    return {
        "Plan": plan["name"],
        "Requests": count(asked),
        "Retries": count(said["retries"]),
        "Per request": share(said["retries"] / asked) if asked else NONE,
        "Gave up": count(said["gave_up"]),
        "Budget refused": count(said["refused_by_budget"]),
        "Wasted tokens": share(said["undelivered_share"]),
    }
