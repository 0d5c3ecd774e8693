"""Spare nodes of a training run are paid for as long as it takes, however they are bought."""

from dataclasses import replace

import pytest
from support.shown import on_terminal

from simcost.billing.owned import Owned
from simcost.catalog import load_catalog
from simcost.errors import InputError
from simcost.perf.training.methods import Full
from simcost.perf.training.utilization import ParallelLayout
from simcost.plan.failures import CorrelatedLoss
from simcost.studies.training_cost.estimate import estimate
from simcost.studies.training_cost.inputs import Losses, Prices, SpotTerms, TrainingSetup
from simcost.studies.training_cost.view import parts

CATALOG = load_catalog()
text = on_terminal(parts)
LOSS = CorrelatedLoss(nodes=2, per_day=0.5, outage=6 * 3600.0)
OWNED = Owned(capex=300_000.0, accelerators=8, life_years=4, pue=1.25, electricity=0.1, power=6.5, nodes=10)


def setup(spares: int, prices: Prices, gpus: int = 32) -> TrainingSetup:
    return TrainingSetup(
        model=CATALOG.model("llama-3.1-8b"),
        accelerator=CATALOG.accelerator("h100"),
        tokens=2e10,
        method=Full(),
        layout=ParallelLayout(gpus=gpus),
        mfu=0.4,
        prices=prices,
        losses=Losses(correlated=LOSS, spares=spares, runs=4),
    )


@pytest.mark.parametrize(("spares", "paid"), [(0, 32), (1, 40), (2, 48)])
def test_all_of_them_are_paid_at_a_given_price(spares: int, paid: int) -> None:
    prices = Prices(on_demand_usd_per_gpu_h=2.0, spot=SpotTerms(usd_per_gpu_h=1.0, interruptions_per_node_day=0.1))
    found = estimate(CATALOG, setup(spares, prices))
    for way, usd_per_h in (("on_demand", 2.0), ("spot", 1.0)):
        cost = found.cost_usd[way]
        compute = cost.useful_compute.mid + cost.failures_and_checkpoints.mid
        assert cost.paid_gpus == paid
        assert compute == pytest.approx(paid * usd_per_h * cost.time_s.mid / 3600)
        assert cost.useful_compute.mid == pytest.approx(32 * usd_per_h * found.compute_s.mid / 3600)
        assert cost.gpu_hours.mid == pytest.approx(paid * cost.time_s.mid / 3600)
    said = " ".join(text(found).split())
    assert ("spare nodes among them" in said) == (spares > 0)
    assert ("what spare nodes draw is not counted" in said) == (spares > 0)
    assert ("1 spare (too few to stand in for them)" in said) == (spares == 1)


def test_an_offer_is_paid_in_whole_machines() -> None:
    found = estimate(CATALOG, setup(1, Prices(offer="aws/p5.48xlarge"), gpus=12))
    assert found.cost_usd["on_demand"].paid_gpus == 16 + 8


def test_owned_nodes_stand_by_out_of_those_that_are_there() -> None:
    spared, bare = (estimate(CATALOG, setup(spares, Prices(owned=OWNED))).cost_usd["owned"] for spares in (2, 0))
    assert spared.paid_gpus == bare.paid_gpus == 80
    assert spared.usd_per_gpu_h == pytest.approx(bare.usd_per_gpu_h)
    few = replace(OWNED, nodes=5)
    reasons = [gap.reason for gap in estimate(CATALOG, setup(2, Prices(owned=few))).not_priced if gap.way == "owned"]
    assert reasons, "four nodes work and two stand by"
    with pytest.raises(InputError, match=r"5"):
        few.cost_of_run(6)
    each = replace(OWNED, nodes=None)
    assert estimate(CATALOG, setup(2, Prices(owned=each))).cost_usd["owned"].paid_gpus == 48
