"""Spot nodes of a plan along an availability: the same number as `train size` takes of the same trace."""

from pathlib import Path

import pytest

from simcost.catalog import load_catalog
from simcost.scenario.inputs.spot_capacity import AvailableSpotNodes
from simcost.scenario.schema.jobs import SpotNodes
from simcost.studies.scheduling.spot_mix import _capacity


@pytest.mark.parametrize(
    ("wanted", "nodes"), [(1, [1, 1, 1, 0]), (2, [2, 2, 1, 0]), (4, [4, 3, 1, 0]), (10, [10, 7, 2, 0])]
)
def test_fewer_nodes_than_a_trace_has_are_there_as_far_as_it_has_them(
    tmp_path: Path, wanted: int, nodes: list[int]
) -> None:
    """Of a trace of four nodes with three there, one node that is wanted is there: it was 1 x 3 // 4 = 0."""
    rows = "".join(f"x,600,{tick},1,{there}\n" for tick, there in enumerate((4, 3, 1, 0)))
    (tmp_path / "there.csv").write_text("trace,gap_s,start_tick,ticks,nodes_available\n" + rows, encoding="utf-8")
    asked = SpotNodes(nodes=wanted, availability="there.csv", offer="aws/p4d.24xlarge", price=5.0)
    found = AvailableSpotNodes.of(asked, load_catalog(), tmp_path)
    assert found.nodes(0).tolist() == nodes
    capacity, sized = found.capacity(0, 16), _capacity(found.trace, 0, 16, wanted, 8)
    assert (capacity.since_s.tolist(), capacity.gpus.tolist()) == (sized.since_s.tolist(), sized.gpus.tolist())
