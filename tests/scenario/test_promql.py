"""Queries mean what Prometheus would answer: nested aggregations, labels, missing data, histograms."""

from contextlib import suppress
from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.scenario.manifests.promql import parse_promql

WAITING, RUNNING = "vllm:num_requests_waiting", "vllm:num_requests_running"
OVER = {"sum": sum, "mean": mean, "max": max, "min": min}
WORDS = {"sum": sum, "avg": mean, "max": max, "min": min}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"max(sum by (model_name) ({WAITING}))", [("waiting", "sum", 0, 1)]),
        (f"max(sum({WAITING}) by (model_name, namespace))", [("waiting", "sum", 0, 1)]),
        (f"max(sum by (pod) ({WAITING}))", [("waiting", "max", 0, 1)]),
        (f"sum without (pod, instance) ({WAITING})", [("waiting", "sum", 0, 1)]),
        ("100 * avg(vllm:kv_cache_usage_perc)", [("kv_utilisation", "mean", 0, 100)]),
        (f'sum({WAITING}{{model_name=~"a{{1,3}}.*", note="}}"}})', [("waiting", "sum", 0, 1)]),
        ("sum(increase(vllm:request_success_total[2m]))", [("completions_per_s", "sum", 120, 120)]),
        (f"avg(avg_over_time({WAITING}[5m]))", [("waiting", "mean", 300, 1)]),
        (f"SUM BY (model_name) ({WAITING}) OR ON() vector(0)", [("waiting", "sum", 0, 1)]),
        ("avg(vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc)", [("kv_utilisation", "mean", 0, 1)]),
        (
            "histogram_quantile(0.95, sum(rate(sglang:time_to_first_token_seconds_bucket[1m])) by (le, model_name))",
            [("ttft_p95_s", "mean", 60, 1)],
        ),
        (
            "histogram_quantile(.9, sum without (pod, instance) (rate(tgi_request_duration_bucket[1m])))",
            [("e2e_p90_s", "mean", 60, 1)],
        ),
    ],
)
def test_known_queries(query: str, expected: list[Any]) -> None:
    found = parse_promql(query)
    assert [(one.name, one.over, one.window, pytest.approx(one.scale)) for one in found.source] == expected
    assert not found.several


def test_the_highest_over_time() -> None:
    [signal] = parse_promql(f"sum(max_over_time({WAITING}[2m]))").source
    assert (signal.over, signal.over_time, signal.window) == ("sum", "max", 120)
    with pytest.raises(ValueError, match="write avg_over_time"):
        parse_promql("avg(max_over_time(DCGM_FI_DEV_GPU_UTIL[2m]))")


@pytest.mark.parametrize(
    ("query", "zero"),
    [
        (f"sum({WAITING})", False),
        (f"sum({WAITING}) or vector(0)", True),
        (f"sum({WAITING} or vector(0))", True),
        (f"sum by (model_name) ({WAITING}) or on() vector(0)", True),
        (f"(sum({WAITING}) or vector(0)) + (sum({RUNNING}) or vector(0))", True),
        (f"(sum({WAITING}) or vector(0)) + sum({RUNNING})", False),
    ],
)
def test_a_value_where_there_are_no_data(query: str, zero: bool) -> None:
    assert parse_promql(query).zero is zero
    assert not parse_promql(query).several


@pytest.mark.parametrize(
    "query",
    [
        WAITING,
        f"max by (pod) ({WAITING})",
        f"sum without (pod) ({WAITING})",
        f"{WAITING} + {RUNNING}",
        f"sum by (instance) ({WAITING}) * 2",
        f"sum by (model_name) ({WAITING}) or vector(0)",
        f"sum without (model_name) ({WAITING})",
    ],
)
def test_several_series(query: str) -> None:
    assert "write" in parse_promql(query).several


BUCKET = "vllm:time_to_first_token_seconds_bucket"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            f"sum({WAITING}) + sum by (model_name) ({RUNNING})",
            "different labels, which Prometheus does not match",
        ),
        (f"max({WAITING} + {RUNNING})", "max of a sum of metrics"),
        (f"sum({WAITING}) - 3", "a difference"),
        (f"sum({WAITING}) + 3", "a sum with a number"),
        ("vector(1)", "is the number 1, whatever the load"),
        (f"avg({WAITING} or vector(0))", r"counts the 0 of vector\(0\) as one more replica"),
        (f"sum({WAITING}) or vector(5)", r"anything but vector\(0\)"),
        (f"count({WAITING})", r"count\(\) is not known"),
        (f"sum({WAITING}) / sum({RUNNING})", "anything but a number above 0"),
        (BUCKET, "is a histogram; write"),
        (f"sum(rate({BUCKET}[1m]))", r"added up by sum by \(le\)"),
        (f"histogram_quantile(0.95, rate({BUCKET}[5m]))", "takes a quantile for each replica; write"),
        (f"histogram_quantile(0.95, sum by (le) ({BUCKET}))", "counts since the engines started; write rate"),
        (
            "rate(vllm:time_to_first_token_seconds_sum[1m])",
            "makes a mean, which is not a signal.*histogram_quantile",
        ),
        ("avg_over_time(vllm:generation_tokens_total[1m])", "is a counter; write rate"),
        (f'sum({WAITING}{{a="b}})', "is not understood"),
        (f"sum by (1) ({WAITING})", "expected a label, not '1'"),
    ],
)
def test_queries_that_are_refused(query: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_promql(query)


TOKENS = [
    "sum",
    "avg",
    "max",
    "by",
    "without",
    "(",
    ")",
    ",",
    "+",
    "*",
    "/",
    "-",
    "or",
    "on",
    "vector",
    "0",
    "2",
    WAITING,
    RUNNING,
    BUCKET,
    "rate",
    "[1m]",
    "histogram_quantile",
    "0.95",
    "le",
    "pod",
    '{a="}"}',
]


@given(st.lists(st.sampled_from(TOKENS), max_size=24))
def test_any_words_are_understood_or_refused(words: list[str]) -> None:
    with suppress(ValueError):
        parse_promql(" ".join(words))


def test_no_depth_exhausts_the_stack() -> None:
    with pytest.raises(ValueError, match="nested deeper than 40 levels"):
        parse_promql("(" * 9000 + WAITING)


@st.composite
def nested(draw: st.DrawFn) -> tuple[str, Any]:
    """A query of aggregations inside each other, and what Prometheus makes of values by replica."""
    text, levels = (
        WAITING,
        draw(st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.booleans()), min_size=1, max_size=4)),
    )
    steps = []
    for word, by_pod in levels:
        text = f"{word} by (pod) ({text})" if by_pod else f"{word} by (model_name) ({text})"
        steps.append((word, by_pod))
    text = f"sum({text})"

    def answer(values: list[float]) -> float:
        series = values
        for word, by_pod in steps:
            if not by_pod or len(series) == 1:
                series = [WORDS[word](series)]
        return sum(series)

    return text, answer


@given(query=nested(), values=st.lists(st.integers(0, 99), min_size=2, max_size=5))
def test_nested_aggregations_are_those_of_prometheus(query: tuple[str, Any], values: list[int]) -> None:
    text, answer = query
    [signal] = parse_promql(text).source
    assert signal.scale * OVER[signal.over](values) == pytest.approx(answer([float(value) for value in values]))
