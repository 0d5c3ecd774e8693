"""The least that the compute of a plan costs under commitments: of no more nodes than the offers cover together."""

from pathlib import Path

import pytest
from support.scenarios import write

from simcost.billing.commitment import ReservedInstances, SavingsPlan
from simcost.scenario.checks.load import load
from simcost.scenario.runs.commitment_choice import CommitmentChoice
from simcost.units import HOURS_PER_MONTH

USD = 1.861
"""An hour of g6e.xlarge on demand."""
SCENARIO = """\
scenario: bound
model: llama-3.1-8b
horizon: 10min
workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}
slo: {ttft: 1s}
plans:
  - name: own
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 1}
"""


@pytest.mark.parametrize(
    ("nodes", "usd_per_h"),
    [
        (0.0, USD / 2),
        (0.5, 0.5 * USD / 2),
        (1.0, USD / 2),
        (2.0, 2 * USD / 2),
        (2.5, 2 * USD / 2 + 0.5 * 1.5),
        (3.0, 2 * USD / 2 + 1.5),
        (7.0, 2 * USD / 2 + 1.5 + 4 * USD),
    ],
)
def test_nodes_beyond_the_offers_are_on_demand_in_the_bound(tmp_path: Path, nodes: float, usd_per_h: float) -> None:
    """Half the price for two nodes, $1.50 for a third: of seven nodes all were taken to cost half the price."""
    loaded = load(write(tmp_path, text=SCENARIO))
    reserved = ReservedInstances(
        name="reserved", sku="g6e.xlarge", region="us-east-1", count=2, discount=0.5, flexible=False, renewed=True
    )
    saving = SavingsPlan(name="plan", commitment=1.5, rates={"g6e.xlarge": 1.5}, renewed=True)
    choice = CommitmentChoice((saving, reserved), loaded.catalog)
    [plan] = loaded.scenario.plans
    share = choice.least_share(plan, nodes)
    assert share * (nodes or 1.0) * USD == pytest.approx(usd_per_h)
    month = nodes * USD * HOURS_PER_MONTH
    assert choice.least_compute_usd(plan, month) == pytest.approx(usd_per_h * HOURS_PER_MONTH if nodes else 0.0)
    assert CommitmentChoice((), loaded.catalog).least_share(plan, nodes) == 1.0
