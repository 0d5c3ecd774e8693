"""A folder of an observed run: `requests.jsonl` with the timestamps of each request, `meta.json` with the settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import TraceError
from simcost.trace.observed.json_values import count, member, number, read_json
from simcost.trace.observed.observation import (
    Configuration,
    Finding,
    Floats,
    Ints,
    ObservedEngine,
    ObservedRun,
    finding,
)
from simcost.trace.observed.soundness import check_run
from simcost.units import how_many

REQUESTS, META = "requests.jsonl", "meta.json"
_TOKENS = ("input_toks", "output_toks")
_TIMES = ("arrival_time", "queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts")
_LABELS = ("model", "engine", "engine_id", "replica", "host", "gpu", "vllm_version")
"""Columns that say which engine served a request, where a log has them."""
_RANKS = ("engine_id", "replica")
"""Those that tell data-parallel ranks apart."""
_OTHER_CLOCK_S = 1e5
_DRIFT = 0.05
"""Largest spread of the offset of two clocks, relative to the span, that is a delay and no drift."""
_LEFT_OUT = 0.1
"""Largest share of requests without token counts: what is missing of the load distorts the rest."""


def read_folder(folder: Path) -> ObservedEngine:
    """The run in a folder; also where some timestamps are missing: such requests are part of the load alone.

    Raises:
        TraceError: what is wrong, with file and line.
    """
    return read_log(folder / REQUESTS)


def read_log(path: Path) -> ObservedEngine:
    """The run of a log like `requests.jsonl`, with the settings that lie beside it. Raises as `read_folder`."""
    meta = path.parent / META
    rows, findings = _rows(path)
    rows, repeated = _once(path, rows)
    findings += repeated
    _one_engine(path, rows)
    columns = {name: _column(rows, name) for name in _TIMES}
    lines = np.array([line for line, _ in rows])
    arrival = _arrivals(path, columns, lines, findings)
    order = np.argsort(arrival, kind="stable")
    run = ObservedRun(
        arrival_s=(arrival - arrival.min())[order],
        prompt_tokens=_tokens(rows, "input_toks")[order],
        output_tokens=_tokens(rows, "output_toks")[order],
        ttft_s=(columns["first_token_ts"] - arrival)[order],
        e2e_s=(columns["last_token_ts"] - arrival)[order],
        queue_s=(columns["scheduled_ts"] - columns["queued_ts"])[order],
    )
    configuration = Configuration()
    if meta.is_file():
        said = _settings(meta)
        configuration = _configuration(said, named=any(row.get(name) is not None for name in _RANKS for _, row in rows))
        findings += _cut(said, len(run), meta)
    else:
        findings.append(finding("no_settings", f"{meta}: no such file, so that the settings of the engine are unknown"))
    run, found = check_run(run, str(path), lines[order])
    return ObservedEngine(
        kind="run-folder",
        files=(path, *([meta] if meta.is_file() else [])),
        configuration=configuration,
        run=run,
        findings=(*findings, *found),
    )


def _rows(path: Path) -> tuple[list[tuple[int, Mapping[str, Any]]], list[Finding]]:
    """Lines with both token counts, and how many have not."""
    rows, without = [], []
    for line, row in _objects(path):
        if all(_has_tokens(row, name) for name in _TOKENS):
            rows.append((line, row))
        else:
            without.append(line)
    if not rows and not without:
        raise TraceError(f"{path}: holds no request; write one a line")
    if not rows or len(without) > _LEFT_OUT * (len(rows) + len(without)):
        place = f"{path}:{without[0]}: " if without else f"{path}: "
        raise TraceError(
            f"{place}{len(without):,} of {len(rows) + len(without):,} requests have no input_toks and output_toks; "
            "without them nothing can be replayed: log the token counts"
        )
    if not without:
        return rows, []
    have = how_many(len(without), "request has", "requests have")
    message = f"{path}:{without[0]}: {have} no token counts; left out of the load"
    return rows, [finding("no_tokens", message, len(without))]


def _once(
    path: Path, rows: list[tuple[int, Mapping[str, Any]]]
) -> tuple[list[tuple[int, Mapping[str, Any]]], list[Finding]]:
    """Lines without those that say again what another line says, and findings on these and on names used again."""
    first: dict[str, tuple[int, Mapping[str, Any]]] = {}
    kept, again, renamed = [], [], []
    for line, row in rows:
        name = row.get("request_id")
        _, before = first.setdefault(f"line {line}" if name is None else str(name), (line, row))
        if before is not row and before == row:
            again.append(line)
            continue
        kept.append((line, row))
        if before is not row:
            renamed.append(line)
    findings = []
    if again:
        are = how_many(len(again), "request is", "requests are")
        message = f"{path}:{again[0]}: {are} in the log again, line by line the same; left out"
        findings.append(finding("repeated", message, len(again)))
    if renamed:
        have = how_many(len(renamed), "request has", "requests have")
        message = (
            f"{path}:{renamed[0]}: {have} the request_id of an earlier one and other times: "
            "the log may join several runs, of which each is calibrated alone"
        )
        findings.append(finding("repeated_id", message, len(renamed)))
    return kept, findings


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: is not UTF-8 text; write the log again") from error
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise TraceError(f"{path}:{line}: is not a JSON object; write one request a line")
        yield line, row


def _has_tokens(row: Mapping[str, Any], name: str) -> bool:
    value = number(row.get(name))
    return value is not None and 1 <= value <= 10**7 and value == int(value)


def _one_engine(path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Raise TraceError where a column says that several engines served the requests."""
    for name in _LABELS:
        seen: dict[str, int] = {}
        for line, row in rows:
            if name in row and row[name] is not None:
                seen.setdefault(str(row[name]), line)
        if len(seen) > 1:
            counts = Counter(str(row.get(name)) for _, row in rows)
            (_, (second, line), *_) = seen.items()
            shown = ", ".join(f"{value} ({counts[value]:,})" for value in list(seen)[:3])
            raise TraceError(
                f"{path}:{line}: {name} is {second!r}, before it was another: the log mixes engines ({shown}); keep "
                "the lines of one: each can be calibrated by itself"
            )


