"""An offer of the user's catalog has one price in all verbs that take one: that of its region, by contract."""

import json
from pathlib import Path

import pytest

from simcost.cli.main import main

TICKS = "trace,gap_s,start_tick,ticks,nodes_available\na,600,0,200,1\n"
SAMPLES = "timestamp,Hostname,gpu,DCGM_FI_DEV_GPU_UTIL\n" + "".join(
    f"{1764547200 + 60 * i},n1,0,0\n" for i in range(60)
)
PAID = 24 * 0.5
"""USD per hour of the box in Paris: list price less the discount agreed on."""


@pytest.fixture
def offer(tmp_path: Path) -> list[str]:
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "offers.csv").write_text(
        "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,spot_usd_per_h,source,as_of,quality\n"
        "own,box,berlin,h100,8,16,4,list,2026-11,A\nown,box,paris,h100,8,24,4,list,2026-11,A\n"
    )
    (facts / "contracts.csv").write_text(
        "provider,sku,discount,source,as_of,quality\nown,*,0.5,agreement,2026-10-01,A\n"
    )
    (tmp_path / "samples.csv").write_text(SAMPLES)
    (tmp_path / "spot.csv").write_text(TICKS)
    return ["--offer", "own/box", "--region", "paris", "--catalog", str(facts)]


def test_waste_and_advise(tmp_path: Path, offer: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    samples = str(tmp_path / "samples.csv")
    assert main(["waste", samples, "--json", *offer]) == 0
    price = json.loads(capsys.readouterr().out)["price"]
    assert price["usd_per_gpu_hour"] == PAID / 8
    assert "agreement" in price["source"]
    assert main(["advise", samples, "--json", *offer]) == 0
    assert json.loads(capsys.readouterr().out)["actions"][0]["before"]["usd_per_month"] == pytest.approx(PAID / 8 * 730)


def test_spot_policies(tmp_path: Path, offer: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    question = ["--work", "3h", "--deadline", "5h", "--changeover", "0s", "--starts", "1", "--json"]
    assert main(["train", "spot", str(tmp_path / "spot.csv"), *question, *offer]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {row["pricing"]: row["usd"] for row in said["prices"]} == {"list": PAID, "spot": 4.0}
    assert said["od_usd_per_h"] == PAID


@pytest.mark.parametrize("words", [["--region", "paris"], ["--catalog", "facts"]])
def test_what_belongs_to_an_offer_is_refused_without_one(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "samples.csv").write_text(SAMPLES)
    assert main(["waste", str(tmp_path / "samples.csv"), "--price", "1", *words]) == 2
    assert f"{words[0]} is of an offer" in capsys.readouterr().err
