"""A run end to end, and the methods side by side."""

import json
from typing import Any

import pytest

from simcost.catalog import load_catalog
from simcost.compare.training import (
    Energy,
    Owned,
    Prices,
    Run,
    Spot,
    compare_methods,
    estimate,
    training_method,
)
from simcost.errors import CatalogError, DoesNotFitError, InputError
from simcost.perf.training.duration import Failures
from simcost.perf.training.layout import Layout
from simcost.perf.training.methods import Full, Lora, Method
from simcost.report.train_estimate import text

CATALOG = load_catalog()
NO_FAILURES = Failures(per_node_day=0.0)
OWN = Prices(on_demand_usd_per_gpu_h=2.0, storage_usd_per_gb_month=0.1, egress_usd_per_gb=0.05)


def run(
    model: str = "llama-3.1-8b",
    *,
    tokens: float = 1e9,
    accelerator: str = "h100",
    method: Method | None = None,
    layout: Layout | None = None,
    **options: Any,
) -> Run:
    return Run(
        model=CATALOG.model(model),
        accelerator=CATALOG.accelerator(accelerator),
        tokens=tokens,
        method=method or Full(),
        layout=layout or Layout(gpus=8),
        **options,
    )


def big(**options: Any) -> dict[str, Any]:
    layout = Layout(gpus=16384, tp=8, pp=16, zero=1, sequence_tokens=8192)
    return estimate(CATALOG, run("llama-3.1-405b", tokens=15.6e12, layout=layout, **options))


def test_the_document_is_json_with_the_keys_that_others_read() -> None:
    found = estimate(CATALOG, run(prices=OWN))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"fits", "memory_bytes", "flops", "mfu", "time_s", "gpu_hours", "cost_usd", "ettr", "checkpoints",
            "energy_kwh", "assumptions"} <= found.keys()  # fmt: skip
    assert found["mfu"]["source"] in " ".join(found["assumptions"])


def test_the_run_of_405b_takes_the_days_published() -> None:
    found = big(mfu=400 / 989, count_attention=False, failures=NO_FAILURES)
    assert found["time_s"]["mid"] / 86400 == pytest.approx(66.9 * 405.8534 / 405, abs=0.05)
    assert found["time_s"]["low"] == found["time_s"]["high"]


def test_the_gpu_hours_of_405b_lie_in_the_interval() -> None:
    hours = big()["gpu_hours"]
    assert hours["low"] < 30.84e6 < hours["high"]  # model card of Llama 3.1 405B
    assert hours["mid"] == pytest.approx(30.84e6, rel=0.05)


def test_time_falls_with_gpus_and_compute_costs_the_same() -> None:
    some, twice = (
        estimate(CATALOG, run(layout=Layout(gpus=gpus), mfu=0.4, failures=NO_FAILURES, prices=OWN))
        for gpus in (8, 16)
    )
    assert twice["time_s"]["mid"] == pytest.approx(some["time_s"]["mid"] / 2)
    costs = [found["cost_usd"]["on_demand"] for found in (some, twice)]
    assert costs[1]["useful_compute"]["mid"] == pytest.approx(costs[0]["useful_compute"]["mid"])
    assert costs[0]["failures_and_checkpoints"]["mid"] == pytest.approx(0.0, abs=1e-9)


def test_the_parts_of_a_cost_add_up() -> None:
    found = estimate(CATALOG, run(prices=OWN))
    cost = found["cost_usd"]["on_demand"]
    for end in ("low", "mid", "high"):
        parts = sum(
            cost[part][end] for part in ("useful_compute", "failures_and_checkpoints", "storage", "egress")
        )
        assert cost["total"][end] == pytest.approx(parts)
    assert cost["total"]["low"] < cost["total"]["mid"] < cost["total"]["high"]
    assert cost["egress"]["mid"] == pytest.approx(2 * 8.030261248 * 0.05)
    months = found["time_s"]["mid"] / 3600 / 730
    assert cost["storage"]["mid"] == pytest.approx(3 * 14 * 8.030261248 * months * 0.1)
    assert cost["missing"] == []


def test_a_measured_speed_is_the_speed() -> None:
    found = estimate(CATALOG, run(tokens_per_s_per_gpu=10_000.0, failures=NO_FAILURES))
    assert found["time_s"]["mid"] == pytest.approx(1e9 / 80_000)
    assert "measured by you" in found["mfu"]["source"]


def test_spot_is_slower_by_its_interruptions_and_not_priced_without_them() -> None:
    without = estimate(CATALOG, run(prices=OWN))
    assert [gap["way"] for gap in without["not_priced"]] == ["spot", "owned"]
    spot = Spot(usd_per_gpu_h=1.0, interruptions_per_node_day=10.0)
    priced = estimate(CATALOG, run(prices=Prices(on_demand_usd_per_gpu_h=2.0, spot=spot)))
    ways = priced["cost_usd"]
    assert ways["spot"]["time_s"]["mid"] > ways["on_demand"]["time_s"]["mid"]
    assert 0.5 < ways["spot"]["total"]["mid"] / ways["on_demand"]["total"]["mid"] < 0.65
    observed = Prices(spot=Spot(usd_per_gpu_h=1.0))
    reasons = [gap["reason"] for gap in estimate(CATALOG, run(prices=observed))["not_priced"]]
    assert "interruptions per node and day" in reasons[0]


