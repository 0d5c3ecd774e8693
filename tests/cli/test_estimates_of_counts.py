"""`simcost train estimate --gpus N,N`: sentences that name each number of GPUs once, and the source of each price."""

from typing import Any

from support.commands import call

RUN = ("train", "estimate", "llama-3.2-1b", "--tokens", "1e9", "--on", "h100", "--price", "2.5")
FREE = ("--storage", "0", "--egress", "0")


def estimate(*words: object) -> dict[str, Any]:
    return call(*RUN, *words, "--json").document()


def test_one_number_of_gpus_is_said_once() -> None:
    said = estimate("--gpus", "8,16384")["verdict"]
    assert said.count("8 GPUs take") == 1
    one = call("train", "estimate", "llama-3.1-8b", *RUN[3:], "--gpus", "1,8", "--json").document()
    assert [left["gpus"] for left in one["left_out"]] == [1]
    assert "; 8 take" not in one["verdict"]
    assert estimate("--gpus", "1,2", *FREE)["verdict"].count(": 1 GPU takes 6.45 h") == 1


def test_the_fastest_and_cheapest_is_one_where_it_is() -> None:
    missed = estimate("--gpus", "1,8", "--deadline", "1min", "--storage", "10")["verdict"]
    assert "the fastest and cheapest, 8, takes" in missed


def test_of_counts_that_cost_the_same_the_fewest_gpus_are_the_cheapest() -> None:
    missed = estimate("--gpus", "1,8", "--deadline", "1min", "--failure-rate", "0", *FREE)["verdict"]
    assert "the fastest, 8, takes" in missed
    assert "the cheapest, 1, " in missed


def test_whose_storage_a_given_price_comes_with_is_said() -> None:
    [price] = estimate("--gpus", "8,16")["prices"]
    assert price["source"].startswith("given; storage and egress as of ")
    [price] = estimate("--gpus", "8,16", *FREE)["prices"]
    assert price["source"] == "given"
