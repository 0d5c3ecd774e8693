"""A run end to end, and the methods side by side."""

import json
from dataclasses import replace
from math import exp, expm1
from pathlib import Path
from typing import Any

import pytest
from support.shown import on_terminal

from simcost.billing.owned import Owned
from simcost.catalog import load_catalog
from simcost.documents import to_document
from simcost.errors import CatalogError, DoesNotFitError, InputError
from simcost.perf import ReplicaSpec, step_time
from simcost.perf.pruning import FewerLayers, Sparse24
from simcost.perf.training.duration import Failures
from simcost.perf.training.methods import Distill, Full, Lora, Method, Pruned, TransferLearning
from simcost.perf.training.utilization import ParallelLayout
from simcost.plan.failures import CorrelatedLoss, RecordedFailures, Weibull
from simcost.present.chart_style import to_svg
from simcost.studies.training_cost import charts
from simcost.studies.training_cost.estimate import estimate
from simcost.studies.training_cost.gpu_counts import TrainingTarget, choose_count
from simcost.studies.training_cost.inputs import Energy, Losses, Prices, SpotTerms, TrainingSetup, training_method
from simcost.studies.training_cost.levers import Levers, compare_methods, served
from simcost.studies.training_cost.result import GpuCounts, MethodComparison, TrainingEstimate
from simcost.studies.training_cost.view import parts

text = on_terminal(parts)

CATALOG = load_catalog()
NO_FAILURES = Failures(per_node_day=0.0)
OWN = Prices(on_demand_usd_per_gpu_h=2.0, storage_usd_per_gb_month=0.1, egress_usd_per_gb=0.05)


def run(
    model: str = "llama-3.1-8b",
    *,
    tokens: float = 1e9,
    accelerator: str = "h100",
    method: Method | None = None,
    layout: ParallelLayout | None = None,
    **options: Any,
) -> TrainingSetup:
    return TrainingSetup(
        model=CATALOG.model(model),
        accelerator=CATALOG.accelerator(accelerator),
        tokens=tokens,
        method=method or Full(),
        layout=layout or ParallelLayout(gpus=8),
        **options,
    )


def big(**options: Any) -> TrainingEstimate:
    layout = ParallelLayout(gpus=16384, tp=8, pp=16, zero=1, sequence_tokens=8192)
    return estimate(CATALOG, run("llama-3.1-405b", tokens=15.6e12, layout=layout, **options))


def test_the_document_is_json_with_the_keys_that_others_read() -> None:
    result = estimate(CATALOG, run(prices=OWN))
    found = to_document(result)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {
        "fits",
        "memory_bytes",
        "flops",
        "mfu",
        "time_s",
        "gpu_hours",
        "cost_usd",
        "ettr",
        "checkpoints",
        "energy_kwh",
        "assumptions",
    } <= found.keys()
    assert result.mfu.source in " ".join(result.assumptions)


def test_the_run_of_405b_takes_the_days_published() -> None:
    found = big(mfu=400 / 989, count_attention=False, failures=NO_FAILURES)
    assert found.time_s.mid / 86400 == pytest.approx(66.9 * 405.8534 / 405, abs=0.05)
    assert found.time_s.low == found.time_s.high


def test_the_gpu_hours_of_405b_lie_in_the_interval() -> None:
    hours = big().gpu_hours
    assert hours.low < 30.84e6 < hours.high  # model card of Llama 3.1 405B
    assert hours.mid == pytest.approx(30.84e6, rel=0.05)


def test_time_falls_with_gpus_and_compute_costs_the_same() -> None:
    some, twice = (
        estimate(CATALOG, run(layout=ParallelLayout(gpus=gpus), mfu=0.4, failures=NO_FAILURES, prices=OWN))
        for gpus in (8, 16)
    )
    assert twice.time_s.mid == pytest.approx(some.time_s.mid / 2)
    costs = [found.cost_usd["on_demand"] for found in (some, twice)]
    assert costs[1].useful_compute.mid == pytest.approx(costs[0].useful_compute.mid)
    assert costs[0].failures_and_checkpoints.mid == pytest.approx(0.0, abs=1e-9)


def test_the_parts_of_a_cost_add_up() -> None:
    found = estimate(CATALOG, run(prices=OWN))
    cost = found.cost_usd["on_demand"]
    for end in ("low", "mid", "high"):
        parts = (cost.useful_compute, cost.failures_and_checkpoints, cost.storage, cost.egress)
        assert getattr(cost.total, end) == pytest.approx(sum(getattr(part, end) for part in parts))
    assert cost.total.low < cost.total.mid < cost.total.high
    assert cost.egress.mid == pytest.approx(2 * 8.030261248 * 0.05)
    months = found.time_s.mid / 3600 / 730
    assert cost.storage.mid == pytest.approx(3 * 14 * 8.030261248 * months * 0.1)
    assert cost.missing == ()


def test_training_data_are_stored_while_the_run_lasts_and_brought_once() -> None:
    own = replace(OWN, data_bytes=20e12, data_usd_per_gb=0.09)
    [without, with_data] = [estimate(CATALOG, run(tokens=1e12, prices=p)).cost_usd["on_demand"] for p in (OWN, own)]
    assert without.storage is not None
    assert with_data.storage is not None
    months = with_data.time_s.mid / 3600 / 730
    assert with_data.storage.mid - without.storage.mid == pytest.approx(20_000 * 0.1 * months)
    assert with_data.egress is not None
    assert without.egress is not None
    assert with_data.egress.mid - without.egress.mid == pytest.approx(20_000 * 0.09)
    with pytest.raises(InputError, match="give --data-size"):
        Prices(data_usd_per_gb=0.09)


