"""Studies without a scenario: forecasts, bills, calibrations."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from simcost.api.answers import Answer, Document
from simcost.api.inputs import local_files, output_path, path_of
from simcost.api.results import Result
from simcost.api.values import (
    Progress,
    check_choice,
    duration,
    names_of,
    number,
    plain,
    progress_of,
    text,
    whole_numbers,
    words,
)
from simcost.api.wording import in_python
from simcost.documents import to_document
from simcost.errors import InputError
from simcost.forecast.names import GrowthMode, ModelName
from simcost.outputs import check_outputs, whole_file


def forecast(
    file: Any,
    *,
    horizon: str | float | None = None,
    freq: str | None = None,
    levels: Sequence[int] = (80, 95),
    paths: int = 400,
    seed: int = 1,
    growth: GrowthMode | None = None,
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    time_format: str | None = None,
    by: Sequence[str] = (),
    quantity: str | None = None,
    series: Sequence[str] = (),
    model: ModelName = "auto",
    width: float = 1.0,
    events: str | Path | None = None,
    unit_cost: float | None = None,
    out: str | Path | None = None,
    paths_out: str | Path | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Demand to come, as `simcost forecast` tells it; its table has a row for each series and timestamp.

    Further options of the command are words of `sc.command("forecast", ...)`.

    Args:
        file: series (CSV or Parquet of `timestamp,value` or `series,timestamp,value`), or a trace; or a frame of
            pandas, Polars or Arrow with such columns, or a pandas column with an index of times.
        horizon: how far ahead, `"28d"`, `"3mo"` or seconds; None = as far as the history bears.
        freq: step, `"1h"`; None = that of the file.
        levels: of the bands, in per cent.
        paths: number of sample paths.
        seed: start of the random numbers.
        growth: `measured`, `none` or `stated`; None = stated where events state it, else measured.
        columns: columns of the file that have other names: `{"value": "requests"}`.
        timezone: of clock and calendar, such as `"Europe/Berlin"`; None = that of the events, else UTC.
        time_format: pattern of the times, as of strptime: `"%d.%m.%Y"`; None = it is found out.
        by: columns that name a series.
        quantity: of a trace: `requests`, `prompt_tokens` or `output_tokens`; of jobs `jobs`, `gpus` or `gpu_hours`.
        series: names of those wanted; none = all.
        model: `auto`, or the one that is to forecast.
        width: factor on the width of the futures.
        events: YAML of events that you know of.
        unit_cost: USD for one of what is counted, for the bill of the horizon.
        out: Parquet file of the forecast to write, to be scored later, or `.csv` of its rows alone; None = none.
        paths_out: Parquet file of the sample paths; None = none.
        progress: called with the share done and the series at hand.

    Raises:
        InputError: anything that cannot be read, forecast or written.
    """
    from simcost.forecast.project import ProjectionOptions
    from simcost.studies.forecasting.study import SeriesOptions, forecast_file, pictures
    from simcost.studies.forecasting.view import DRAWN, parts

    check_choice("growth", growth, get_args(GrowthMode))
    check_choice("model", str(model), get_args(ModelName))
    counts = whole_numbers(paths=paths, seed=seed)
    asked = ProjectionOptions(
        model=model, levels=_levels(levels), growth=growth, width=number("width", width), **counts
    )
    reading = SeriesOptions(
        freq=text("freq", freq),
        timezone=text("timezone", timezone),
        time_format=text("time_format", time_format),
        by=words("by", by),
        quantity=text("quantity", quantity),
        mapping=names_of("columns", columns),
        only=words("series", series),
    )
    with in_python(), local_files() as inputs:
        document, projections = forecast_file(
            inputs.of(file, "file"),
            asked,
            horizon_s=duration("horizon", horizon),
            reading=reading,
            events=None if events is None else inputs.path(events, "events"),
            out=None if out is None else output_path(out),
            paths_out=None if paths_out is None else output_path(paths_out, "paths_out"),
            unit_usd=number("unit_cost", unit_cost, from_0=True),
            progress=progress_of(progress),
        )
        document = inputs.document(document)
    drawn = pictures(document, projections[:DRAWN])
    return Answer("forecast", document, _steps(document), parts(document, drawn))


