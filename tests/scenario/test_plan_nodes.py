"""Plans that may order several kinds of nodes: what is simulated, what is billed, what contradicts itself."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.scenarios import write

from simcost.plan.nodes import NodeKind
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run

ONE = "scaling: {kind: fixed, replicas: 1}"
SPOT = "{kind: spot, offer: aws/g6.xlarge, price: $0.3/h}"
GROWS = "scaling: {kind: schedule, steps: [{at: 0, replicas: 1}, {at: 60, replicas: 6}]}"


def test_kinds_have_slots_prices_and_may_be_spot(tmp_path: Path) -> None:
    file = write(tmp_path, (ONE, f"{ONE}\n    or_buy: [{{offer: aws/g6.12xlarge}}, {SPOT}]"))
    several, single = settle(load(file), seed=None, seeds=None).plans
    small, size = 16 * 2.0**30, 192 * 2.0**30
    assert several.pool.kinds == (
        NodeKind(slots=1, usd_per_h=0.8048, vcpus=4, memory_bytes=small),
        NodeKind(slots=4, usd_per_h=4.6016, vcpus=48, memory_bytes=size),
        NodeKind(slots=1, usd_per_h=0.3, spot=True, vcpus=4, memory_bytes=small),
    )
    alone = NodeKind(slots=1, vcpus=4, memory_bytes=small)
    assert single.pool.kinds == (alone,)  # without a choice a price decides nothing


def test_each_kind_is_billed_at_its_price(tmp_path: Path) -> None:
    """Five replicas more: two large nodes at 2 USD are cheaper than five small ones at 0.8048 USD."""
    kinds = "or_buy: [{offer: aws/g6.12xlarge, price: $2/h}]"
    nodes = "nodes: {kind: cluster-autoscaler, max: 9, expander: price}"
    file = write(tmp_path, (ONE, f"{GROWS}\n    {kinds}\n    {nodes}"))
    found = run(load(file), tmp_path / "out", seeds=1)
    rows = pq.read_table(tmp_path / "out/tables/nodes.parquet").to_pylist()
    there = [(row["sku"], (row["end_s"] - row["start_s"]) / 3600) for row in rows if row["plan"] == "one"]
    assert [sku for sku, _ in there] == ["g6.xlarge", "g6.12xlarge", "g6.12xlarge"]
    small, large = (sum(hours for sku, hours in there if sku == name) for name in ("g6.xlarge", "g6.12xlarge"))
    plan = found["plans"][0]
    assert plan["cost_usd"]["by_category"]["compute"] == pytest.approx(small * 0.8048 + large * 2)
    assert sum(plan["replica_hours"].values()) == pytest.approx(small + 4 * large)
    assert plan["energy"]["kwh_per_month"] > found["plans"][1]["energy"]["kwh_per_month"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([(ONE, f"{ONE}\n    or_buy: [{{offer: aws/p5.48xlarge}}]")], "has h100-sxm, the replica wants l4"),
        ([(ONE, f"{ONE}\n    or_buy: [{{offer: aws/g6.13xlarge}}]")], "g6.12xlarge"),
        (
            [(ONE, f"{ONE}\n    or_buy: [{{kind: spot, offer: aws/g6.xlarge}}]")],
            "no spot price of aws/g6.xlarge",
        ),
        (
            [(ONE, f"{ONE}\n    or_buy: [{SPOT}]\n    nodes: {{kind: fixed, nodes: 2}}")],
            "fixed are all of `buy`",
        ),
        ([(ONE, f"{ONE}\n    or_buy: [{{kind: owned}}]")], "on-demand"),
    ],
)
def test_what_contradicts_itself_is_told(tmp_path: Path, changes: Any, words: str) -> None:
    faults = find_faults(write(tmp_path, *changes))
    assert any(words in fault.message for fault in faults), [fault.message for fault in faults]