def test_weights_that_leave_cost_as_much_after_a_short_run_as_after_a_long_one() -> None:
    """They leave once, in one month: 1,000 copies of 16.06 GB are 16,060 GB, of which AWS gives the first 100 and sells
    the rest in tiers. Of a run of an hour they were priced as 730 times as many."""
    prices = Prices(offer="aws/p5.48xlarge", egress_copies=1000)
    gb = 1000 * 2 * 8.030261248
    usd = (10_240 - 100) * 0.09 + (gb - 10_240) * 0.085
    for tokens in (1e8, 1e12):
        egress = estimate(CATALOG, run(tokens=tokens, prices=prices)).cost_usd["on_demand"].egress
        assert egress is not None
        assert (egress.low, egress.mid, egress.high) == pytest.approx((usd, usd, usd))


def test_a_region_without_offers_is_refused() -> None:
    """The price of an offer that is the same everywhere was taken."""
    with pytest.raises(CatalogError, match="no offer of the catalog is in region 'us-est-1'; did you mean"):
        estimate(CATALOG, run(prices=Prices(region="us-est-1")))
    with pytest.raises(CatalogError, match="is in region 'mars'; without it all count"):
        estimate(CATALOG, run(prices=Prices(region="mars", on_demand_usd_per_gpu_h=2.0)))
    assert estimate(CATALOG, run(prices=Prices(region="us-east-1"))).cost_usd["on_demand"].total.mid > 0


