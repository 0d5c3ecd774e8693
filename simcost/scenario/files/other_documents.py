"""Other files given as a scenario: their kind, by their keys."""

from collections.abc import Collection

_ANSWERS = (
    ("optimize", {"best", "candidates", "excluded"}),
    ("sensitivity", {"tornado"}),
    ("advise", {"actions", "tried"}),
    ("bill", {"charges", "commitments"}),
    ("diff", {"effects", "difference_usd"}),
    ("api", {"apis", "verdict"}),
    ("run", {"differences", "baseline", "provenance"}),
)
_OF_SCENARIOS = ("workload", "demand", "jobs", "services", "slo")


def known_document(keys: Collection[str]) -> str | None:
    """Kind of a mapping with these keys, as `the answer of simcost bill --json`; None = nothing that is known."""
    if any(key in keys for key in _OF_SCENARIOS):
        return None
    if {"status", "data"} <= set(keys):
        return "an answer of Prometheus, whose samples `simcost waste` takes as CSV (time,pod,metric,value)"
    for verb, needed in _ANSWERS:
        if needed <= set(keys):
            return f"the answer of `simcost {verb} --json`"
    if "verdict" in keys and "provenance" in keys:
        return "an answer of simcost (`--json`)"
    if "commitments" in keys or "purchasing" in keys:
        return "a purchasing plan, as `simcost bill --plan` takes it"
    return None
