"""Estimates against whole published runs, each predicted by the other families alone; and published global batches."""

import doctest
import sys
from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import Catalog, load_catalog
from simcost.catalog.catalog import Facts
from simcost.errors import CatalogError
from simcost.perf.training.methods import Full
from simcost.perf.training.utilization import ParallelLayout
from simcost.perf.training.whole_runs import largest_batch, predicted, run_ratio, whole_runs
from simcost.studies.training_cost.estimate import estimate
from simcost.studies.training_cost.inputs import TrainingSetup

CATALOG = load_catalog()
RUNS = CATALOG.facts.training_runs
LEFT_OUT = {
    level: {run.name: whole_runs(CATALOG, without=run.family, level=level) for run in RUNS} for level in (0.5, 0.8, 0.9)
}


def covered(level: float) -> list[str]:
    """Runs that the other families predict."""
    found = LEFT_OUT[level]
    return [r.name for r in RUNS if found[r.name].low <= run_ratio(CATALOG, r) <= found[r.name].high]


def run(name: str, gpus: int, **layout: int) -> TrainingSetup:
    return TrainingSetup(
        model=CATALOG.model(name),
        accelerator=CATALOG.accelerator("h100"),
        tokens=15e12,
        method=Full(kind="pretrain"),
        layout=ParallelLayout(gpus=gpus, **layout),
    )


@pytest.mark.parametrize(("level", "least", "most"), [(0.5, 0.3, 0.7), (0.8, 0.65, 0.95), (0.9, 0.8, 1.0)])
def test_left_out_runs_are_covered_about_as_often_as_said(level: float, least: float, most: float) -> None:
    assert least <= len(covered(level)) / len(RUNS) <= most


@pytest.mark.parametrize("name", ["llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b", "llama-2-7b", "bloom-176b"])
def test_the_runs_people_ask_about_are_covered_by_the_others(name: str) -> None:
    assert name in covered(0.9)


@pytest.mark.parametrize(
    ("name", "gpus", "layout", "hours"),
    [
        ("llama-3.1-8b", 1024, {}, 1.46e6),
        ("llama-3.1-8b", 8192, {}, 1.46e6),
        ("llama-3.1-70b", 8192, {"tp": 8, "pp": 2}, 7.0e6),
        ("llama-3.1-405b", 16384, {"tp": 8, "pp": 16}, 30.84e6),
    ],
)
def test_an_estimate_covers_the_hours_of_the_model_card(
    name: str, gpus: int, layout: dict[str, int], hours: float
) -> None:
    found = estimate(CATALOG, run(name, gpus, sequence_tokens=8192, **layout))
    assert found.gpu_hours.low < hours < found.gpu_hours.high
    whole = found.whole_runs
    assert whole.gpu_hours == pytest.approx(found.gpu_hours.mid * whole.mid)
    assert (whole.level, whole.runs) == (0.9, len(RUNS))


def test_a_measured_speed_has_no_spread_of_other_runs() -> None:
    found = estimate(CATALOG, replace(run("llama-3.1-8b", 512), mfu=0.4))
    assert found.whole_runs is None
    assert found.compute_s.low == found.compute_s.high


def test_the_example_of_the_interval() -> None:
    found = doctest.testmod(sys.modules[whole_runs.__module__])
    assert found.attempted
    assert not found.failed


@given(
    st.lists(st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=4), min_size=3, max_size=8),
    st.floats(-1, 1),
)
def test_the_interval_moves_with_the_runs_and_grows_with_the_level(families: list[list[float]], shift: float) -> None:
    centre, half = predicted(families, 0.9)
    moved, same = predicted([[value + shift for value in values] for values in families], 0.9)
    assert moved == pytest.approx(centre + shift, abs=1e-9)
    assert same == pytest.approx(half, abs=1e-9)
    assert predicted(families, 0.5)[1] <= half + 1e-12