def test_storage_and_egress_are_those_of_the_region_of_the_offer(tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text(
        "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,source,as_of,quality\n"
        "ours,box,berlin,h100,8,16,list,2026-11,A\nours,box,paris,h100,8,16,list,2026-11,A\n"
    )
    (tmp_path / "tier_prices.csv").write_text(
        "provider,item,region,unit,from_gb,to_gb,price_usd,source,as_of,quality\n"
        "ours,egress,any,GB,0,,0.05,list,2026-11,A\nours,egress,paris,GB,0,,0.2,list,2026-11,A\n"
        "ours,storage,paris,GB-month,0,,0.3,list,2026-11,A\n"
    )
    catalog = load_catalog(tmp_path)
    for given in ({}, {"on_demand_usd_per_gpu_h": 2.0}):
        prices = {place: Prices(offer="ours/box", region=place, **given) for place in ("berlin", "paris")}
        costs = {place: estimate(catalog, run(prices=one)).cost_usd["on_demand"] for place, one in prices.items()}
        assert costs["berlin"].egress.mid == pytest.approx(2 * 8.030261248 * 0.05)
        assert costs["paris"].egress.mid == pytest.approx(2 * 8.030261248 * 0.2)
        assert costs["berlin"].storage is None
        assert costs["paris"].storage.mid > 0


def test_a_measured_speed_is_the_speed() -> None:
    found = estimate(CATALOG, run(tokens_per_s_per_gpu=10_000.0, failures=NO_FAILURES))
    assert found.time_s.mid == pytest.approx(1e9 / 80_000)
    assert "measured by you" in found.mfu.source


def test_spot_is_slower_by_its_interruptions_and_not_priced_without_them() -> None:
    without = estimate(CATALOG, run(prices=OWN))
    assert [gap.way for gap in without.not_priced] == ["spot", "owned"]
    spot = SpotTerms(usd_per_gpu_h=1.0, interruptions_per_node_day=10.0)
    priced = estimate(CATALOG, run(prices=Prices(on_demand_usd_per_gpu_h=2.0, spot=spot)))
    ways = priced.cost_usd
    assert ways["spot"].time_s.mid > ways["on_demand"].time_s.mid
    assert 0.5 < ways["spot"].total.mid / ways["on_demand"].total.mid < 0.65
    observed = Prices(spot=SpotTerms(usd_per_gpu_h=1.0))
    reasons = [gap.reason for gap in estimate(CATALOG, run(prices=observed)).not_priced]
    assert "interruptions per node and day" in reasons[0]


def test_notes_of_the_facts_are_told() -> None:
    """`simcost perf` told them, estimates did not: a T4 without bf16, parameters that are not those of the shape."""
    many = ParallelLayout(gpus=256)
    told = " ".join(
        estimate(CATALOG, run("glm-5", accelerator="h200", mfu=0.3, method=Lora(), layout=many)).assumptions
    )
    assert "without the indexer of its sparse attention" in told
    assert "adapters are on the attention of each layer, none on its experts" in told
    doubted = replace(run(), model=replace(CATALOG.model("llama-3.1-8b"), parameters=5e9))
    assert "8.03e+09 by its layers, heads and sizes" in " ".join(estimate(CATALOG, doubted).assumptions)


def test_an_own_price_says_no_grid() -> None:
    found = estimate(CATALOG, run(prices=Prices(on_demand_usd_per_gpu_h=2.0)))
    assert found.carbon_kg is None
    assert "your price says no place" in " ".join(found.assumptions)


def test_carbon_is_the_energy_times_the_grid() -> None:
    """There was energy, but no carbon."""
    there = estimate(CATALOG, run(prices=Prices(offer="aws/p5.48xlarge", region="us-east-1")))
    assert there.carbon_kg.mid == pytest.approx(there.energy_kwh.mid * 0.379)
    given = estimate(CATALOG, run(prices=OWN, energy=Energy(g_per_kwh=30)))
    assert given.carbon_kg.high == pytest.approx(given.energy_kwh.high * 0.03)


def test_energy_of_owned_nodes_is_what_their_bill_pays_for() -> None:
    """The bill had 10 kW of a node, the energy 0.7 kW of each accelerator."""
    owned = Owned(capex=0.0, accelerators=8, life_years=4, pue=1.3, electricity=0.1, power=10.0, g_per_kwh=250.0)
    prices = Prices(owned=owned, storage_usd_per_gb_month=0, egress_usd_per_gb=0)
    found = estimate(CATALOG, run(layout=ParallelLayout(gpus=20), prices=prices))
    assert found.energy_kwh.mid == pytest.approx(found.time_s.mid / 3600 * 3 * 10 * 1.3)
    assert found.cost_usd["owned"].total.mid == pytest.approx(0.1 * found.energy_kwh.mid)
    assert found.carbon_kg.mid == pytest.approx(0.25 * found.energy_kwh.mid)
    assert "energy: 10 kW of each owned node, PUE 1.3" in found.assumptions
    whole = replace(prices, owned=replace(owned, nodes=5))
    every = estimate(CATALOG, run(layout=ParallelLayout(gpus=20), prices=whole))
    assert every.cost_usd["owned"].total.mid == pytest.approx(0.1 * every.energy_kwh.mid)
    assert "energy: 10 kW of each owned node, PUE 1.3; all 5 nodes draw it while the run lasts" in every.assumptions
    measured = estimate(CATALOG, run(prices=prices, energy=Energy(power_w=500, pue=1.2)))
    assert measured.energy_kwh.mid == pytest.approx(measured.gpu_hours.mid * 0.5 * 1.2)
    assert any("without processors and memory of the nodes" in said for said in measured.assumptions)


def test_owned_hardware_costs_what_a_year_of_it_costs() -> None:
    owned = Owned(capex=8 * 35_040.0, accelerators=8, life_years=4, pue=1.25, electricity=0.1, power=5.6)
    prices = Prices(owned=owned, used_share=0.5, storage_usd_per_gb_month=0, egress_usd_per_gb=0)
    found = estimate(CATALOG, run(prices=prices, energy=Energy(pue=1.25)))
    assert found.cost_usd["owned"].usd_per_gpu_h == pytest.approx((1.0 + 0.7 * 1.25 * 0.1) / 0.5)
    assert found.energy_kwh.mid == pytest.approx(found.gpu_hours.mid * 0.7 * 1.25)
    assert found.carbon_kg is None
    assert "may stand anywhere; give offer and region" in " ".join(found.assumptions)
    few = estimate(CATALOG, run(layout=ParallelLayout(gpus=16), prices=Prices(owned=replace(owned, nodes=1))))
    assert "only 1 are owned" in few.not_priced[-1].reason
    with pytest.raises(InputError, match="give one"):
        Prices(owned=owned, owned_usd_per_gpu_h=1.0)
    assert "capex, life_years, power, pue and electricity" in estimate(CATALOG, run()).not_priced[-1].reason


def test_an_offer_of_another_card_is_refused() -> None:
    with pytest.raises(CatalogError, match="has t4, the run is on h100-sxm"):
        estimate(CATALOG, run(prices=Prices(offer="aws/g4dn.xlarge", region="us-east-1")))


def test_a_card_without_published_mfu_needs_a_measured_one() -> None:
    with pytest.raises(CatalogError, match="give `mfu`"):
        estimate(CATALOG, run(accelerator="b200"))
    assert estimate(CATALOG, run(accelerator="b200", mfu=0.35)).mfu.mid == 0.35


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tokens": -1.0}, "tokens is -1"),
        ({"tokens": float("nan")}, "tokens is nan"),
        ({"mfu": 40.0}, "check the accelerator"),
        ({"mfu": 1e-300}, "would take"),
        ({"mfu": 0.4, "tokens_per_s_per_gpu": 1.0}, "give one of them"),
        ({"tokens_per_s_per_gpu": -1.0}, "more than 0"),
        ({"precision": "int8"}, "int8 is not modelled"),
    ],
)
def test_figures_that_cannot_be_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        estimate(CATALOG, run(**wrong))


def test_prices_and_power_that_cannot_be_are_refused() -> None:
    for make in (
        lambda: Prices(on_demand_usd_per_gpu_h=-1.0),
        lambda: Energy(pue=0.9),
        lambda: Prices(used_share=0.0),
        lambda: SpotTerms(interruptions_per_node_day=float("inf")),
    ):
        with pytest.raises(InputError, match="it must be"):
            make()


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(DoesNotFitError, match="405b"):
        estimate(CATALOG, run("llama-3.1-405b"))


def test_methods_come_from_names_and_their_own_options() -> None:
    assert training_method(CATALOG, "pretrain") == Full(kind="pretrain")
    assert training_method(CATALOG, "qlora", rank=8, teacher=None) == Lora(kind="qlora", rank=8)
    for name, options, words in (
        ("lorra", {}, "did you mean 'lora'"),
        ("full", {"rank": 8}, "has no rank"),
        ("distill", {}, "needs the teacher"),
        ("transfer", {"trained_share": 2.0}, "1 or less"),
        ("lora", {"rank": 0}, "rank is 0"),
    ):
        with pytest.raises(InputError, match=words):
            training_method(CATALOG, name, **options)


