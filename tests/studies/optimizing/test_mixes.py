"""`simcost optimize --mixes`: a fleet of two kinds that costs less than any of one, proved by simulation."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call

pytestmark = pytest.mark.slow

SPACE = """\
scenario: mixed
model: llama-3.2-1b
horizon: 4min
seeds: 2
workload: {kind: synthetic, rate: 70/s, lengths: {prompt_median: 400, output_median: 60}}
slo: {ttft: 1s, tpot: 40ms, attainment: 95%}
plans:
  - name: small
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
vary:
  - - {replica: {accelerator: l4}}
    - {replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}
  - {path: scaling.replicas, values: [1, 2, 4]}
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The answers without and with mixes."""
    folder = tmp_path_factory.mktemp("mixes")
    file = folder / "mixed.yaml"
    file.write_text(SPACE, encoding="utf-8")
    words = ("optimize", file, "--json", "--quiet", "--out", folder / "out")
    return folder, call(*words).document(), call(*words, "--mixes").document()


def test_a_mix_wins_where_one_kind_is_too_small_and_two_of_it_too_many(
    answers: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    _, alone, mixed = answers
    assert "mixes" not in alone
    assert [pool["scaling"]["replicas"] for pool in mixed["best"]["plan"]["pools"]] == [1, 1]
    assert mixed["best"]["cost_usd"]["per_month"] < alone["best"]["cost_usd"]["per_month"]
    assert mixed["runner_up"]["cost_usd"] == alone["best"]["cost_usd"]
    assert mixed["mixes"]["proved"]
    assert mixed["bound_usd_per_month"] <= mixed["best"]["cost_usd"]["per_month"]
    assert "mix 2 kinds" in mixed["verdict"]


def test_the_mix_is_a_plan_that_can_be_run(answers: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    folder, _, mixed = answers
    text = yaml.safe_load(SPACE)
    text["plans"] = [mixed["best"]["plan"]]
    del text["vary"]
    file = folder / "best.yaml"
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    seed = mixed["provenance"]["confirmation_seed"]
    said = call("run", file, "--seed", seed, "--out", folder / "ran", "--quiet", "--json").document()
    assert said["plans"][0]["cost_usd"] == mixed["best"]["cost_usd"]
    assert said["plans"][0]["slo"]["met"]


@pytest.mark.parametrize(
    ("words", "most"),
    [(("--quota", "l4=0"), (0, 9)), (("--quota", "l40s=0"), (9, 0)), (("--available", "aws/g6.xlarge=1"), (1, 9))],
)
def test_fleets_stay_within_limits_and_cost_no_less(
    answers: tuple[Path, dict[str, Any], dict[str, Any]], words: tuple[str, str], most: tuple[int, int]
) -> None:
    folder, _, free = answers
    said = call("optimize", folder / "mixed.yaml", *words, "--mixes", "--json", "--quiet", "--out", folder / "out")
    document = said.document()
    best = document["best"]
    pools = best["plan"].get("pools") or [best["plan"]]
    counts = {pool["replica"]["accelerator"]: pool["scaling"]["replicas"] for pool in pools}
    assert all(counts.get(name, 0) <= count for name, count in zip(("l4", "l40s"), most, strict=True))
    assert best["cost_usd"]["per_month"] >= free["best"]["cost_usd"]["per_month"]
    assert document["bound_usd_per_month"] <= best["cost_usd"]["per_month"]
    same = counts == {
        pool["replica"]["accelerator"]: pool["scaling"]["replicas"] for pool in free["best"]["plan"]["pools"]
    }
    assert same == (words == ("--available", "aws/g6.xlarge=1")), "a limit that the best is within changes nothing"
