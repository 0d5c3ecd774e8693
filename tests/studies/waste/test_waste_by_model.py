"""GPUs of several models, each at its price: each as alone, and the sums."""

import re
from pathlib import Path

import pytest
from support.commands import call

from simcost.errors import InputError
from simcost.studies.waste.by_model import waste_by_model
from simcost.studies.waste.study import waste
from simcost.studies.waste.verdict import wasted_usd
from simcost.units import format_usd


def mixed(tmp_path: Path, *models: str) -> Path:
    path = tmp_path / "mixed.csv"
    rows = [
        f"2026-03-02T{minute // 60:02d}:{minute % 60:02d}:00Z,{gpu},{model},{(11 * gpu + minute) % 90}"
        for minute in range(0, 180, 5)
        for gpu, model in enumerate(models)
    ]
    path.write_text("\n".join(["timestamp,gpu,modelName,DCGM_FI_DEV_GPU_UTIL", *rows]) + "\n")
    return path


def test_the_models_of_a_file_are_those_of_each_alone_at_its_price_and_add_up(tmp_path: Path) -> None:
    path = mixed(tmp_path, "NVIDIA H100", "NVIDIA L4", "NVIDIA L4", "")
    found = waste_by_model(path, {"h100": 2.5, "NVIDIA L4": 0.8})
    assert [*found.models] == ["NVIDIA H100", "NVIDIA L4"]
    for model, usd in (("NVIDIA H100", 2.5), ("NVIDIA L4", 0.8)):
        assert found.models[model] == waste(path, price_usd_per_h=usd, where=[("gpu_model", model)])
    assert found.capacity_gpu_hours == pytest.approx(9.0)
    assert found.cost_usd == pytest.approx(3 * 2.5 + 6 * 0.8)
    wasted = [wasted_usd(one.buckets) for one in found.models.values()]
    assert format_usd(sum(wasted)) in found.verdict
    assert f"most of it NVIDIA H100 ({format_usd(wasted[0])})" in found.verdict
    assert [one["kind"] for one in found.findings] == ["no_model", "allocated", "allocated"]


def test_conditions_on_the_model_itself_choose_among_the_models(tmp_path: Path) -> None:
    path = mixed(tmp_path, "H100", "L4", "T4")
    asked = [("gpu_model", "H100"), ("gpu_model", "L4")]
    found = waste_by_model(path, {"H100": 2.5, "L4": 0.8}, where=asked)
    assert [one.capacity_gpu_hours for one in found.models.values()] == pytest.approx([3.0, 3.0])
    assert waste_by_model(path, {"H100": 2.5}, where=[("modelName", "H100")]).capacity_gpu_hours == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("models", "prices", "told"),
    [
        (("NVIDIA H100", "T4"), {"h100": 1.0}, "no price of T4; give --price 'T4=USD'"),
        (("NVIDIA H100",), {"h100": 1.0, "T4": 2.0}, "no GPU is a T4; the file has NVIDIA H100"),
        (("", ""), {"h100": 1.0}, "no column says the model of a GPU"),
    ],
)
def test_each_model_has_a_price_and_each_price_a_model(
    tmp_path: Path, models: tuple[str, ...], prices: dict[str, float], told: str
) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        waste_by_model(mixed(tmp_path, *models), prices)


def test_prices_of_models_in_the_terminal_and_on_the_page(tmp_path: Path) -> None:
    path, page = mixed(tmp_path, "NVIDIA H100", "NVIDIA L4"), tmp_path / "page.html"
    said = call("waste", path, "--price", "H100=2.50", "--price", "L4=0.80", "--html", page)
    assert "all" in said.out
    for model in ("NVIDIA H100", "NVIDIA L4"):
        assert f"{model}: GPU-hours" in said.out
        assert f"{model}: Where the GPU-hours went" in page.read_text()
    assert "one price for all GPUs, or MODEL=USD" in call("waste", path, "--price", "H100=2.50", "--price", "1").err
    assert "for GPUs of one price" in call("waste", path, "--price", "H100=2.50", "--gpus", "3").err