def levers(**options: Any) -> MethodComparison:
    return compare_methods(CATALOG, run("llama-3.1-70b", layout=ParallelLayout(gpus=16), prices=OWN), Levers(**options))


def test_methods_side_by_side() -> None:
    found = levers(student=CATALOG.model("llama-3.1-8b"), quality={"lora": 0.9})
    json.dumps(to_document(found), allow_nan=False)
    rows = {row.method: row for row in found.methods}
    assert list(rows) == ["full", "lora", "qlora", "distill"]
    assert rows["full"].gpus == 24  # 18 are needed: three whole nodes
    assert rows["lora"].memory_bytes > rows["qlora"].memory_bytes
    assert rows["full"].checkpoint_bytes > 100 * rows["lora"].checkpoint_bytes
    assert rows["full"].cost_usd["on_demand"].mid > rows["lora"].cost_usd["on_demand"].mid
    assert rows["distill"].serving.usd_per_token < rows["lora"].serving.usd_per_token / 3
    assert (rows["lora"].quality, rows["full"].quality) == (0.9, None)


def test_a_distilled_model_pays_for_itself_where_its_training_costs_more() -> None:
    found = levers(student=CATALOG.model("llama-3.1-8b"), student_tokens=1e11)
    rows = {row.method: row for row in found.methods}
    tokens = found.break_even.output_tokens
    sums = [
        rows[name].cost_usd["on_demand"].mid + tokens * rows[name].serving.usd_per_token
        for name in (found.break_even.against, "distill")
    ]
    assert tokens > 0
    assert sums[0] == pytest.approx(sums[1])
    assert "paid for itself after" in text(found)


def test_levers_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="not smaller"):
        levers(student=CATALOG.model("llama-3.1-405b"))
    with pytest.raises(InputError, match="quality names magic"):
        levers(quality={"magic": 1.0})
    assert levers().break_even is None


def test_a_method_that_no_number_of_gpus_fits_keeps_its_row() -> None:
    layout = ParallelLayout(gpus=16, zero=0)
    found = compare_methods(CATALOG, run("llama-3.1-70b", layout=layout, prices=OWN), Levers())
    full = found.methods[0]
    assert (full.method, full.fits, full.cost_usd) == ("full", False, None)
    assert "does not fit" in text(found)


def test_the_text_shows_what_the_document_holds() -> None:
    found = big(energy=Energy(pue=1.1))
    shown = " ".join(text(found).split())
    assert shown.startswith("llama-3.1-405b, full, 15.6T tokens on 16,384 x h100-sxm in bf16: ")
    assert found.mfu.source in shown
    assert "not priced, owned: owned hardware needs" in shown
    cards = run(mfu=0.4, method=Lora(), prices=Prices(offer="verda/1H100.80S.32V"))
    assert "not in the total, on demand: storage" in text(estimate(CATALOG, cards))
    assert "unknown" in text(levers())
    assert "interruptions never" in text(estimate(CATALOG, run(failures=NO_FAILURES)))


def test_the_offer_is_a_whole_node_and_whole_machines_are_paid_for() -> None:
    """Of 12 GPUs on machines of 8, 16 are paid for; a run on 8 takes no eight machines of one."""
    found = estimate(CATALOG, run(layout=ParallelLayout(gpus=12), prices=Prices(offer="aws/p5.48xlarge")))
    cost = found.cost_usd["on_demand"]
    assert cost.paid_gpus == 16
    assert cost.useful_compute.mid == pytest.approx(found.compute_s.mid / 3600 * 2 * 55.04)
    cheapest = estimate(CATALOG, run(layout=ParallelLayout(gpus=8)))
    assert CATALOG.offer(cheapest.offer).accelerators >= 8
    assert "16 GPUs are paid for" in " ".join(text(found).split())
    for offer, paid in (("aws/p5.48xlarge", 16), (None, 12)):
        own = Prices(offer=offer, on_demand_usd_per_gpu_h=2.5)
        found = estimate(CATALOG, run(layout=ParallelLayout(gpus=12), prices=own))
        cost = found.cost_usd["on_demand"]
        assert cost.paid_gpus == paid
        assert cost.useful_compute.mid == pytest.approx(found.compute_s.mid / 3600 * paid * 2.5)


def test_the_date_of_the_price_stands_beside_it_and_an_old_one_is_called_so() -> None:
    found = estimate(CATALOG, run(prices=Prices(offer="aws/p5.48xlarge")))
    offer = CATALOG.offer("aws/p5.48xlarge")
    [price] = found.prices
    assert (price.offer, price.as_of, price.source) == (
        offer.name,
        offer.as_of,
        found.cost_usd["on_demand"].price_source,
    )
    assert f"price of {offer.as_of}, quality A" in " ".join(text(found).split())
    assert "older" not in text(found)
    old = estimate(CATALOG, run(accelerator="tpu-v5e", mfu=0.4, layout=ParallelLayout(gpus=16, tp=8)))
    assert old.prices[0].as_of == "2024-12-23"
    assert "old price of 2024-12-23" in " ".join(text(old).split())
    assert "is of 2024-12-23, more than a year older than the newest of the catalog" in " ".join(old.assumptions)