def _column(rows: Sequence[tuple[int, Mapping[str, Any]]], name: str) -> Floats:
    values = [number(row.get(name)) for _, row in rows]
    return np.array([np.nan if value is None else value for value in values])


def _tokens(rows: Sequence[tuple[int, Mapping[str, Any]]], name: str) -> Ints:
    return np.array([int(row[name]) for _, row in rows], np.int64)


def _arrivals(path: Path, columns: dict[str, Floats], lines: Ints, findings: list[Finding]) -> Floats:
    """Arrivals on the clock of the tokens: when the engine queued the request, else when the client sent it."""
    sent, queued = columns["arrival_time"], columns["queued_ts"]
    offset = queued - sent
    known = ~np.isnan(offset)
    other_clock = _on_other_clock(sent, columns["first_token_ts"])
    if known.any():
        least, most = float(offset[known].min()), float(offset[known].max())
        span = float(np.nanmax(queued) - np.nanmin(queued))
        if most - least > max(_DRIFT * span, 1.0):
            at = int(lines[known][int(offset[known].argmax())])
            message = (
                f"{path}:{at}: arrival_time and queued_ts disagree by up to {most - least:.3g} s: a client that lags, "
                "or clocks that drift; latencies count from queued_ts"
            )
            findings.append(finding("clocks", message))
        shift = float(np.median(offset[known])) if other_clock else 0.0
        arrival = np.where(np.isnan(queued), sent + shift, queued)
    else:
        if other_clock:
            raise TraceError(
                f"{path}: arrival_time and first_token_ts are of different clocks, and no line has queued_ts, which "
                "joins them; log queued_ts, or both on one clock"
            )
        arrival = sent
    if np.isnan(arrival).any():
        at = int(lines[int(np.isnan(arrival).argmax())])
        raise TraceError(
            f"{path}:{at}: has neither arrival_time nor queued_ts, so that the load is unknown; log one of them"
        )
    return arrival


def _on_other_clock(sent: Floats, first: Floats) -> bool:
    both = ~(np.isnan(sent) | np.isnan(first))
    return bool(both.any() and np.median(np.abs(sent[both] - first[both])) > _OTHER_CLOCK_S)


def _settings(path: Path) -> dict[str, Any]:
    said = read_json(path)
    if not isinstance(said, dict):
        raise TraceError(f"{path}: is not a JSON object with the settings of the engine")
    return said


def _cut(said: Mapping[str, Any], rows: int, path: Path) -> list[Finding]:
    """Requests that the engine served, and the log lacks."""
    served = count(said.get("num_requests")) or rows
    if served <= rows:
        return []
    message = (
        f"{path}: {served:,} requests were served, and the log holds {rows:,}: the load of the others is missing, "
        "which distorts the fit; keep their lines, even without times"
    )
    return [finding("cut_log", message, served - rows)]


def _configuration(said: Mapping[str, Any], *, named: bool) -> Configuration:
    """Settings of the engine; `named` is True if each line names the engine that served it, which is one."""
    version = said.get("vllm_version")
    blocks, size = (count(member(said, "kv_cache", name)) for name in ("num_gpu_blocks", "block_size"))
    model = said.get("model") or member(said, "engine_kwargs", "model")
    return Configuration(
        model=str(model) if model else None,
        engine=f"vLLM {version}" if version else None,
        tp=count(member(said, "engine_kwargs", "tensor_parallel_size")),
        max_num_seqs=count(member(said, "engine_kwargs", "max_num_seqs")),
        max_num_batched_tokens=count(member(said, "engine_kwargs", "max_num_batched_tokens")),
        engines=1 if named else count(member(said, "engine_kwargs", "data_parallel_size")),
        kv_tokens=count(member(said, "kv_cache", "num_kv_tokens")) or (blocks * size if blocks and size else None),
    )
