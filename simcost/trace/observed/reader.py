"""Reading an observation: its format is found out from its content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import TraceError
from simcost.trace.observed import distributions, llmperf, prometheus, vllm_bench, vllm_bench_log
from simcost.trace.observed.load import Load
from simcost.trace.observed.observation import (
    Configuration,
    Finding,
    ObservedEngine,
    ObservedPoint,
    ObservedRun,
    finding,
)
from simcost.trace.observed.run_folder import REQUESTS, read_folder, read_log
from simcost.trace.observed.soundness import (
    cached_prompts,
    check_run,
    consistent,
    failed_requests,
    many_failed,
    repeated,
    unstated,
)
from simcost.trace.observed.stored_trace import is_trace, read_stored

KNOWN = (
    "a folder with requests.jsonl and meta.json; a trace of `simcost trace import` with ttft_s and e2e_s; JSON of "
    "vllm bench serve, vllm bench latency, SGLang, GuideLLM, inference-perf, AIPerf, GenAI-Perf or LLMPerf; what vllm "
    "bench serve or SGLang print; metrics of vLLM or SGLang in the text form of Prometheus"
)


_TABLES = (".csv", ".tsv", ".xlsx")


def read_observation(paths: Sequence[Path], load: Load | None = None) -> ObservedEngine:
    """Observations of one engine, in one run or in several files of benchmark points.

    Args:
        paths: a folder of a run, a file, several benchmark outputs, or folders of them.
        load: the load where the outputs do not state it.

    Raises:
        TraceError: what cannot be read, with its place and the remedy.
    """
    load = load or Load()
    for path in paths:
        if not path.exists():
            raise TraceError(f"{path}: no such file or folder")
    files = [file for path in paths for file in _files(path)]
    found = [_read(file, load) for file in files]
    runs = [each for each in found if each.run is not None]
    if not runs:
        return _noting_unused(_joined(found), load)
    if len(found) > 1:
        raise TraceError(
            f"{runs[0].files[0]}: holds single requests, which are calibrated alone; leave the other "
            f"{len(found) - 1} files out, or give benchmark points alone"
        )
    return _noting_unused(runs[0], load)


def _noting_unused(found: ObservedEngine, load: Load) -> ObservedEngine:
    """The observation, with a finding on what was given of the load and changes nothing, since the output states it."""
    taken: dict[str, tuple[float | None, list[float | None]]] = {
        "--concurrency": (load.concurrency, [point.concurrency for point in found.points]),
        "--rate": (load.rate_per_s, [point.rate_per_s for point in found.points]),
        "--input-len": (load.prompt_tokens, [one for point in found.points for one in point.prompt_tokens.values()]),
        "--output-len": (load.output_tokens, [one for point in found.points for one in point.output_tokens.values()]),
    }
    unused = [option for option, (given, stated) in taken.items() if given is not None and given not in stated]
    unused += ["--span"] if load.span_s is not None and found.kind != "prometheus" else []
    if not unused:
        return found
    message = f"{found.files[0]}: states its load itself; {', '.join(unused)} changed nothing"
    return replace(found, findings=(*found.findings, finding("unused_option", message, len(unused))))


def _files(path: Path) -> list[Path]:
    """The path itself, or the benchmark outputs of a folder."""
    if not path.is_dir() or (path / REQUESTS).is_file():
        return [path]
    files = [file for file in sorted(path.iterdir()) if file.suffix in (".json", ".jsonl", ".prom") and file.is_file()]
    files = [file for file in files if not file.name.endswith("_individual_responses.json")]  # beside LLMPerf's summary
    stages = [file for file in files if file.name.startswith("stage_") and "lifecycle" in file.name]
    if not files:
        raise TraceError(f"{path}: holds neither {REQUESTS} nor outputs of benchmarks; known are {KNOWN}")
    return stages or files


def _read(path: Path, load: Load) -> ObservedEngine:
    if path.is_dir():
        return read_folder(path)
    if is_trace(path):
        return read_stored(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: is not an observation; known are {KNOWN}") from error
    if prometheus.is_prometheus(text):
        point, configuration = prometheus.prometheus_point(text, path, load)
        return _sound("prometheus", path, [point], configuration)
    if vllm_bench_log.is_log(text) and (printed := vllm_bench_log.printed_results(text)):
        return _serve(printed, path, load)
    if text.startswith("{") and '"input_toks"' in text.partition("\n")[0]:
        return read_log(path)
    return _of_json(_documents(path, text), path, load)


def _documents(path: Path, text: str) -> list[Any]:
    """One JSON document, or one a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines):
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            pass
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError) as error:
        if path.suffix.lower() in _TABLES:
            raise TraceError(
                f"{path}: is a table; of a log of requests give what `simcost trace import` makes of it, of a "
                f"benchmark the JSON that it writes beside; known are {KNOWN}"
            ) from error
        raise TraceError(f"{path}: is not JSON ({error}); known are {KNOWN}") from error