def test_both_hazards_are_said() -> None:
    failures = Failures(per_node_day=6.5e-3, size_independent_per_day=2.21)
    found = estimate(CATALOG, run(layout=ParallelLayout(gpus=1024), failures=failures)).failures
    assert found.mtbf_s / 3600 == pytest.approx(7.9, abs=0.02)
    assert (found.of_nodes_per_day, found.size_independent_per_day) == (pytest.approx(0.832), 2.21)
    shown = " ".join(text(estimate(CATALOG, run(layout=ParallelLayout(gpus=1024), failures=failures))).split())
    assert "128 nodes x 0.0065 a day = 0.832, and 2.21 whatever the size" in shown


@pytest.mark.parametrize(
    ("gpus", "write_s", "minutes", "ratio"),
    [
        (1024, 30, 41.6, 0.9734),
        (1024, 120, 83.2, 0.9502),
        (8192, 300, 46.5, 0.7850),
        (16384, 120, 20.8, 0.7824),
    ],
)
def test_the_published_ratio_and_interval(gpus: int, write_s: float, minutes: float, ratio: float) -> None:
    bandwidth = 14 * CATALOG.model("llama-3.1-8b").parameters / (gpus / 8 * write_s)
    failures = Failures(per_node_day=6.5e-3, restart_s=300, write_bytes_per_s=bandwidth)
    found = estimate(CATALOG, run(layout=ParallelLayout(gpus=gpus), failures=failures))
    assert found.checkpoints.interval_s / 60 == pytest.approx(minutes, abs=0.05)
    assert found.ettr_first_order == pytest.approx(ratio, abs=5.1e-5)
    assert found.checkpoints.rule == "young"
    daly = estimate(CATALOG, run(layout=ParallelLayout(gpus=gpus), failures=replace(failures, optimum="daly")))
    assert daly.checkpoints.interval_s == daly.checkpoints.daly_s == found.checkpoints.daly_s
    assert daly.ettr.mid >= found.ettr.mid


FAILING = Failures(per_node_day=2.0, restart_s=600, checkpoint_interval_s=3600)


def test_simulated_memoryless_failures_take_the_time_of_the_closed_form() -> None:
    options = {"tokens": 1e11, "layout": ParallelLayout(gpus=64), "mfu": 0.4, "failures": FAILING}
    closed = estimate(CATALOG, run(**options))
    weibull = estimate(CATALOG, run(**options, losses=Losses(model=Weibull(shape=1.0))))
    assert weibull.failures.simulated.runs == 400
    assert weibull.time_s.mid == pytest.approx(closed.time_s.mid, rel=0.005)
    both = estimate(CATALOG, run(**options, losses=Losses(runs=200)))
    assert both.time_s == closed.time_s
    spent = both.failures.simulated
    assert spent.time_s.mean == pytest.approx(closed.time_s.mid, rel=0.01)
    assert sum(spent.parts_s.values()) == pytest.approx(spent.time_s.mean)
    assert spent.parts_s["useful"] == pytest.approx(closed.compute_s.mid)


@pytest.mark.slow
def test_clustered_failures_cost_less_and_correlated_losses_make_the_run_wait() -> None:
    options = {"tokens": 1e11, "layout": ParallelLayout(gpus=64), "mfu": 0.4, "failures": FAILING}
    closed = estimate(CATALOG, run(**options)).time_s.mid
    assert estimate(CATALOG, run(**options, losses=Losses(model=Weibull(shape=0.5)))).time_s.mid < closed
    loss = CorrelatedLoss(nodes=4, per_day=1.0, outage=7200.0)
    waits = estimate(CATALOG, run(**options, losses=Losses(correlated=loss)))
    spared = estimate(CATALOG, run(**options, losses=Losses(correlated=loss, spares=4)))
    assert waits.failures.simulated.parts_s["waiting"] > 0
    assert spared.failures.simulated.parts_s["waiting"] == 0
    assert closed < spared.time_s.mid < waits.time_s.mid
    with pytest.raises(InputError, match="shape is 0"):
        Losses(model=Weibull(shape=0.0))


def test_recorded_failures_take_the_place_of_rates() -> None:
    log = RecordedFailures(times_s=(3600.0, 90_000.0), span_s=172_800.0)
    found = estimate(CATALOG, run(mfu=0.4, losses=Losses(model=log)))
    assert found.failures.mtbf_s == 86_400
    assert found.failures.size_independent_per_day == 1.0, "it was 0, beside a mean time between failures of a day"
    rates = estimate(CATALOG, run(mfu=0.4, failures=Failures(per_node_day=0.0, size_independent_per_day=1.0)))
    assert found.ettr_first_order == pytest.approx(rates.ettr_first_order)
    with pytest.raises(InputError, match="say the same"):
        estimate(CATALOG, run(losses=Losses(model=log), failures=Failures(per_node_day=1.0)))


@pytest.mark.slow
def test_spot_is_interrupted_beside_recorded_failures_too() -> None:
    """A log that almost never fails: time on spot is Daly's at the rate of the interruptions."""
    spot = Prices(spot=SpotTerms(usd_per_gpu_h=1.0, interruptions_per_node_day=2.0))
    options: dict[str, Any] = {"tokens": 1e12, "layout": ParallelLayout(gpus=64), "mfu": 0.4, "prices": spot}
    log = RecordedFailures(times_s=(5e8,), span_s=1e9)
    recorded = estimate(CATALOG, run(**options, losses=Losses(model=log))).cost_usd["spot"]
    rates = estimate(CATALOG, run(**options, failures=Failures(per_node_day=0.0))).cost_usd["spot"]
    assert recorded.time_s.mid == pytest.approx(rates.time_s.mid, rel=0.01)
    assert recorded.time_s.mid > 1.1 * recorded.useful_compute.mid / recorded.usd_per_gpu_h / 64 * 3600


