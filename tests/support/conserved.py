"""What must hold in any run of a pool, whatever happens to it."""

from itertools import pairwise

import pytest

from simcost.ledger.requests import Ledger
from simcost.scenario.storage.laws import check_ledger


def conserve(ledger: Ledger) -> None:
    check_ledger(ledger)
    got = ledger.outcomes
    assert got.arrived == got.completed + got.rejected + got.timed_out + got.lost + got.in_system
    for name in ("arrived", "completed", "rejected", "timed_out", "lost"):
        assert sum(got.windows[name].to_pylist()) == getattr(got, name)
    assert got.completed == int(got.histograms[:, 2].sum())
    if (sent := got.sendings) is not None:
        assert sent.arrived == got.arrived + sent.retries
        assert sent.arrived == sent.completed + sent.rejected + sent.timed_out + sent.lost + sent.in_system
        assert sent.completed == got.completed
        assert got.in_system >= sent.waiting
    rows = ledger.replicas.to_pylist()
    for before, after in pairwise(rows):
        if before["replica"] == after["replica"]:
            assert before["end_s"] == after["start_s"]  # no gap, no overlap
    assert all(0 <= row["busy_s"] <= row["end_s"] - row["start_s"] + 1e-9 for row in rows)
    nodes = {row["node"]: row for row in ledger.nodes.to_pylist()}
    for row in rows:
        assert nodes[row["node"]]["start_s"] <= row["start_s"] < row["end_s"] <= nodes[row["node"]]["end_s"]
    never_too_many(ledger)
    total = sum(ledger.replica_hours().values())
    offered = sum((n["end_s"] - n["start_s"]) / 3600 * ledger.slots[n["kind"]] for n in nodes.values())
    assert total == pytest.approx(offered, rel=1e-9, abs=1e-9)


def never_too_many(ledger: Ledger) -> None:
    """At no instant are there more replicas on a node than it has slots."""
    slots = {row["node"]: ledger.slots[row["kind"]] for row in ledger.nodes.to_pylist()}
    changes = [
        (row[when], step, row["node"])
        for row in ledger.replicas.to_pylist()
        for when, step in (("start_s", 1), ("end_s", -1))
    ]
    held: dict[int, int] = {}
    for _, step, node in sorted(changes):  # at one instant those that go come first
        held[node] = held.get(node, 0) + step
        assert 0 <= held[node] <= slots[node]


def most_at_once(ledger: Ledger, table: str) -> int:
    """The most rows of a table that hold at one instant."""
    rows = getattr(ledger, table).to_pylist()
    changes = sorted((row[when], step) for row in rows for when, step in (("start_s", 1), ("end_s", -1)))
    now = most = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most