def _of_json(documents: list[Any], path: Path, load: Load) -> ObservedEngine:
    first = documents[0]
    kinds = {
        "vllm-bench-serve": vllm_bench.is_serve(first),
        "vllm-bench-latency": vllm_bench.is_latency(first),
        "inference-perf": distributions.is_inference_perf(first),
        "guidellm": distributions.is_guidellm(first),
        "aiperf": distributions.is_aiperf(first),
        "llmperf": llmperf.is_llmperf(first),
    }
    named = [kind for kind, holds in kinds.items() if holds]
    if len(named) != 1:
        reason = f"may be {' or '.join(named)}" if named else "is not an observation"
        raise TraceError(f"{path}: {reason}; known are {KNOWN}")
    kind, nothing = named[0], Configuration()
    if kind == "vllm-bench-serve":
        return _serve(documents, path, load)
    if kind == "vllm-bench-latency":
        return _sound(kind, path, [vllm_bench.latency_point(first, path, load)], nothing)
    if kind == "inference-perf":
        return _sound(kind, path, [distributions.inference_perf_point(first, path, load)], nothing)
    if kind == "llmperf":
        return _sound(kind, path, [llmperf.llmperf_point(first, path, load)], llmperf.llmperf_configuration(first))
    if kind == "guidellm":
        points = distributions.guidellm_points(first, path, load)
        return _sound(kind, path, points, distributions.guidellm_configuration(first))
    point = distributions.aiperf_point(first, path, load)
    return _sound(kind, path, [point], distributions.aiperf_configuration(first))


def _serve(documents: list[Any], path: Path, load: Load) -> ObservedEngine:
    configuration = vllm_bench.serve_configuration(documents[0])
    _check_models((str(path), vllm_bench.serve_configuration(document).model) for document in documents)
    run = vllm_bench.serve_run(documents[0], path) if len(documents) == 1 else None
    if run is None:
        points = [vllm_bench.serve_point(document, path, load) for document in documents]
        found = _sound("vllm-bench-serve", path, points, configuration)
        mixed = _several_engines([vllm_bench.serve_configuration(document).engine for document in documents])
        return replace(found, findings=(*found.findings, *mixed))
    found = _sound_run("vllm-bench-serve", path, run, configuration)
    failed = failed_requests(len(run), len(documents[0]["start_times"]) - len(run), str(path))
    return replace(found, findings=(*found.findings, *failed))


def _sound(kind: str, path: Path, points: list[ObservedPoint], configuration: Configuration) -> ObservedEngine:
    checked = [consistent(point, str(path)) for point in points]
    findings = tuple(found for _, several in checked for found in several)
    findings += tuple(found for point in points for found in many_failed(point, str(path)))
    cached = max((point.cached_share for point in points), default=0.0)
    findings += tuple(cached_prompts(cached, str(path), counted=True))
    kept = tuple(point for point, _ in checked)
    return ObservedEngine(kind=kind, files=(path,), configuration=configuration, points=kept, findings=findings)


def _sound_run(kind: str, path: Path, run: ObservedRun, configuration: Configuration) -> ObservedEngine:
    run, findings = check_run(run, str(path), np.arange(1, len(run) + 1))
    return ObservedEngine(kind=kind, files=(path,), configuration=configuration, run=run, findings=tuple(findings))


def _joined(found: list[ObservedEngine]) -> ObservedEngine:
    """The points of all files.

    Raises:
        TraceError: they are of different models.
    """
    first = found[0]
    _check_models((str(each.files[0]), each.configuration.model) for each in found)
    findings: list[Finding] = [one for each in found for one in each.findings]
    findings += _several_engines([each.configuration.engine for each in found])
    points = tuple(point for each in found for point in each.points)
    findings += [*unstated(points), *repeated(points)]
    return replace(
        first,
        files=tuple(file for each in found for file in each.files),
        points=points,
        findings=tuple(findings),
    )


def _several_engines(stated: Sequence[str | None]) -> list[Finding]:
    """A finding where outputs name different engines."""
    named = list(dict.fromkeys(filter(None, stated)))
    if len(named) < 2:
        return []
    message = (
        f"the outputs name several engines ({', '.join(named)}), and one replica is fitted to all: calibrate each "
        "alone, unless these are names of one"
    )
    return [finding("several_engines", message, len(named))]


def _check_models(stated: Iterable[tuple[str, str | None]]) -> None:
    """Raise TraceError where outputs, each with its place, are of different models; None = it states none."""
    known = [(place, model) for place, model in stated if model]
    for place, model in known[1:]:
        first_place, first_model = known[0]
        if model != first_model:
            other = f"{first_place} of" if first_place != place else "and of"
            raise TraceError(f"{place}: is of model {model!r}, {other} {first_model!r}; calibrate each alone")
