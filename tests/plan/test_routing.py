"""The reference scores against upstream's cases, and their laws."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.routing_scores import Endpoints, score, total
from support.vectors import Case, cases

from simcost.plan.routing import EndpointPicker, Weighted
from simcost.plan.routing.scorers import (
    ActiveRequest,
    KvCacheUtilization,
    LoadAware,
    PrefixCache,
    QueueDepth,
    RunningRequests,
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


@pytest.mark.parametrize("case", cases("epp_scorers"))
def test_scores(case: Case) -> None:
    (name,) = case["endpoints"][0]
    values = [np.nan if endpoint[name] is None else endpoint[name] for endpoint in case["endpoints"]]
    seen = Endpoints(**{NAMES.get(name, name): numbers(*values)})
    scores = score(SCORERS[case["scorer"]](**case["params"]), seen)
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
        scores = score(scorer, seen)
        assert ((scores >= 0) & (scores <= 1)).all()
        assert (np.diff(scores[order]) <= 1e-12).all()


def test_weights_add_up() -> None:
    picker = EndpointPicker(scorers=(Weighted(scorer=PrefixCache(), weight=2), Weighted(scorer=QueueDepth())))
    seen = Endpoints(matched=numbers(0.9, 0.0, 0.5), waiting=numbers(10, 0, 5))
    assert total(picker, seen) == pytest.approx([1.8, 1.0, 1.5])
