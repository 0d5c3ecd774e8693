"""`simcost train spot` from the command line."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused

JOB = ("--work", "10h", "--deadline", "20h", "--changeover", "30min", "--on-demand", "4")


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """Two zones of 100 ticks of an hour, of which one is always there; one that ends after ten; and their prices."""
    zones = tmp_path / "zones.csv"
    zones.write_text(
        "trace,gap_s,start_tick,ticks,nodes_available\n"
        "region/a,3600,0,5,2\nregion/a,3600,5,5,0\nregion/a,3600,10,90,2\n"
        "region/b,3600,0,5,0\nregion/b,3600,5,95,2\nshort,3600,0,10,1\n"
    )
    (tmp_path / "prices.csv").write_text(
        "trace,start_tick,ticks,price_usd_h\nregion/a,0,100,1\nregion/b,0,100,2\nshort,0,10,1\n"
    )
    return zones


def study(zones: Path, *words: object, job: tuple[str, ...] = JOB) -> dict[str, Any]:
    return call("train", "spot", zones, *job, "--policy", "greedy", *words, "--json").document()


def test_one_run_from_a_tick(zones: Path) -> None:
    """Greedy: 4.5 h of work on spot, 5 h idle, 5.5 h on spot."""
    document = study(zones, "--trace", "region/a", "--spot", "1", "--start", "0")
    greedy = document["policies"][1]
    assert (greedy["runs"], greedy["spot_h"], greedy["billed_spot_h"], greedy["finish_h"]) == (1, 10, 11, 16)
    assert (greedy["launches"], greedy["job_fail_rate"], greedy["total_vm_time_h"]) == (2, 0, 11)
    assert greedy["total_vm_cost_usd"] == 11
    assert [part["state"] for part in document["courses"][1]["parts"]] == ["spot", "idle", "spot"]


def test_a_job_that_may_move_between_zones(zones: Path) -> None:
    """In a until tick 5, in b until the end: 5 h at $1, and 6 h, changeover included, at $2."""
    prices = zones.parent / "prices.csv"
    document = study(zones, "--trace", "region/*", "--any-zone", "--prices", prices, "--start", "0")
    greedy = document["policies"][1]
    assert (greedy["total_vm_cost_usd"], greedy["finish_h"], greedy["launches"]) == (5 * 1 + 6 * 2, 11, 2)
    assert [row["trace"] for row in document["traces"]] == ["any of 2 zones", "region/a", "region/b"]
    assert document["starts"] == 1


def test_a_trace_too_short_is_left_out_and_said(zones: Path) -> None:
    document = study(zones, "--spot", "1")
    assert [row["trace"] for row in document["traces"]] == ["region/a", "region/b"]
    assert [(found["kind"], found.get("trace")) for found in document["findings"]] == [("short", "short")]


def test_prices_alone_are_spot_that_is_always_there(zones: Path) -> None:
    document = study(zones.parent / "prices.csv", "--tick", "1h", "--trace", "region/b")
    assert document["policies"][1]["total_vm_cost_usd"] == pytest.approx(10.5 * 2)
    assert document["findings"][0]["kind"] == "assumed"


def test_both_prices_of_an_offer(zones: Path) -> None:
    job = (*JOB[:6], "--offer", "aws/p5.48xlarge")
    document = study(zones, "--trace", "region/a", "--spot", "9", job=job)
    assert document["od_usd_per_h"] > document["spot_usd_per_h"] == 9


def test_it_is_drawn(zones: Path, tmp_path: Path) -> None:
    page, picture = tmp_path / "spot.html", tmp_path / "spot.svg"
    study(zones, "--trace", "region/*", "--spot", "1", "--html", page, "--svg", picture)
    assert page.read_text().count("<svg") == 3
    assert "What spot saves" in picture.read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--trace", "nowhere"), "no trace 'nowhere'; there are region/a, region/b, short"),
        (("--policy", "gredy"), "did you mean 'greedy'"),
        (("--policy", "time-sliced=0"), "time-sliced=0"),
        (("--policy", "spot-below=cheap"), "spot-below=cheap"),
        (("--policy", "mixed"), "mixed"),
        (("--start", "100"), "outside the 100 ticks"),
        (("--any-zone", "--trace", "region/*", "--policy", "mixed=1"), "look at each zone by itself"),
        (("--tick", "0s"), "not a time"),
        (
            ("--trace", "short"),
            "zones.csv: no trace is longer than the deadline of 20 h: 'short' covers 10 h",
        ),
    ],
)
def test_bad_words(zones: Path, words: tuple[str, ...], why: str) -> None:
    assert why in refused("train", "spot", zones, *JOB, "--spot", "1", *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--spot", "1", "--start", "0", "--starts", "5"), "--start names the ticks"),
        (("--spot", "1", "--prices", "prices.csv"), "are both the price on spot"),
        (("--spot", "1", "--offer", "aws/p5.48xlarge"), "--offer has no price to give"),
        (("--spot", "1", "--tick", "5min"), "has ticks of 3600 s"),
    ],
)
def test_no_option_is_passed_over(zones: Path, words: tuple[str, ...], message: str) -> None:
    assert message in refused("train", "spot", zones, *JOB, *words)


def test_recorded_prices_come_before_those_of_an_offer(zones: Path) -> None:
    """Spot costs what the file says, $2, not the one observation of the catalog."""
    job = JOB[:-2]
    words = ("--offer", "aws/p5en.48xlarge", "--region", "us-east-1", "--tick", "1h", "--trace", "region/b")
    found = study(zones.parent / "prices.csv", *words, job=job)
    assert found["policies"][1]["total_vm_cost_usd"] == pytest.approx(10.5 * 2)
    assert [row["pricing"] for row in found["prices"]] == ["list"]


def test_a_price_that_is_missing_names_the_options(zones: Path) -> None:
    assert "no spot price for the trace 'region/a'; pass --spot USD, or --prices FILE" in refused(
        "train", "spot", zones, *JOB
    )


def test_an_offer_without_a_price_on_spot_is_named(zones: Path) -> None:
    """The catalog has none of p5.48xlarge; the message spoke of the trace alone, as if no offer had been given."""
    job = (*JOB[:6], "--offer", "aws/p5.48xlarge")
    assert "aws/p5.48xlarge has no spot price in the catalog; pass --spot USD, or --prices FILE" in refused(
        "train", "spot", zones, *job
    )
