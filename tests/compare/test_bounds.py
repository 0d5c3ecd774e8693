"""Bounds without simulation: worked examples, and never below what is possible."""

from dataclasses import replace
from math import inf
from typing import Any
from weakref import ref

import numpy as np
import pytest
from support.vectors import document

from simcost.compare.bounds import least_step_s, length_bounds, mix_bounds
from simcost.compare.front import front
from simcost.ledger.request_mix import CountedRequests, RequestMix
from simcost.perf.drafting import Drafting
from simcost.perf.step_time import StepTime

CASES = document("decisions")["cases"]


def step_of(coefficients: Any) -> StepTime:
    return StepTime(**coefficients, provenance="given", source="", sigma=0.0)


@pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in CASES if one["kind"] == "feasibility"])
def test_bounds_of_one_length(case: Any) -> None:
    one, expected = case["input"], case["expected"]
    found = length_bounds(
        step_of(one["coefficients"]),
        kv_tokens=expected["kv_tokens"],
        max_num_seqs=one["max_num_seqs"],
        prompt_tokens=one["prompt_tokens"],
        output_tokens=one["output_tokens"],
        ttft_s=one["ttft_s"],
        tpot_s=one["tpot_s"],
    )
    assert found.tpot_alone_s == pytest.approx(expected["tpot_batch_1_s"])
    assert found.ttft_alone_s == pytest.approx(expected["ttft_alone_s"])
    assert found.largest_batch == expected["largest_batch"]
    assert found.rate_per_s == pytest.approx(expected["rate_upper_bound_per_s"])
    assert found.least_replicas(one["peak_rate_per_s"]) == expected["least_replicas_lower_bound"]


def test_bounds_of_a_mix_are_those_of_its_length_where_there_is_one() -> None:
    step = step_of(next(one for one in CASES if one["id"] == "bounds-l40s")["input"]["coefficients"])
    tokens = np.full(10_000, 600), np.full(10_000, 180)
    limits = {"kv_tokens": 253_402, "max_num_seqs": 256, "ttft_s": 1.0, "tpot_s": 0.06}
    mix = mix_bounds(step, RequestMix.of(*tokens), span_s=100.0, factor=1.0, **limits)
    single = length_bounds(
        step, prompt_tokens=600, output_tokens=180, kv_tokens=253_402, max_num_seqs=256, ttft_s=1.0, tpot_s=0.06
    )
    needed = 100 / single.rate_per_s
    assert mix.least_replicas(1.0, 1.0, unjudged=0) == pytest.approx(needed, rel=0.1)
    assert mix.least_replicas(1.0, 1.0, unjudged=0) <= needed, "optimistic"
    assert mix.attainment(mix.least_replicas(0.9, 1.3, unjudged=0), 1.3, unjudged=0) == pytest.approx(0.9)
    assert mix.attainment(1, 1.0, unjudged=inf) == 1.0, "where nothing is late, nothing is known"
    late = mix_bounds(step, RequestMix.of(*tokens), span_s=100.0, factor=1.0, **(limits | {"ttft_s": 0.01}))
    assert late.attainment(1000, 1.0, unjudged=0) == 0.0


def test_a_mix_is_the_same_whole_and_in_batches() -> None:
    rng = np.random.default_rng(1)
    prompt, output = (rng.lognormal(5, 2, 5000).astype(np.int32) for _ in range(2))
    prompt[4999] = np.iinfo(np.int32).max
    whole = RequestMix.of(prompt, output)
    parts = RequestMix.of_batches((prompt[i : i + 700], output[i : i + 700]) for i in range(0, 5000, 700))
    for name in ("prompt_tokens", "output_tokens", "counts"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
    assert whole.counts.sum() == 5000
    assert not len(RequestMix.of_batches([]).counts)


@pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in CASES if one["kind"] == "pareto"])
def test_front(case: Any) -> None:
    signs = {name: 1 if way == "min" else -1 for name, way in case["input"]["objectives"].items()}
    options = {
        name: tuple(sign * values[key] for key, sign in signs.items())
        for name, values in case["input"]["plans"].items()
    }
    assert sorted(front(options)) == sorted(case["expected"]["front"])


def test_with_speculation_a_step_may_give_several_tokens() -> None:
    found = step_of(next(one for one in CASES if one["id"] == "bounds-l40s")["input"]["coefficients"])
    plain = replace(found, c_s_per_sequence=0.0, d_s_per_token=0.0)
    drafting = Drafting(rates=(0.9, 0.8, 0.7), slots=3, base=((0, 0.0),))
    tokens = np.full(1000, 10), np.full(1000, 1002)
    limits = {"kv_tokens": 10**9, "max_num_seqs": 1, "ttft_s": 10.0, "span_s": 100.0, "factor": 1.0}
    one, several = (
        mix_bounds(step, RequestMix.of(*tokens), tpot_s=inf, **limits)
        for step in (plain, replace(plain, draft=drafting))
    )
    ratio = one.least_replicas(1.0, 1.0, unjudged=0) / several.least_replicas(1.0, 1.0, unjudged=0)
    assert ratio == pytest.approx(drafting.tokens_per_step, rel=0.02)
    pace = {"tpot_s": 0.9 * least_step_s(plain)}
    assert mix_bounds(plain, RequestMix.of(*tokens), **pace, **limits).hopeless == 1.0
    assert mix_bounds(replace(plain, draft=drafting), RequestMix.of(*tokens), **pace, **limits).hopeless == 0.0


def test_counts_of_requests_keep_none_of_them_in_memory() -> None:
    """A search of hundreds of runs holds the requests of those at work alone."""
    arrival_ns, tokens = np.arange(1000) * 1_000_000, np.full(1000, 100, np.int32)
    counted = CountedRequests(10**12)
    counted.add(arrival_ns, tokens, tokens)
    there = ref(arrival_ns)
    assert there() is not None
    assert counted.mix.counts.sum() == 1000
    del arrival_ns, counted
    assert there() is None
