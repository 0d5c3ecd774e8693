"""The same question again: nothing is simulated twice, and nothing differs by a byte."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import FOLDER, Said, call, contents, scenario

import simcost.sim


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pools that were simulated, in their order."""
    real, names = simcost.sim.simulate, []

    def counted(pool: Any, *rest: Any, **options: Any) -> Any:
        names.append(pool.name)
        return real(pool, *rest, **options)

    monkeypatch.setattr(simcost.sim, "simulate", counted)
    return names


@pytest.mark.slow
def test_the_same_bytes_whatever_the_jobs_and_however_often(
    finished: Said, home: Path, tmp_path: Path, simulated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path)
    words = ("run", "tiny.yaml", "--out", FOLDER, "--json", "--quiet", "--jobs", 1)
    assert call(*words) == Said(0, finished.out, "")
    assert len(simulated) == 4
    first = contents(tmp_path / FOLDER)
    assert first == contents(home / FOLDER), "two jobs at a time elsewhere gave the same"
    assert call(*words).out == finished.out
    assert len(simulated) == 4
    assert contents(tmp_path / FOLDER) == first
    assert call(*words, "--fresh").out == finished.out
    assert len(simulated) == 8
    assert contents(tmp_path / FOLDER) == first


@pytest.mark.usefixtures("no_report")
def test_a_new_price_is_a_new_bill_and_no_new_run(tmp_path: Path, simulated: list[str]) -> None:
    words = ("--out", tmp_path / "out", "--json", "--quiet")
    before = call("run", scenario(tmp_path), *words).document()
    assert len(simulated) == 4
    dear = scenario(tmp_path, ("buy: {offer: aws/g6.xlarge}", "buy: {offer: aws/g6.xlarge, price: $8.048/h}"))
    after = call("run", dear, *words).document()
    assert len(simulated) == 4
    for old, new in zip(before["plans"], after["plans"], strict=True):
        ratio = new["cost_usd"]["by_category"]["compute"] / old["cost_usd"]["by_category"]["compute"]
        assert ratio == pytest.approx(10)
        assert new["requests"] == old["requests"]
        assert new["slo"] == old["slo"]


@pytest.mark.usefixtures("no_report")
def test_another_seed_is_another_run(tmp_path: Path, simulated: list[str]) -> None:
    words = ("run", scenario(tmp_path), "--out", tmp_path / "out", "--json", "--quiet")
    one, two = (call(*words, "--seed", seed).document() for seed in (0, 1))
    assert len(simulated) == 8
    assert one["plans"][0]["requests"] != two["plans"][0]["requests"]
    assert (one["provenance"]["seed"], two["provenance"]["seed"]) == (0, 1)