def test_the_interval_covers_a_new_family_at_its_level() -> None:
    rng = np.random.default_rng(11)
    hits, trials = 0, 600
    for _ in range(trials):
        families = [
            (0.2 * rng.standard_normal() + 0.15 * rng.standard_normal(size)).tolist() for size in (1, 1, 4, 1, 5, 2, 8)
        ]
        centre, half = predicted(families, 0.9)
        hits += abs(0.2 * rng.standard_normal() + 0.15 * rng.standard_normal() - centre) <= half
    assert 0.87 <= hits / trials <= 0.95


def test_own_runs_join_the_published_ones(tmp_path: Path) -> None:
    header = (
        "name,family,accelerator,precision,parameters,layers,width,sequence_tokens,tokens,gpus,gpu_hours,"
        "source,as_of,quality\n"
    )
    rows = "".join(f"own-{i},own,h100,bf16,8e9,32,4096,8192,1e12,512,{60000 + i},us,2026-10,A\n" for i in range(3))
    (tmp_path / "training_runs.csv").write_text(header + rows)
    own = load_catalog(tmp_path)
    assert whole_runs(own).families == whole_runs(CATALOG).families + 1
    assert whole_runs(own, without="own") == whole_runs(CATALOG)


def test_too_few_families_are_an_error_that_says_what_to_do() -> None:
    facts = CATALOG.facts
    two = tuple(r for r in facts.training_runs if r.family in ("llama", "bloom"))
    few = Catalog(Facts(accelerators=facts.accelerators, training_mfu=facts.training_mfu, training_runs=two))
    with pytest.raises(CatalogError, match=r"2 families.*training_runs\.csv.*`mfu`"):
        whole_runs(few)


def test_ratios_are_those_worked_out_by_hand() -> None:
    bloom = next(r for r in RUNS if r.name == "bloom-176b")
    flops = (6 * 176.247e9 + 12 * 70 * 14336 * 2048) * 366e9
    benchmark = 0.56 * (1 - 0.019 * log2(384 / 96))
    assert run_ratio(CATALOG, bloom) == pytest.approx(1082990 * 3600 * 312e12 * benchmark / flops, rel=1e-3)
    found = whole_runs(CATALOG)
    assert found.low < found.mid < found.high
    assert found.mid**2 == pytest.approx(found.low * found.high)
    assert found.mid > 1.2  # whole runs take longer than benchmarks


@pytest.mark.parametrize(
    ("name", "gpus", "layout", "warned"),
    [
        ("llama-3.1-8b", 16384, {}, True),  # 67 million tokens
        ("llama-3.1-8b", 1024, {}, False),
        ("llama-3.1-8b", 16384, {"tp": 8, "pp": 4}, False),
        ("llama-3.1-405b", 16384, {"tp": 8, "pp": 16, "sequence_tokens": 8192}, False),
        ("llama-3.1-70b", 2048, {"tp": 8, "pp": 2}, False),
    ],
)
def test_a_batch_beyond_published_practice_is_warned_of(
    name: str, gpus: int, layout: dict[str, int], warned: bool
) -> None:
    found = estimate(CATALOG, run(name, gpus, **layout))
    batch = found.global_batch
    ranks = gpus // (layout.get("tp", 1) * layout.get("pp", 1))
    assert batch.least_tokens == ranks * layout.get("sequence_tokens", 4096)
    assert bool(found.warnings) == warned
    if warned:
        assert "67.1M tokens" in found.warnings[0]
        assert "arXiv" in found.warnings[0]
        assert batch.least_tokens > 4 * batch.published_tokens


def test_the_largest_batch_is_that_of_models_of_a_like_size() -> None:
    batches = {size: largest_batch(CATALOG, size) for size in (1e6, 8e9, 405e9, 671e9)}
    assert batches[1e6] is None
    tokens = {size: None if found is None else found.global_batch_tokens for size, found in batches.items()}
    assert tokens == {1e6: None, 8e9: 4e6, 405e9: 16e6, 671e9: 16e6}
