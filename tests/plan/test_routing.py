"""Scorers against upstream's cases, and the laws of routers over arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vectors import Case, cases

from simcost.plan.routing import EndpointPicker, Endpoints, Weighted, pick
from simcost.plan.routing.endpoint_picker import AffinityGate
from simcost.plan.routing.routers import (
    DynamoKv,
    KvAware,
    LowestRate,
    PrefixAware,
    RayPowerOfTwo,
    RayPrefixAware,
    Session,
    VllmDataParallel,
)
from simcost.plan.routing.scorers import (
    ActiveRequest,
    KvCacheUtilization,
    LatencyHeadroom,
    LoadAware,
    NoHitLru,
    PrefixCache,
    QueueDepth,
    RunningRequests,
    SessionAffinity,
    TokenLoad,
)

SCORERS: dict[str, Any] = {
    "queue": QueueDepth,
    "running-requests": RunningRequests,
    "kv-cache-utilization": KvCacheUtilization,
    "load-aware": LoadAware,
    "active-request": ActiveRequest,
    "token-load": TokenLoad,
}
NAMES = {"kv_cache_usage": "kv_utilisation"}
amounts = st.lists(st.floats(0, 200), min_size=2, max_size=8)


def numbers(*values: float) -> Any:
    return np.array(values, np.float64)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("case", cases("epp_scorers"))
def test_scores(case: Case) -> None:
    (name,) = case["endpoints"][0]
    values = [np.nan if one[name] is None else one[name] for one in case["endpoints"]]
    seen = Endpoints(**{NAMES.get(name, name): numbers(*values)})
    scores = SCORERS[case["scorer"]](**case["params"]).score(seen)
    assert scores == pytest.approx(case["expected_scores"], abs=1e-4)


@given(values=amounts)
def test_all_scores_are_from_0_to_1_and_fall_with_the_load(values: list[float]) -> None:
    load = numbers(*values)
    seen = Endpoints(waiting=load, running=load, in_flight=load, in_flight_tokens=load * 1e5, kv_utilisation=load / 200)
    order = np.argsort(load, kind="stable")
    for scorer in (
        QueueDepth(),
        RunningRequests(),
        KvCacheUtilization(),
        ActiveRequest(),
        LoadAware(),
        TokenLoad(),
    ):
        scores = scorer.score(seen)
        assert ((scores >= 0) & (scores <= 1)).all()
        assert (np.diff(scores[order]) <= 1e-12).all()


def test_cold_requests_go_to_who_had_one_longest_ago() -> None:
    cold = Endpoints(cold_rank=numbers(1, np.nan, 0), matched=numbers(0, 0, 0))
    assert NoHitLru().score(cold) == pytest.approx([0.0, 1.0, 0.5])
    warm = Endpoints(cold_rank=numbers(1, np.nan, 0), matched=numbers(0, 0.4, 0))
    assert NoHitLru().score(warm) == pytest.approx([0.5] * 3)


def test_latency_prefers_who_meets_the_objective_with_least_room() -> None:
    seen = Endpoints(ttft_headroom_s=numbers(0.1, 0.5, -0.2), tpot_headroom_s=numbers(0.01, 0.01, 0.01))
    assert LatencyHeadroom().score(seen) == pytest.approx([1.0, 0.0, 0.0])
    assert LatencyHeadroom(strategy="most").score(seen) == pytest.approx([0.0, 1.0, 0.0])
    late = Endpoints(ttft_headroom_s=numbers(-0.1, -0.3, -0.2), tpot_headroom_s=numbers(-0.01, 0.01, 0.01))
    assert LatencyHeadroom().score(late) == pytest.approx([0.0, 0.0, 1.0])  # who misses one objective, by least
    idle = Endpoints(ttft_headroom_s=numbers(-9.0, -0.1), tpot_headroom_s=numbers(-1.0, -1.0), in_flight=numbers(0, 3))
    assert LatencyHeadroom().score(idle) == pytest.approx([1.0, 0.0])


def test_weights_add_up_and_the_highest_is_picked() -> None:
    picker = EndpointPicker(scorers=(Weighted(scorer=PrefixCache(), weight=2), Weighted(scorer=QueueDepth())))
    seen = Endpoints(matched=numbers(0.9, 0.0, 0.5), waiting=numbers(10, 0, 5))
    assert picker.total(seen) == pytest.approx([1.8, 1.0, 1.5])
    assert pick(picker.scores(seen, rng()), rng()) == 0


def test_pickers_at_random() -> None:
    seen = Endpoints(matched=numbers(0.9, 0.3, 0.0))
    generator = rng()
    shares = {}
    for kind in ("random", "weighted-random"):
        picker = EndpointPicker(scorers=(Weighted(scorer=PrefixCache()),), picker=kind)  # type: ignore[arg-type]
        picked = [pick(picker.scores(seen, generator), generator) for _ in range(4000)]
        shares[kind] = np.bincount(picked, minlength=3) / 4000
    assert shares["random"] == pytest.approx([1 / 3] * 3, abs=0.03)
    assert shares["weighted-random"] == pytest.approx([0.75, 0.25, 0], abs=0.03)


def test_the_affinity_gate_yields_to_latency() -> None:
    gate = AffinityGate(explore=0)
    seen = Endpoints(matched=numbers(0.9, 0.1), ttft_s=numbers(4.0, 0.5))
    assert list(gate.admits(seen, rng())) == [True, False]
    slow = Endpoints(matched=numbers(0.9, 0.1), ttft_s=numbers(9.0, 0.5))
    assert list(gate.admits(slow, rng())) == [True, True]
    assert list(AffinityGate(explore=0, max_ttft_penalty=0).admits(slow, rng())) == [True, False]
    assert list(AffinityGate(explore=1).admits(seen, rng())) == [True, True]


E, n = Endpoints, numbers


@pytest.mark.parametrize(
    ("router", "seen", "chosen"),
    [
        (LowestRate(), E(rate_per_s=n(3, 1, 2)), {1}),
        (LowestRate(), E(rate_per_s=n(3, 1, np.nan)), {2}),
        (Session(), E(rate_per_s=n(3, 1, 2)), {1}),
        (Session(), E(ring=n(0.5, 0.9, 0.1)), {2}),
        (PrefixAware(), E(matched_tokens=n(64, 64, 0)), {0, 1}),
        (PrefixAware(min_match_tokens=99), E(matched_tokens=n(64, 64, 0), rate_per_s=n(3, 1, 0)), {2}),
        (KvAware(), E(matched_tokens=n(1000, 0), prompt_tokens=2900), {0}),
        (KvAware(), E(matched_tokens=n(1000, 0), prompt_tokens=3100, ring=n(2, 1)), {1}),
        (VllmDataParallel(), E(waiting=n(1, 0), running=n(0, 3)), {1}),
        (DynamoKv(), E(prefill_blocks=n(10, 0), decode_blocks=n(5, 14)), {1}),
        (DynamoKv(overlap_weight=0), E(prefill_blocks=n(10, 0), decode_blocks=n(5, 14)), {0}),
        (DynamoKv(), E(prefill_blocks=n(1, 1), decode_blocks=n(1, 1), cached_blocks=n(9, 2)), {1}),
        (RayPrefixAware(), E(in_flight=n(4, 0, 1), matched=n(0.5, 0.5, 0), cached_blocks=n(1, 1, 1)), {1}),
        (RayPrefixAware(), E(in_flight=n(4, 0, 1), matched=n(0.05, 0, 0), cached_blocks=n(1, 3, 1)), {2}),
    ],
)
def test_choices(router: Any, seen: Endpoints, chosen: set[int]) -> None:
    generator = rng()
    assert {pick(router.scores(seen, generator), generator) for _ in range(30)} == chosen


@given(values=amounts)
def test_two_choices_never_take_the_longest_queue(values: list[float]) -> None:
    queue = np.argsort(np.argsort(values)).astype(np.float64)
    router, generator = RayPowerOfTwo(max_ongoing_requests=1000), rng()
    for _ in range(5):
        scores = router.scores(Endpoints(in_flight=queue), generator)
        assert np.isfinite(scores).sum() == 2
        assert queue[pick(scores, generator)] < len(queue) - 1


def test_full_replicas_are_passed_over() -> None:
    scores = RayPowerOfTwo().scores(Endpoints(in_flight=numbers(5, 6)), rng())
    assert not np.isfinite(scores).any()


def test_softmax_leans_to_the_cheaper() -> None:
    router, generator = DynamoKv(temperature=0.5), rng()
    seen = Endpoints(prefill_blocks=numbers(0, 10), decode_blocks=numbers(0, 0))
    picked = [pick(router.scores(seen, generator), generator) for _ in range(4000)]
    odds = np.exp(0) / np.exp(-2)
    assert picked.count(0) / picked.count(1) == pytest.approx(odds, rel=0.15)


def test_a_signal_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="needs kv_utilisation"):
        KvCacheUtilization().score(Endpoints())
    assert SessionAffinity().score(Endpoints(same_session=np.array([True, False]))) == pytest.approx([1, 0])
