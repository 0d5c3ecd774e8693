"""Reading observed latencies: each format by its content, and what is wrong with its place."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import call
from support.observed_runs import META, latencies, requests, rows, serve, write_folder

from simcost.errors import TraceError
from simcost.trace.observed import ObservedRun, read_observation
from simcost.trace.observed.load import Load

Lines = list[dict[str, Any]]


def written(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_a_run_folder_gives_latencies_from_the_queue_on(tmp_path: Path) -> None:
    found = read_observation([write_folder(tmp_path, rows(30))])
    truth = latencies(requests(30))
    assert found.run is not None
    assert found.run.ttft_s == pytest.approx(truth.ttft_s, abs=1e-6)
    assert found.run.e2e_s == pytest.approx(truth.e2e_s, abs=1e-6)
    assert found.configuration.kv_tokens == 200_000
    assert (found.configuration.engine, found.configuration.max_num_seqs) == ("vLLM 0.19.0", 32)


def test_a_mark_of_utf8_is_passed_over_and_a_log_without_requests_is_said_to_be(tmp_path: Path) -> None:
    """Both as Windows writes them: the first line was called no JSON object."""
    folder = write_folder(tmp_path, rows(30))
    for name in ("requests.jsonl", "meta.json"):
        file = folder / name
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    found = read_observation([folder])
    assert found.run is not None
    assert len(found.run) == 30
    (folder / "requests.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(TraceError, match="holds no request; write one a line"):
        read_observation([folder])


def test_requests_without_times_are_load_alone(tmp_path: Path) -> None:
    lines = rows(30)
    for line in lines[3:9]:
        del line["first_token_ts"], line["last_token_ts"]
    found = read_observation([write_folder(tmp_path, lines)])
    assert found.run is not None
    assert (len(found.run), int(found.run.timed.sum())) == (30, 24)
    assert [finding["kind"] for finding in found.findings] == ["no_latency"]
    assert ":4:" in found.findings[0]["message"]


def _milliseconds(lines: Lines) -> None:
    for line in lines:
        for name in ("queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts"):
            line[name] *= 1000


def _exchanged(lines: Lines) -> None:
    for line in lines:
        line["first_token_ts"], line["last_token_ts"] = line["last_token_ts"], line["first_token_ts"]


def _without(*names: str) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        for line in lines:
            for name in names:
                del line[name]

    return change


def _two_engines(lines: Lines) -> None:
    for k, line in enumerate(lines):
        line["engine"] = "a" if k < 10 else "b"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_milliseconds, "milliseconds"),
        (_exchanged, "jsonl:1: times go back"),
        (_without("output_toks"), "jsonl:1: 60 of 60 requests have no input_toks and output_toks"),
        (_without("queued_ts"), "different clocks"),
        (_without("queued_ts", "arrival_time"), "the load is unknown"),
        (_without("first_token_ts", "last_token_ts"), "0 of 60 requests have usable times"),
        (_two_engines, "jsonl:11: engine is 'b'"),
    ],
)
def test_what_cannot_be_fitted_is_said_with_its_place(
    change: Callable[[Lines], None], said: str, tmp_path: Path
) -> None:
    lines = rows(60)
    change(lines)
    with pytest.raises(TraceError, match=said):
        read_observation([write_folder(tmp_path, lines)])


def test_single_requests_that_go_back_are_left_to_the_load(tmp_path: Path) -> None:
    lines = rows(60)
    lines[7]["first_token_ts"] = lines[7]["queued_ts"] - 1
    found = read_observation([write_folder(tmp_path, lines)])
    assert found.findings[0]["kind"] == "times_back"
    assert ":8:" in found.findings[0]["message"]


def test_an_engine_that_warms_up_is_left_out_of_the_fit(tmp_path: Path) -> None:
    lines = rows(60)
    for line, late_s in zip(lines, (20.0, 12.0, 5.0), strict=False):
        line["first_token_ts"] += late_s
        line["last_token_ts"] += late_s
    found = read_observation([write_folder(tmp_path, lines)])
    assert found.run is not None
    assert np.flatnonzero(~found.run.timed).tolist() == [0, 1, 2]
    assert [(one["kind"], one["count"]) for one in found.findings] == [("warm_up", 3)]
    assert ":1: the first request waited 20" in found.findings[0]["message"]


def test_requests_at_a_time_are_those_between_arrival_and_end() -> None:
    arrival, e2e = np.array([0.0, 1.0, 2.0, 2.5, 9.0]), np.array([2.0, 5.0, np.nan, 0.5, 1.0])
    tokens, none = np.ones(5, np.int64), np.full(5, np.nan)
    run = ObservedRun(
        arrival_s=arrival, prompt_tokens=tokens, output_tokens=tokens, ttft_s=none, e2e_s=e2e, queue_s=none
    )
    assert run.most_at_a_time == 2


def test_answers_in_one_piece_keep_their_end_alone(tmp_path: Path) -> None:
    lines = rows(60)
    for line in lines[7::10]:
        line["first_token_ts"] = line["last_token_ts"]
    found = read_observation([write_folder(tmp_path, lines)])
    assert found.run is not None
    assert np.flatnonzero(np.isnan(found.run.ttft_s)).tolist() == list(range(7, 60, 10))
    assert found.run.timed.all()
    assert [(one["kind"], one["count"]) for one in found.findings] == [("whole_answers", 6)]
    assert ":8: 6 answers of several tokens came in one piece" in found.findings[0]["message"]


def test_a_queue_in_front_of_all_and_a_run_that_only_starts_are_said(tmp_path: Path) -> None:
    lines = rows(20)
    for line in lines:
        line["scheduled_ts"] += 1.0
        line["first_token_ts"] = max(line["first_token_ts"], line["scheduled_ts"] + 0.1)
        line["last_token_ts"] = 5040.0
    kinds = [finding["kind"] for finding in read_observation([write_folder(tmp_path, lines)]).findings]
    assert kinds == ["saturated", "start_up"]


def test_a_trace_without_ttft_is_not_said_to_only_start(tmp_path: Path) -> None:
    log, trace = tmp_path / "log.csv", tmp_path / "log.parquet"
    log.write_text("arrival_s,prompt_tokens,output_tokens,e2e_s\n" + "".join(f"{i},100,50,0.8\n" for i in range(20)))
    call("trace", "import", log, "-o", trace, "--quiet")
    assert read_observation([trace]).findings == ()


def test_a_time_of_whole_answers_in_another_unit_is_refused(tmp_path: Path) -> None:
    """Without a TTFT there is no TPOT to tell it by; coefficients 1,000 times too small came of it."""
    lines = [line | {"first_token_ts": None} for line in rows(30)]
    read_observation([write_folder(tmp_path / "seconds", lines)])
    for line in lines:
        line["last_token_ts"] = line["queued_ts"] + (line["last_token_ts"] - line["queued_ts"]) / 1000
    with pytest.raises(TraceError, match="off by a thousand"):
        read_observation([write_folder(tmp_path / "thousandth", lines)])


def test_a_log_that_is_cut_is_said(tmp_path: Path) -> None:
    found = read_observation([write_folder(tmp_path, rows(20), META | {"num_requests": 300})])
    assert [finding["kind"] for finding in found.findings] == ["cut_log"]
    assert found.findings[0]["count"] == 280


def test_the_ranks_behind_a_log_are_read_unless_each_line_names_its_own(tmp_path: Path) -> None:
    meta = META | {"engine_kwargs": {"data_parallel_size": 2}}
    assert read_observation([write_folder(tmp_path / "all", rows(20), meta)]).configuration.engines == 2
    of_one = [line | {"replica": 1} for line in rows(20)]
    assert read_observation([write_folder(tmp_path / "one", of_one, meta)]).configuration.engines == 1
    of_one[3]["replica"] = 0
    with pytest.raises(TraceError, match="replica is '0', before"):
        read_observation([write_folder(tmp_path / "both", of_one, meta)])


def test_vllm_bench_serve_is_a_closed_loop_in_milliseconds(tmp_path: Path) -> None:
    files = [written(tmp_path / f"c{n}.json", serve(n)) for n in (4, 16)]
    found = read_observation(files)
    assert [(point.concurrency, point.requests) for point in found.points] == [(4, 40), (16, 160)]
    assert found.points[0].latencies["ttft"] == pytest.approx({"mean": 0.2, "p50": 0.2, "p99": 0.4})
    assert found.points[0].prompt_tokens == {0.5: 512.0}


def test_the_form_in_seconds_is_read_as_seconds(tmp_path: Path) -> None:
    document = {key: value for key, value in serve(4).items() if not key.endswith("_ms")}
    document |= {"median_tpot": 0.02, "median_ttft": 0.2, "median_e2el": 1.46}
    point = read_observation([written(tmp_path / "c4.json", document)]).points[0]
    assert point.latencies == {"ttft": {"p50": 0.2}, "tpot": {"p50": 0.02}, "e2e": {"p50": 1.46}}


def test_clients_and_throughput_without_latencies_are_a_mean_e2e(tmp_path: Path) -> None:
    document = {key: value for key, value in serve(4).items() if not key.endswith("_ms")} | {"request_throughput": 2.0}
    assert read_observation([written(tmp_path / "c4.json", document)]).points[0].latencies == {"e2e": {"mean": 2.0}}
    with pytest.raises(TraceError, match="states no latency"):
        read_observation([written(tmp_path / "open.json", document | {"max_concurrency": None, "request_rate": 1.0})])


def test_a_log_by_another_name_is_found_by_its_content(tmp_path: Path) -> None:
    write_folder(tmp_path, rows(20))
    (tmp_path / "requests.jsonl").rename(tmp_path / "mine.jsonl")
    found = read_observation([tmp_path / "mine.jsonl"])
    assert (found.kind, found.configuration.max_num_seqs) == ("run-folder", 32)


def test_saved_details_are_single_requests(tmp_path: Path) -> None:
    batch = requests(12)
    truth = latencies(batch)
    gaps = [
        [(truth.e2e_s[i] - truth.ttft_s[i]) / max(n - 1, 1)] * (n - 1)
        for i, n in enumerate(batch.output_tokens.tolist())
    ]
    lists = {
        "input_lens": batch.prompt_tokens.tolist(),
        "output_lens": batch.output_tokens.tolist(),
        "ttfts": truth.ttft_s.tolist(),
        "itls": gaps,
        "start_times": (50 + batch.arrival_ns / 1e9).tolist(),
        "errors": [""] * 12,
    }
    found = read_observation([written(tmp_path / "details.json", serve(4) | lists)])
    assert found.run is not None
    assert found.run.e2e_s == pytest.approx(truth.e2e_s)
    with pytest.raises(TraceError, match="different lengths"):
        read_observation([written(tmp_path / "short.json", serve(4) | lists | {"ttfts": [0.1]})])
    failed = {"output_lens": [0, 0, *lists["output_lens"][2:]], "ttfts": [0.0, 0.0, *lists["ttfts"][2:]]}
    found = read_observation([written(tmp_path / "failed.json", serve(4) | lists | failed)])
    assert [one["message"] for one in found.findings if one["kind"] == "failed_requests"] == [
        (
            f"{tmp_path}/failed.json: 2 of 12 requests failed; the latencies are of the others, and the replay takes "
            "it that the failed ones put no load on it. Repeat the benchmark at a load that is served"
        )
    ]


def test_a_batch_needs_its_shape(tmp_path: Path) -> None:
    path = written(tmp_path / "latency.json", {"avg_latency": 1.2, "latencies": [1.1, 1.3], "percentiles": {}})
    with pytest.raises(TraceError, match="--concurrency BATCH --input-len N --output-len N"):
        read_observation([path])
    point = read_observation([path], Load(concurrency=8, prompt_tokens=128, output_tokens=33)).points[0]
    assert (point.requests, point.latencies["e2e"]["max"]) == (8, pytest.approx(1.2))


STAGE = {
    "load_summary": {"count": 60, "requested_rate": 10.0, "achieved_rate": 10.0, "send_duration": 6.0},
    "successes": {
        "count": 60,
        "latency": {
            "request_latency": {"mean": 1.0, "median": 1.0},
            "time_to_first_token": {"mean": 0.1, "median": 0.1},
            "time_per_output_token": {"mean": 0.0075, "median": 0.0075},
        },
        "throughput": {"requests_per_sec": 5.0},
        "prompt_len": {"mean": 200.0, "min": 100.0, "median": 200.0, "max": 300.0},
        "output_len": {"mean": 61.0},
    },
    "failures": {"count": 0},
}


def test_a_tpot_that_counts_chunks_is_replaced_by_that_of_tokens(tmp_path: Path) -> None:
    found = read_observation([written(tmp_path / "stage_0_lifecycle_metrics.json", STAGE)])
    assert found.points[0].latencies["tpot"]["mean"] == pytest.approx(0.015)
    assert "7.5 ms" in found.findings[0]["message"]
    assert found.points[0].rate_per_s == 10.0


def test_a_stage_that_could_not_keep_up_is_a_closed_loop(tmp_path: Path) -> None:
    stage = STAGE | {"load_summary": STAGE["load_summary"] | {"achieved_rate": 5.0}}  # type: ignore[operator]
    point = read_observation([written(tmp_path / "stage_0_lifecycle_metrics.json", stage)]).points[0]
    assert (point.concurrency, point.rate_per_s) == (5, None)  # 5 requests/s that take 1 s each


def test_a_summary_without_its_load_is_refused(tmp_path: Path) -> None:
    summary = STAGE | {"load_summary": {"count": 60}}
    with pytest.raises(TraceError, match="is not one load; give the stage_N"):
        read_observation([written(tmp_path / "summary.json", summary)])


def test_aiperf_takes_the_phase_that_counts(tmp_path: Path) -> None:
    metric = {"unit": "ms", "avg": 1000.0, "p50": 900.0, "count": 96}
    document = {
        "request_latency": metric,
        "request_count": {"unit": "requests", "avg": 96.0},
        "time_to_first_token": {"unit": "ms", "avg": 100.0, "p50": 100.0},
        "inter_token_latency": {"unit": "ms", "avg": 9.0, "p50": 8.0},
        "input_sequence_length": {"unit": "tokens", "avg": 300.0},
        "output_sequence_length": {"unit": "tokens", "avg": 101.0},
        "input_config": {
            "phases": [{"name": "warmup", "exclude_from_results": True, "concurrency": 2}, {"concurrency": 8}]
        },
    }
    point = read_observation([written(tmp_path / "profile.json", document)]).points[0]
    assert (point.concurrency, point.latencies["tpot"]["mean"]) == (8, pytest.approx(0.009))
    strange = document | {"time_to_first_token": {"unit": "fortnights", "avg": 1.0}}
    with pytest.raises(TraceError, match="'fortnights' is not a unit"):
        read_observation([written(tmp_path / "profile.json", strange)])


def test_outputs_of_several_engines_are_told(tmp_path: Path) -> None:
    """One replica was fitted to both, without a word."""
    document = {"model_id": "m", "request_throughput": 1.0, "duration": 60, "completed": 8, "max_concurrency": 8}
    document |= {"total_input_tokens": 4096, "total_output_tokens": 1024, "mean_ttft_ms": 90, "mean_tpot_ms": 9}
    one = written(tmp_path / "one.json", document | {"backend": "vllm"})
    other = written(tmp_path / "other.json", document | {"backend": "sglang"})
    lines = f"{one.read_text()}\n{other.read_text()}\n"
    for paths in ([one, other], [written(tmp_path / "both.jsonl", lines)]):
        (found,) = [each for each in read_observation(paths).findings if each["kind"] == "several_engines"]
        assert "(vllm, sglang)" in found["message"]
    assert not [each for each in read_observation([one, one]).findings if each["kind"] == "several_engines"]


def test_a_table_is_pointed_to_the_import(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="`simcost trace import` makes of it"):
        read_observation([written(tmp_path / "genai_perf.csv", "Metric,avg\nTime To First Token (ms),20\n")])


def of_llmperf(name: str, mean: float) -> dict[str, float]:
    quantiles = {f"results_{name}_quantiles_p{level}": mean for level in (25, 50, 75, 90, 95, 99)}
    return {f"results_{name}_mean": mean, f"results_{name}_min": mean, f"results_{name}_max": mean} | quantiles


def test_llmperf_counts_the_first_token_as_one_of_the_others(tmp_path: Path) -> None:
    """Its inter-token latency is E2E over the tokens, so that TPOT is taken from E2E and TTFT."""
    document = {
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "num_concurrent_requests": 5,
        "results_num_completed_requests": 40,
        "results_number_errors": 1,
        **of_llmperf("ttft_s", 0.1),
        **of_llmperf("end_to_end_latency_s", 1.1),
        **of_llmperf("inter_token_latency_s", 1.1 / 101),
        **of_llmperf("number_input_tokens", 300),
        **of_llmperf("number_output_tokens", 101),
    }
    written(tmp_path / "m_300_101_summary.json", document)
    written(tmp_path / "m_300_101_individual_responses.json", [{"ttft_s": 0.1}])
    found = read_observation([tmp_path])
    (point,) = found.points
    assert (found.kind, point.concurrency, point.requests, point.failed) == ("llmperf", 5, 40, 1)
    assert point.latencies["ttft"]["mean"] == 0.1
    assert point.latencies["e2e"]["p99"] == 1.1
    assert point.latencies.get("tpot", {}).get("mean", 0.01) == pytest.approx(0.01)
    assert found.configuration.model == "meta-llama/Llama-3.1-8B-Instruct"
    with pytest.raises(TraceError, match="no request was completed"):
        read_observation([written(tmp_path / "one.json", document | {"results_num_completed_requests": 0})])


PRINTED = """\
Maximum request concurrency: {clients}
100%|##########| 32/32 [02:30<00:00,  4.71s/it]
============ Serving Benchmark Result ============
Successful requests:                     32
Benchmark duration (s):                  150.87
Total input tokens:                      65536
Total generated tokens:                  4096
Request throughput (req/s):              0.21
Output token throughput (tok/s):         434.40
---------------Time to First Token----------------
Mean TTFT (ms):                          279.56
Median TTFT (ms):                        {ttft}
P99 TTFT (ms):                           999.46
-----Time per Output Token (excl. 1st token)------
Mean TPOT (ms):                          70.14
Median TPOT (ms):                        70.23
==================================================
"""


def test_what_a_benchmark_printed_is_read_as_what_it_saves(tmp_path: Path) -> None:
    text = PRINTED.format(clients=8, ttft=250) + PRINTED.format(clients=32, ttft=300)
    first, second = read_observation([written(tmp_path / "bench.log", text)]).points
    assert (first.concurrency, second.concurrency) == (8, 32)
    assert (first.requests, first.prompt_tokens, first.output_tokens) == (32, {0.5: 2048}, {0.5: 128})
    assert first.latencies["ttft"] == pytest.approx({"mean": 0.27956, "p50": 0.25, "p99": 0.99946})
    assert second.latencies["tpot"] == pytest.approx({"mean": 0.07014, "p50": 0.07023})
    with pytest.raises(TraceError, match="is not JSON"):
        read_observation([written(tmp_path / "cut.log", text[:300])])


SCRAPE = """\
# HELP vllm:time_to_first_token_seconds Histogram of TTFT.
vllm:time_to_first_token_seconds_sum{model_name="m",engine="0"} 60.0
vllm:time_to_first_token_seconds_count{model_name="m",engine="0"} 600
vllm:e2e_request_latency_seconds_sum{model_name="m",engine="0"} 600.0
vllm:e2e_request_latency_seconds_count{model_name="m",engine="0"} 600
vllm:request_prompt_tokens_bucket{le="100",model_name="m",engine="0"} 300
vllm:request_prompt_tokens_bucket{le="200",model_name="m",engine="0"} 600
vllm:request_prompt_tokens_bucket{le="+Inf",model_name="m",engine="0"} 600
vllm:request_prompt_tokens_sum{model_name="m",engine="0"} 60000
vllm:request_prompt_tokens_count{model_name="m",engine="0"} 600
vllm:generation_tokens_total{model_name="m",engine="0"} 60000
vllm:cache_config_info{block_size="16",num_gpu_blocks="1000"} 1.0
"""


def test_counters_of_prometheus_are_means_over_a_span(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.prom", SCRAPE)
    with pytest.raises(TraceError, match="pass --span TIME"):
        read_observation([path])
    found = read_observation([path], Load(span_s=300.0))
    point = found.points[0]
    assert (point.rate_per_s, found.configuration.kv_tokens) == (2.0, 16_000)
    assert point.latencies["ttft"] == {"mean": 0.1}
    assert point.prompt_tokens[0.5] == pytest.approx(100)
    assert point.latencies["tpot"]["mean"] == pytest.approx(0.9 / 99)


def test_a_scrape_of_two_engines_is_refused(tmp_path: Path) -> None:
    both = SCRAPE + SCRAPE.replace('engine="0"', 'engine="1"')
    with pytest.raises(TraceError, match=r"engine has several values \(0, 1\)"):
        read_observation([written(tmp_path / "metrics.prom", both)], Load(span_s=60))


@pytest.mark.parametrize(("failed", "told"), [(0, False), (4, False), (5, True), (200, True)])
def test_failed_requests_of_a_benchmark_are_told(failed: int, told: bool, tmp_path: Path) -> None:
    """80 are served; a twentieth of what was sent is the limit."""
    path = tmp_path / "c8.json"
    path.write_text(json.dumps(serve(8) | {"failed": failed}))
    found = [one for one in read_observation([path]).findings if one["kind"] == "failed_requests"]
    assert [one["count"] for one in found] == [failed] * told
    assert all(f"{failed:,} of {80 + failed:,} requests failed" in one["message"] for one in found)
    assert all(one["message"].count("c8.json") == 1 for one in found), "the file is named once"


@pytest.mark.parametrize("stated", [None, 0, -33, float("nan")])
def test_a_point_without_a_latency_that_others_state_is_told(stated: float | None, tmp_path: Path) -> None:
    damaged = {key: stated if "ttft" in key else value for key, value in serve(4).items() if "e2e" not in key}
    files = [written(tmp_path / "1.json", damaged), written(tmp_path / "2.json", serve(8))]
    [found] = read_observation(files).findings
    assert found["message"].startswith("1.json, concurrency 4: no TTFT above 0 is stated")
    assert not read_observation(files[1:]).findings


@pytest.mark.parametrize(
    ("output", "stated", "told"), [(64, -8.1, True), (64, 0, True), (64, 20.0, False), (1, 0, False)]
)
def test_a_benchmark_that_tells_nothing_of_decoding_is_told(
    output: int, stated: float, told: bool, tmp_path: Path
) -> None:
    """A single point was fitted to its TTFT alone without a word."""
    point = {key: stated if "tpot" in key else value for key, value in serve(4, output=output).items()}
    found = [one["message"] for one in read_observation([written(tmp_path / "1.json", point)]).findings]
    assert ["no TPOT and no E2E above 0" in one for one in found] == [True] * told


def test_a_first_token_too_soon_is_in_another_unit(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="the first token comes after 3e-05 s"):
        read_observation([written(tmp_path / "1.json", serve(4, ttft_s=3e-5))])


def test_a_run_that_is_given_twice_is_told(tmp_path: Path) -> None:
    files = [written(tmp_path / "1.json", serve(4)), written(tmp_path / "2.json", json.dumps(serve(4), indent=1))]
    [found] = read_observation(files).findings
    assert found["message"].startswith("2.json, concurrency 4: states the load and the latencies of a point before it")


def test_a_benchmark_that_completed_nothing_is_refused(tmp_path: Path) -> None:
    """It was read as one that completed all that it sent."""
    with pytest.raises(TraceError, match="no request was completed"):
        read_observation([written(tmp_path / "c8.json", serve(8) | {"completed": 0, "failed": 80})])


def test_points_of_two_models_are_not_mixed(tmp_path: Path) -> None:
    one, other = serve(4), serve(8) | {"model_id": "another"}
    with pytest.raises(TraceError, match="'another'"):
        read_observation([written(tmp_path / "1.json", one), written(tmp_path / "2.json", other)])


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["serve", "stage", "folder", "settings"]), st.data())
def test_a_damaged_document_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    if kind == "settings":
        meta = dict(META)
        meta[data.draw(st.sampled_from(sorted(meta)))] = data.draw(VALUES)
        path = write_folder(folder, rows(12), meta)
    elif kind == "folder":
        lines = rows(12)
        line = lines[data.draw(st.integers(0, 11))]
        line[data.draw(st.sampled_from(sorted(line)))] = data.draw(VALUES)
        path = write_folder(folder, lines)
    else:
        document = dict(serve(4) if kind == "serve" else STAGE)
        document[data.draw(st.sampled_from(sorted(document)))] = data.draw(VALUES)
        path = written(folder / "document.json", document)
    with suppress(TraceError):  # anything else is a fault of the reader
        found = read_observation([path])
        assert found.points or (found.run is not None and np.all(found.run.prompt_tokens >= 1))