def test_owned_hardware_costs_its_capital_and_its_power() -> None:
    owned = Owned(capex_usd_per_gpu=35_040.0, life_years=4, used_share=0.5, usd_per_kwh=0.1)
    prices = Prices(owned=owned, storage_usd_per_gb_month=0, egress_usd_per_gb=0)
    found = estimate(CATALOG, run(prices=prices, energy=Energy(pue=1.25)))
    assert found["cost_usd"]["owned"]["usd_per_gpu_h"] == pytest.approx(2.0 + 0.7 * 1.25 * 0.1)
    assert found["energy_kwh"]["mid"] == pytest.approx(found["gpu_hours"]["mid"] * 0.7 * 1.25)
    part = estimate(CATALOG, run(prices=Prices(owned=Owned(capex_usd_per_gpu=1.0))))
    assert "life_years, used_share, usd_per_kwh, pue" in part["not_priced"][-1]["reason"]


def test_an_offer_of_another_card_is_refused() -> None:
    with pytest.raises(CatalogError, match="has t4, the run is on h100-sxm"):
        estimate(CATALOG, run(prices=Prices(offer="aws/g4dn.xlarge", region="us-east-1")))


def test_a_card_without_published_mfu_needs_a_measured_one() -> None:
    with pytest.raises(CatalogError, match="give `mfu`"):
        estimate(CATALOG, run(accelerator="b200"))
    assert estimate(CATALOG, run(accelerator="b200", mfu=0.35))["mfu"]["mid"] == 0.35


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
    for make in (lambda: Prices(on_demand_usd_per_gpu_h=-1.0), lambda: Energy(pue=0.9),
                 lambda: Owned(used_share=0.0), lambda: Spot(interruptions_per_node_day=float("inf"))):  # fmt: skip
        with pytest.raises(InputError, match="it must be"):
            make()


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(DoesNotFitError, match="405b"):
        estimate(CATALOG, run("llama-3.1-405b"))


def test_methods_come_from_names_and_their_own_options() -> None:
    assert training_method(CATALOG, "pretrain") == Full()
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


def levers(**options: Any) -> dict[str, Any]:
    return compare_methods(CATALOG, run("llama-3.1-70b", layout=Layout(gpus=16), prices=OWN), **options)


def test_methods_side_by_side() -> None:
    found = levers(student=CATALOG.model("llama-3.1-8b"), quality={"lora": 0.9})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    rows = {row["method"]: row for row in found["methods"]}
    assert list(rows) == ["full", "lora", "qlora", "distill"]
    assert rows["full"]["gpus"] == 24  # 18 are needed: three whole nodes
    assert rows["lora"]["memory_bytes"] > rows["qlora"]["memory_bytes"]
    assert rows["full"]["checkpoint_bytes"] > 100 * rows["lora"]["checkpoint_bytes"]
    assert rows["full"]["cost_usd"]["on_demand"]["mid"] > rows["lora"]["cost_usd"]["on_demand"]["mid"]
    assert rows["distill"]["serving"]["usd_per_token"] < rows["lora"]["serving"]["usd_per_token"] / 3
    assert (rows["lora"]["quality"], rows["full"]["quality"]) == (0.9, None)


def test_a_distilled_model_pays_for_itself_where_its_training_costs_more() -> None:
    found = levers(student=CATALOG.model("llama-3.1-8b"), student_tokens=1e11)
    rows = {row["method"]: row for row in found["methods"]}
    tokens = found["break_even"]["output_tokens"]
    sums = [
        rows[name]["cost_usd"]["on_demand"]["mid"] + tokens * rows[name]["serving"]["usd_per_token"]
        for name in (found["break_even"]["against"], "distill")
    ]
    assert tokens > 0
    assert sums[0] == pytest.approx(sums[1])
    assert "paid for itself after" in text(found)


def test_levers_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="not smaller"):
        levers(student=CATALOG.model("llama-3.1-405b"))
    with pytest.raises(InputError, match="quality names magic"):
        levers(quality={"magic": 1.0})
    assert levers()["break_even"] is None


def test_a_method_that_no_number_of_gpus_fits_keeps_its_row() -> None:
    layout = Layout(gpus=16, zero=0)
    found = compare_methods(CATALOG, run("llama-3.1-70b", layout=layout, prices=OWN))
    full = found["methods"][0]
    assert (full["method"], full["fits"], full["cost_usd"]) == ("full", False, None)
    assert "does not fit" in text(found)


def test_the_text_shows_what_the_document_holds() -> None:
    found = big(energy=Energy(pue=1.1))
    shown = text(found)
    assert shown.startswith("llama-3.1-405b, full, 15.6T tokens on 16,384 x h100-sxm in bf16: ")
    assert found["mfu"]["source"] in shown
    assert "not priced, owned: owned hardware needs" in shown
    assert "not in the total" in shown
    assert "unknown" in text(levers())
    assert "interruptions never" in text(estimate(CATALOG, run(failures=NO_FAILURES)))