def _levels(levels: Sequence[int]) -> tuple[int, ...]:
    """The levels in order, each once. Raises InputError for what is none."""
    found = plain(levels)
    if not isinstance(found, list) or not all(isinstance(one, int) and 0 < one < 100 for one in found):
        raise InputError(f"levels: {levels!r} are not per cents from 1 to 99, as (80, 95)")
    return tuple(sorted(set(found)))


def bill(
    usage: Any,
    plan: str | Path | Mapping[str, Any],
    *,
    columns: Mapping[str, str] | None = None,
    plan_of_run: str | None = None,
) -> Answer:
    """Usage under a purchasing plan, as `simcost bill` prices it; its table has a row for each charge.

    Args:
        usage: CSV or Parquet of usage, a frame of pandas, Polars or Arrow with its columns, or a results folder.
        plan: YAML of the purchasing plan, or a mapping of its content: `{}` is on demand.
        columns: columns of the file that have other names.
        plan_of_run: plan of a results folder; None = the best.

    Raises:
        InputError: rows or lines that cannot be, prices that are missing.
    """
    from simcost.scenario.inputs.purchasing import hashed, price_usage
    from simcost.studies.bills.view import parts
    from simcost.studies.options import with_sources

    if isinstance(usage, Result):
        usage = usage.folder
    with in_python(), local_files() as inputs:
        used, priced_by = inputs.of(usage, "usage"), inputs.plan(plan)
        if plan_of_run is not None and not used.is_dir():
            raise InputError("plan_of_run belongs to a results folder; give both, or leave it out")
        name = text("plan_of_run", plan_of_run)
        [(priced, _)] = price_usage(used, [priced_by], names_of("columns", columns), name)
        document = with_sources(priced, priced["findings"], [hashed(used), priced_by], inputs.names)
        document = inputs.document(document)
    return Answer("bill", document, document["charges"], parts(document))


def calibrate(
    *observed: str | Path,
    model: str | None = None,
    on: str | None = None,
    tp: int | None = None,
    out: str | Path | None = None,
    seed: int = 1,
    precision: str = "bf16",
    kv_precision: str = "bf16",
    memory_utilisation: float = 0.92,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    kv_tokens: int | None = None,
    engines: int | None = None,
    concurrency: int | None = None,
    rate: float | None = None,
    span: str | float | None = None,
    input_len: int | None = None,
    output_len: int | None = None,
    catalog: str | Path | None = None,
) -> Answer:
    """Coefficients of a replica from an observed run or benchmark, as `simcost calibrate` fits them.

    Args:
        observed: folder with `requests.jsonl`, trace with latencies, or outputs of benchmark tools.
        model: name of a model in the catalog, where the observation does not state it.
        on: accelerator, likewise.
        tp: tensor parallelism, likewise.
        out: YAML to write, which a plan's `replica: {from: ...}` takes; None = none.
        seed: start of the random numbers.
        precision: of the weights.
        kv_precision: of the KV cache.
        memory_utilisation: share of the memory of the devices that the engine may use.
        max_num_seqs: running sequences at most, where the observation does not state them.
        max_num_batched_tokens: token budget of a step, likewise.
        kv_tokens: KV capacity as the engine logs it, likewise.
        engines: engines that served the log behind one queue, such as data-parallel ranks, likewise.
        concurrency: clients of a closed loop, or size of a batch, likewise.
        rate: requests per second, likewise.
        span: time that the counters of a scrape cover, `"10min"` or seconds, likewise.
        input_len: prompt tokens of each request, likewise.
        output_len: output tokens of each request, likewise.
        catalog: folder of your own facts, such as a model or an accelerator that is not in the catalog.

    Raises:
        InputError: what cannot be used, with its place and the remedy.
    """
    from simcost.catalog import load_catalog
    from simcost.scenario.files.parts import replica_spec
    from simcost.studies.calibration.study import calibrate as fit
    from simcost.studies.calibration.view import parts
    from simcost.studies.options import check_distinct, with_sources
    from simcost.trace.observed import Configuration
    from simcost.trace.observed.load import Load

    engine = whole_numbers(
        tp=tp,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        kv_tokens=kv_tokens,
        engines=engines,
    )
    lengths = whole_numbers(concurrency=concurrency, prompt_tokens=input_len, output_tokens=output_len)
    load = Load(rate_per_s=number("rate", rate), span_s=duration("span", span), **lengths)
    spec = {"precision": precision, "kv_precision": kv_precision, "memory_utilisation": plain(memory_utilisation)}
    with in_python(), local_files() as inputs:
        files = [inputs.path(path, "observed") for path in observed]
        if not files:
            raise InputError("observed: names no file; name what the engine was observed to do")
        target = None if out is None else output_path(out)
        check_outputs([target] if target else [], files)
        check_distinct(files)
        replica_spec(accelerator=on or "", **spec)
        facts = load_catalog(None if catalog is None else path_of(catalog, "catalog"))
        given = Configuration(model=text("model", model), accelerator=text("on", on), **engine)
        result = fit(files, facts, given=given, load=load, spec=spec, **whole_numbers(seed=seed))
        read = result.observation.files
        if target is not None:
            _write_coefficients(result, target)
        document: Any = {**result.document, "files": [] if out is None else [os.path.relpath(out)]}
        document = inputs.document(with_sources(document, document["findings"], read, inputs.names))
    rows = [{"coefficient": name, "value": value} for name, value in document["coefficients"].items()]
    return Answer("calibrate", document, rows, parts(document))


