"""`simcost train estimate` from the command line."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused

RUN = ("train", "estimate", "llama-3.1-8b", "--tokens", "1e9", "--on", "h100")


def estimate(*words: object) -> dict[str, Any]:
    return call(*RUN, *words, "--json").document()


def test_failures_of_every_kind_reach_the_run(tmp_path: Path) -> None:
    log = tmp_path / "failures.csv"
    log.write_text("t_s\n100\n3700\n40000\n", encoding="utf-8")
    words = (
        "--gpus",
        "64",
        "--mfu",
        "0.4",
        "--job-failures",
        "2.2",
        "--restart",
        "10min",
        "--checkpoint",
        "1h",
    )
    plain = estimate(*words, "--failure-rate", "0.01")
    assert plain["failures"]["of_nodes_per_day"] == pytest.approx(0.08)
    assert plain["failures"]["size_independent_per_day"] == 2.2
    assert plain["checkpoints"]["interval_s"] == 3600
    for model in ("weibull=0.7", "lognormal=1.5", "gamma=0.5"):
        found = estimate(*words, "--failure-rate", "0.01", "--failure-model", model)
        assert found["failures"]["model"] == model.partition("=")[0]
        assert found["failures"]["simulated"]["runs"] == 400
    recorded = estimate(*words[:4], "--failure-model", f"recorded={log}", "--log-span", "2d")
    assert recorded["failures"]["mtbf_s"] == pytest.approx(2 * 86400 / 3)
    together = estimate(*words, "--correlated", "8/2/3h", "--spares", "8", "--simulate", "50")
    assert together["failures"]["correlated"] == {"nodes": 8, "per_day": 2, "outage": 10800}
    assert together["failures"]["simulated"]["runs"] == 50


def test_prices_of_every_way() -> None:
    found = estimate(
        "--gpus",
        "16",
        "--price",
        "2.5",
        "--spot",
        "1",
        "--interruptions",
        "2",
        "--capex",
        "240000",
        "--life-years",
        "4",
        "--used-share",
        "0.8",
        "--electricity",
        "0.1",
        "--pue",
        "1.2",
        "--power",
        "6kW",
        "--storage",
        "$0.02/GB",
        "--egress",
        "$0.09/GB",
        "--kept",
        "2",
        "--copies",
        "3",
    )
    assert list(found["cost_usd"]) == ["on_demand", "spot", "owned"]
    assert found["not_priced"] == []
    assert found["cost_usd"]["on_demand"]["egress"]["mid"] == pytest.approx(3 * 2 * 8.030261248 * 0.09)
    assert found["verdict"].endswith("on spot.")


def test_how_many_gpus_for_a_deadline(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    found = estimate("--deadline", "1h", "--price", "2.5", "--html", page)
    assert found["estimate"]["time_s"]["high"] <= 3600
    assert page.read_text(encoding="utf-8").count("<svg") == 3
    several = estimate("--gpus", "8,16", "--budget", "$220", "--price", "2.5")
    assert [point["gpus"] for point in several["points"]] == [8, 16]
    assert several["chosen_gpus"] == 16


def test_ways_side_by_side() -> None:
    found = estimate(
        "--gpus",
        "8",
        "--compare",
        "--student",
        "llama-3.2-1b",
        "--serve-tokens",
        "1e9",
        "--quality",
        "lora=0.8",
        "--kept-share",
        "0.5",
        "--trained-share",
        "0.25",
        "--rank",
        "8",
    )
    assert [row["method"] for row in found["methods"]] == [
        "full",
        "lora",
        "qlora",
        "transfer",
        "pruned",
        "distill",
    ]
    assert [row["quality"] for row in found["methods"]][1] == 0.8
    assert "rank 8" in found["methods"][1]["title"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--gpus", "8", "--spares", "2"), "--spares belongs to --correlated"),
        (("--gpus", "8", "--log-span", "2d"), "--log-span belongs to --failure-model recorded"),
        (("--gpus", "8", "--serve-tokens", "1e9"), "--serve-tokens belongs to --compare"),
        (("--gpus", "8", "--compare", "--quality", "lora=good"), "'good' is not a number"),
        (("--gpus", "8", "--compare", "--quality", "lora=.8", "--quality", "lora=.5"), "lora is given twice"),
        (("--gpus", "8", "--compare", "--deadline", "1h"), "ask one of them"),
        (("--gpus", "8,16", "--compare"), "give --gpus N"),
        (("--gpus", "8", "--compare", "--method", "lora"), "--method is of one run"),
        (("--gpus", "8", "--compare", "--teacher", "llama-3.1-70b"), "--teacher is of one run"),
        (("--gpus", "8", "--compare", "--tokens-per-s", "9e3"), "give --mfu or --tflops"),
        (("--gpus", "8", "--compare", "--buy", "spot"), "--buy is of one run"),
        (("--gpus", "8", "--compare", "--speedup", "1.3"), "where --kept-share says"),
        (("--gpus", "8", "--failure-model", "weibul=1"), "did you mean 'weibull'"),
        (("--gpus", "8", "--failure-model", "gamma=inf"), "not a finite number"),
        (("--gpus", "8", "--failure-model", "recorded=nowhere.csv"), "nowhere.csv"),
        (("--gpus", "8", "--correlated", "8/2"), "not NODES/PER_DAY/OUTAGE"),
        (("--gpus", "8", "--correlated", "8/-1/1h"), "per_day is -1"),
        (("--gpus", "8", "--offer", "aws/g6.xlarge"), "has l4"),
        (("--buy", "spot", "--budget", "5"), "on spot has no price: how often nodes are taken back"),
        (("--gpus", "8", "--bandwidth", "fast"), "not a quantity"),
        (
            (
                "--gpus",
                "0",
            ),
            "not a whole number from 1 up",
        ),
    ],
)
def test_bad_words(words: tuple[str, ...], why: str) -> None:
    assert why in refused(*RUN, *words)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("t_s\n1\nx\n", "failures.csv:3: t_s: 'x' is not a time"),
        ("when\n1\n2\n", "no timestamp column found; call it timestamp or t_s"),
        ("t_s\n1\n", "1 failures do not tell a rate"),
        ("t_s\n", "no rows; give a log of failures"),
    ],
)
def test_bad_logs_of_failures(tmp_path: Path, text: str, why: str) -> None:
    log = tmp_path / "failures.csv"
    log.write_text(text, encoding="utf-8")
    assert why in refused(*RUN, "--gpus", "8", "--failure-model", f"recorded={log}")


def test_shares_may_be_percent() -> None:
    """`--trained-share 20%` was no number, where all other shares take one."""
    words = ("train", "estimate", "qwen3-8b", "--tokens", "300M", "--on", "h100", "--gpus", 8, "--price", 2.5)
    found = [
        call(*words, "--method", "transfer", "--trained-share", share, "--mfu", mfu, "--json", "--quiet").document()
        for share, mfu in (("20%", "40%"), ("0.2", "0.4"))
    ]
    assert found[0] == found[1]