def range_said(**options: Any) -> str:
    found = estimate(CATALOG, run(tokens=1e12, layout=ParallelLayout(gpus=64), **options))
    return next(line for line in found.assumptions if line.startswith("low and high"))


def test_low_and_high_are_of_published_failures_where_none_are_given() -> None:
    given = Failures(per_node_day=0.01)
    assert "ends of the published failure rates" in range_said(mfu=0.4)
    assert "ends of the published failure rates" in range_said()
    assert "alike" in range_said(mfu=0.4, failures=given)
    assert "failure rates" not in range_said(failures=given)
    log = Losses(model=RecordedFailures(times_s=(3600.0, 90_000.0), span_s=172_800.0))
    assert "alike" in range_said(mfu=0.4, losses=log)


def counted(target: TrainingTarget, counts: tuple[int, ...] = (), **options: Any) -> GpuCounts:
    chosen = choose_count(CATALOG, run(tokens=2e10, prices=OWN, mfu=0.4, **options), target, counts)
    json.dumps(to_document(chosen), allow_nan=False)
    assert chosen.verdict in " ".join(text(chosen).split())
    return chosen


def test_the_fewest_gpus_that_keep_a_deadline() -> None:
    found = counted(TrainingTarget(deadline_s=86_400.0))
    gpus = found.chosen_gpus
    assert found.estimate.time_s.high <= 86_400
    [fewer] = [point for point in found.points if point.gpus == gpus - 8]
    assert not fewer.keeps
    assert found.estimate.layout.gpus == gpus


def test_the_fastest_within_a_budget_and_what_cannot_be_kept() -> None:
    cheap = counted(TrainingTarget(), (8, 64)).points[0].cost_usd["on_demand"].high
    within = counted(TrainingTarget(budget_usd=cheap * 1.02), failures=Failures(per_node_day=0.1))
    keeping = [point.gpus for point in within.points if point.keeps]
    assert within.chosen_gpus == max(keeping) < within.points[-1].gpus
    neither = counted(TrainingTarget(budget_usd=cheap / 2, deadline_s=3600.0))
    assert neither.chosen_gpus is neither.estimate is None
    assert "no number of GPUs tried ends within 60 min and for at most" in neither.verdict


def test_counts_asked_for_that_cannot_be_are_left_out() -> None:
    found = counted(TrainingTarget(), (1, 8, 12), layout=ParallelLayout(gpus=4, tp=4))
    assert [point.gpus for point in found.points] == [8, 12]
    assert "multiple of tp x pp" in found.left_out[0].reason
    with pytest.raises(InputError, match="multiple of tp x pp"):
        counted(TrainingTarget(), (1, 2), layout=ParallelLayout(gpus=4, tp=4))
    with pytest.raises(InputError, match="on spot has no price: how often"):
        counted(TrainingTarget(way="spot", budget_usd=1.0), (8,))


def test_levers_with_the_tokens_served_later() -> None:
    found = levers(
        student=CATALOG.model("llama-3.1-8b"),
        serve_tokens=2e10,
        quality={"distill": 0.8},
        pruned=Pruned(kept_share=0.5),
        transfer=TransferLearning(trained_share=0.25),
    )
    rows = {row.method: row for row in found.methods}
    assert list(rows) == ["full", "lora", "qlora", "transfer", "pruned", "distill"]
    for row in rows.values():
        assert row.serving_usd == pytest.approx(row.serving.usd_per_token * 2e10)
        spread = row.serving.spread
        assert spread.low < 1 / 1.1 < 1.1 < spread.high == pytest.approx(1 / spread.low)
        paid = row.cost_usd["on_demand"]
        for end in ("low", "mid", "high"):
            served = getattr(spread, end) * row.serving_usd
            assert getattr(row.total_usd, end) == pytest.approx(getattr(paid, end) + served)
    assert rows["distill"].serving_usd < rows["pruned"].serving_usd < rows["full"].serving_usd
    assert found.verdict.startswith("distill is the cheapest way to train and to serve 20B tokens: $")
    assert found.verdict.endswith("its quality was measured as 0.8.")


@pytest.mark.parametrize("model", ["gemma-3-12b", "gpt-oss-20b", "deepseek-v3"])
def test_a_pruned_model_is_served_with_the_layers_that_are_left(model: str) -> None:
    """Windows and dense layers among them: its own shape, not that of the whole model with other parameters."""
    shape, accelerator = CATALOG.model(model), CATALOG.accelerator("h200")
    setup = run(model, accelerator="h200", method=Pruned(kept_share=0.4), prices=OWN)
    serving = served(CATALOG, setup, (32, 2048))
    assert serving is not None
    spec = ReplicaSpec(accelerator="h200", tp=serving.tp, pruning=FewerLayers(layers=round(0.4 * shape.layers)))
    step_s = step_time(CATALOG, shape, accelerator, spec).seconds(0, 32, 32 * 2048, 0)
    assert serving.tokens_per_s == pytest.approx(32 / step_s)