def _write_coefficients(result: Any, target: Path) -> None:
    from simcost.studies.calibration.coefficients_file import coefficients_text
    from simcost.tables.digests import sha256_of
    from simcost.tables.object_stores import source_name

    inputs = {source_name(path): sha256_of(path) for path in result.observation.files}
    with whole_file(target) as draft:
        draft.write_text(coefficients_text(result, inputs), encoding="utf-8")


def results(
    place: str | Path | Result,
    *,
    where: str | None = None,
    sort: str | None = None,
    descending: bool = False,
    columns: Sequence[str] = (),
    top: int | None = None,
    each_run: bool = False,
) -> Answer:
    """Plans of sweeps and of finished runs, as `simcost results` lists them; its table has a row for each.

    Args:
        place: a result; folder of a sweep, of a run, or of several; or a Parquet file of rows.
        where: condition, `"cost_usd < 100 and attainment >= 0.99"`; None = all.
        sort: column, the least value first; None = as they are.
        descending: the largest value first.
        columns: of the table; none = all.
        top: first rows; None = all.
        each_run: a row for each run, else for each plan, with means over its runs.

    Raises:
        InputError: no results, an unknown column, or a condition that cannot be read.
    """
    from simcost.studies.results.study import ResultQuery, selected
    from simcost.studies.results.view import parts

    if where is not None and not isinstance(where, str):
        raise InputError(f'where: {where!r} is not a condition, as "cost_usd < 100"')
    folder = place.folder if isinstance(place, Result) else path_of(place, "place")
    query = ResultQuery(
        where=where,
        sort=text("sort", sort),
        descending=descending,
        columns=words("columns", columns),
        each_run=each_run,
        **whole_numbers(top=top),
    )
    with in_python():
        _, found = selected(folder, query)
    return Answer("results", to_document(found), found.rows, parts(found))


def _steps(document: Document) -> list[dict[str, Any]]:
    """Row for each series and timestamp: mean and bands."""
    rows = []
    for name, entry in document["series"].items():
        bands = {f"{end}_{level}": band[end] for level, band in entry["levels"].items() for end in ("lo", "hi")}
        for step, timestamp in enumerate(entry["timestamps"]):
            row = {"series": name, "timestamp": timestamp, "mean": entry["mean"][step]}
            rows.append(row | {key: values[step] for key, values in bands.items()})
    return rows