def serving_usd(method: Method, model: str = "llama-3.1-70b", accelerator: str = "h100") -> float:
    found = served(CATALOG, run(model, accelerator=accelerator, method=method, mfu=0.4, prices=OWN), (32, 2048))
    assert found is not None
    return float(found.usd_per_token)


def test_a_smaller_model_never_costs_more_to_serve() -> None:
    """It fits wherever the whole one does, with more room for sequences, and takes shorter steps there: half of 70B
    just fits on one H100, where few sequences are decoded at a time, and costs less on two.
    """
    costs = [serving_usd(Pruned(kept_share=share)) for share in (1.0, 0.9, 0.7, 0.6, 0.5, 0.48, 0.4, 0.2)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == serving_usd(Full())


def test_a_sparse_model_is_served_as_a_plan_serves_it() -> None:
    """2:4 sparsity takes fewer bytes and shorter steps where products with it exist; a mask of zeros saves nothing."""
    sparse, whole = Pruned(pruning="2:4", kept_share=0.5, speedup=1.0), "llama-3.1-8b"
    mask = Pruned(pruning="unstructured", kept_share=0.5)
    step_s = [
        step_time(CATALOG, CATALOG.model(whole), CATALOG.accelerator("h100"), spec).seconds(0, 32, 32 * 2048, 0)
        for spec in (ReplicaSpec(accelerator="h100"), ReplicaSpec(accelerator="h100", pruning=Sparse24()))
    ]
    assert serving_usd(sparse, whole) / serving_usd(Full(), whole) == pytest.approx(step_s[1] / step_s[0])
    assert serving_usd(mask, whole) == serving_usd(Full(), whole)
    assert serving_usd(sparse, whole, "gaudi3") == serving_usd(Full(), whole, "gaudi3")


def test_a_teacher_of_other_tokens_and_adapters_as_large_as_the_model_are_told() -> None:
    qwen, llama = CATALOG.model("qwen3-32b"), CATALOG.model("llama-3.1-70b")
    told, same = (estimate(CATALOG, run(method=Distill(teacher=teacher), prices=OWN)) for teacher in (qwen, llama))
    assert "outputs of different tokenizers cannot be compared" in told.warnings[0]
    assert same.warnings == []
    high, low = (estimate(CATALOG, run(method=Lora(rank=rank), prices=OWN)) for rank in (4096, 64))
    assert "adapters of rank 4,096 have as many parameters as llama-3.1-8b" in high.warnings[0]
    assert low.warnings == []
    assert any("different tokenizers" in note for note in levers(student=CATALOG.model("qwen3-8b")).notes)


def test_sequences_steps_and_products_that_cannot_be_so_are_told() -> None:
    long, short = (ParallelLayout(gpus=8, tp=8, sequence_tokens=tokens) for tokens in (262_144, 131_072))
    told, within = (estimate(CATALOG, run(layout=layout, prices=OWN)) for layout in (long, short))
    assert "longer than the context of llama-3.1-8b, 131,072" in told.warnings[0]
    assert within.warnings == []
    few = estimate(CATALOG, run("llama-3.2-1b", tokens=1e6, layout=ParallelLayout(gpus=512), prices=OWN))
    assert "1M tokens are fewer than one step of the optimizer takes in this layout, 2.1M" in few.warnings[0]
    bits = {kind: Lora(kind=kind) for kind in ("lora", "qlora")}
    eight = {kind: estimate(CATALOG, run(method=bits[kind], precision="fp8", prices=OWN)).warnings for kind in bits}
    assert eight["lora"] == []
    assert "no published speed in fp8 is of it" in eight["qlora"][0]
    measured = run(method=bits["qlora"], precision="fp8", tokens_per_s_per_gpu=9000.0, prices=OWN)
    assert estimate(CATALOG, measured).warnings == []


def test_the_teacher_reads_no_attention_where_none_is_counted() -> None:
    """6 N of the student and 2 N of the teacher alone: its 4 L d s were counted all the same."""
    teacher = CATALOG.model("llama-3.1-8b")
    student = run("llama-3.2-1b", method=Distill(teacher=teacher), count_attention=False)
    assert student.token_flops.model == 6 * student.model.parameters + 2 * teacher.parameters
    counted = replace(student, count_attention=True).token_flops
    of_teacher = 4 * teacher.layers * teacher.heads * teacher.head_dim * 4096
    assert counted.teacher - student.token_flops.teacher == of_teacher


def test_what_the_network_between_nodes_does_to_a_published_speed_is_told() -> None:
    """No published run has tensor parallelism over several nodes; the same speed was taken without a word."""
    wide, node, measured = (
        estimate(CATALOG, run(layout=ParallelLayout(gpus=64, tp=tp, pp=2), prices=OWN, mfu=mfu))
        for tp, mfu in ((16, None), (8, None), (16, 0.2))
    )
    assert wide.warnings[0].startswith("tp 16 spans nodes of 8")
    assert node.warnings == measured.warnings == []
    # 4 ranks x 4,096 tokens a micro batch
    assert any("pipeline stages wait 1 / (m + 1) of a step of m x 16,384 tokens" in line for line in node.assumptions)
    assert not any("network" in line or "stages" in line for line in measured.assumptions)
    one = estimate(CATALOG, run(layout=ParallelLayout(gpus=8), prices=OWN))
    assert not any("network" in line for line in one.assumptions)


def test_a_speed_in_flops_per_second() -> None:
    found = big(flops_per_s_per_gpu=400e12, count_attention=False, failures=NO_FAILURES)
    assert found.compute_s.mid / 86400 == pytest.approx(66.9 * 405.8534 / 405, abs=0.05)
    assert "400 TFLOP/s per GPU" in found.mfu.source
    with pytest.raises(InputError, match="give one of them"):
        run(mfu=0.4, flops_per_s_per_gpu=4e14)


@pytest.mark.parametrize("name", ["memory", "costs"])
def test_an_estimate_is_drawn(name: str) -> None:
    assert "<svg" in to_svg(getattr(charts, name)(estimate(CATALOG, run(prices=OWN))))


def test_counts_and_levers_are_drawn() -> None:
    assert "time (" in to_svg(charts.counts(counted(TrainingTarget(deadline_s=86_400.0), (8, 64))))
    assert "distill" in to_svg(charts.methods(levers(student=CATALOG.model("llama-3.1-8b"), serve_tokens=1e9)))


ON_SPOT = Prices(
    on_demand_usd_per_gpu_h=2.5, spot=SpotTerms(usd_per_gpu_h=1.0, interruptions_per_node_day=0.5), kept_checkpoints=0
)


def interrupted(gpus: int = 64) -> TrainingSetup:
    """Ten hours of computing; on spot its nodes are taken back too."""
    failures = Failures(per_node_day=0.05, size_independent_per_day=0.3)
    layout = ParallelLayout(gpus=gpus)
    return run("llama-3.1-70b", tokens=2e9, layout=layout, mfu=0.4, failures=failures, prices=ON_SPOT)


def test_a_deadline_of_a_run_on_spot_counts_the_time_that_interruptions_cost() -> None:
    """64 GPUs take 10.5 h on demand and 11.4 h on spot, by Daly's formula: 11 h are too few on spot."""
    hours = {way: cost.time_s.mid / 3600 for way, cost in estimate(CATALOG, interrupted()).cost_usd.items()}
    assert hours == pytest.approx({"on_demand": 10.482, "spot": 11.435}, abs=1e-3)
    kept = {
        way: choose_count(CATALOG, interrupted(), TrainingTarget(deadline_s=11 * 3600, way=way), (64, 72))
        for way in hours
    }
    assert [point.keeps for point in kept["on_demand"].points] == [True, True]
    assert [point.keeps for point in kept["spot"].points] == [False, True]
    assert kept["spot"].points[0].way_time_s["spot"].mid == pytest.approx(hours["spot"] * 3600)
    assert kept["spot"].points[0].ettr == pytest.approx(35984.46 / 3600 / hours["spot"], rel=1e-6)
    searched = choose_count(CATALOG, interrupted(), TrainingTarget(deadline_s=11 * 3600, way="spot"))
    assert searched.chosen_gpus == 72
    assert "72 GPUs end within 11 h even at the high end: 10.2 h, " in searched.verdict
    assert "times are those on spot, with its interruptions" in text(searched)


def test_a_run_that_costs_least_on_spot_says_how_long_it_takes_there() -> None:
    found = estimate(CATALOG, interrupted())
    assert found.verdict.endswith(" in 11.4 h on spot.")
    assert found.cost_usd["spot"].checkpoint_interval_s == pytest.approx((2 * 123.469 * 86400 / 4.7) ** 0.5, rel=1e-5)
    assert found.cost_usd["on_demand"].checkpoint_interval_s == found.checkpoints.interval_s
    assert not found.checkpoints.at_the_end
    assert "spot: 11.4 h with its interruptions, and checkpoints every 35.5 min" in " ".join(text(found).split())


def test_a_run_shorter_than_its_interval_writes_one_checkpoint_at_the_end() -> None:
    """4.8 h under a failure every two days, with an interval of 20 h: M e^(R/M) (e^((T + C)/M) - 1), and not a share of
    an interval that the run never sees; its simulation agrees.
    """
    failures = Failures(per_node_day=0.5, checkpoint_interval_s=20 * 3600)
    found = estimate(CATALOG, run(mfu=0.4, failures=failures, losses=Losses(runs=4000)))
    work, write, mtbf = found.compute_s.mid, found.checkpoints.write_s, 2 * 86400.0
    assert work < 5 * 3600
    assert found.time_s.mid == pytest.approx(mtbf * exp(300 / mtbf) * expm1((work + write) / mtbf))
    assert found.failures.simulated is not None
    assert found.failures.simulated.time_s.mean == pytest.approx(found.time_s.mid, rel=0.02)
    assert found.checkpoints.at_the_end
    said = " ".join(text(found).split())
    assert "at the end only (the run is shorter than the interval given; the best is 103 min)" in said
    longest = replace(failures, per_node_day=1.0, checkpoint_interval_s=1000 * 3600.0)
    assert estimate(CATALOG, run(mfu=0.4, failures=longest)).time_s.high < 6 * 3600  # not 10^13 years
    never = estimate(CATALOG, run(mfu=0.4, failures=replace(failures, per_node_day=0.0)))
    assert never.time_s.mid == pytest.approx(work + write)  # was a share of it: work / 20 h
    rare = estimate(CATALOG, run(mfu=0.4))
    assert rare.checkpoints.young_s > rare.compute_s.mid
    assert "GiB at the end only, 112 s each" in " ".join(text(rare).split())
