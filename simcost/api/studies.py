"""Studies without a scenario: forecasts, bills, calibrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simcost.api.answers import Answer, Document
from simcost.api.wording import in_python
from simcost.documents import to_document
from simcost.units import parse_seconds


def forecast(
    file: str | Path,
    *,
    horizon: str | float | None = None,
    freq: str | None = None,
    levels: Sequence[int] = (80, 95),
    paths: int = 400,
    seed: int = 1,
    growth: str | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Answer:
    """Demand to come, as `simcost forecast` tells it; its table has a row for each series and timestamp.

    Args:
        file: series (CSV or Parquet of `timestamp,value` or `series,timestamp,value`), or a trace.
        horizon: how far ahead, `"28d"` or seconds; None = as far as the history bears.
        freq: step, `"1h"`; None = that of the file.
        levels: of the bands, in per cent.
        paths: number of sample paths.
        seed: start of the random numbers.
        growth: `measured`, `none` or `stated`; None = stated where events state it, else measured.
        columns: columns of the file that have other names: `{"value": "requests"}`.
        progress: called with the share done and the series at hand.

    Raises:
        InputError: anything that cannot be read or forecast.
    """
    from simcost.forecast.project import ProjectionOptions
    from simcost.studies.forecasting.study import SeriesOptions, forecast_file, pictures
    from simcost.studies.forecasting.view import DRAWN, parts

    options: Any = {"growth": growth}
    asked = ProjectionOptions(seed=seed, levels=tuple(levels), paths=paths, **options)
    with in_python():
        document, projections = forecast_file(
            Path(file),
            asked,
            horizon_s=parse_seconds(horizon) if isinstance(horizon, str) else horizon,
            reading=SeriesOptions(freq=freq, mapping=columns or {}),
            progress=progress or (lambda _share, _what: None),
        )
    drawn = pictures(document, projections[:DRAWN])
    return Answer("forecast", document, _steps(document), parts(document, drawn))


def bill(
    usage: str | Path,
    plan: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    plan_of_run: str | None = None,
) -> Answer:
    """Usage under a purchasing plan, as `simcost bill` prices it; its table has a row for each charge.

    Args:
        usage: CSV or Parquet of usage, or a results folder.
        plan: YAML of the purchasing plan.
        columns: columns of the file that have other names.
        plan_of_run: plan of a results folder; None = the best.

    Raises:
        InputError: rows or lines that cannot be, prices that are missing.
    """
    from simcost.scenario.inputs.purchasing import price_usage
    from simcost.studies.bills.view import parts

    with in_python():
        [(document, _)] = price_usage(Path(usage), [Path(plan)], dict(columns or {}), plan_of_run)
    return Answer("bill", document, document["charges"], parts(document))


def calibrate(
    *observed: str | Path,
    model: str | None = None,
    on: str | None = None,
    tp: int | None = None,
    out: str | Path | None = None,
    seed: int = 1,
    precision: str = "bf16",
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    kv_tokens: int | None = None,
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
        max_num_seqs: running sequences at most, where the observation does not state them.
        max_num_batched_tokens: token budget of a step, likewise.
        kv_tokens: KV capacity as the engine logs it, likewise.

    Raises:
        InputError: what cannot be used, with its place and the remedy.
    """
    from simcost.catalog import load_catalog
    from simcost.outputs import check_outputs, whole_file
    from simcost.studies.calibration.coefficients_file import coefficients_text
    from simcost.studies.calibration.study import calibrate as fit
    from simcost.studies.calibration.view import parts
    from simcost.tables.digests import sha256_of
    from simcost.trace.observed import Configuration

    files = [Path(path) for path in observed]
    check_outputs([Path(out)] if out else [], files)
    given = Configuration(
        model=model,
        accelerator=on,
        tp=tp,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        kv_tokens=kv_tokens,
    )
    result = fit(files, load_catalog(None), given=given, spec={"precision": precision}, seed=seed)
    if out is not None:
        inputs = {str(path): sha256_of(path) for path in result.observation.files}
        with whole_file(Path(out)) as draft:
            draft.write_text(coefficients_text(result, inputs), encoding="utf-8")
    document = {**result.document, "files": [] if out is None else [str(out)]}
    rows = [{"coefficient": name, "value": value} for name, value in document["coefficients"].items()]
    return Answer("calibrate", document, rows, parts(document))


def results(
    place: str | Path,
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
        place: folder of a sweep, of a run, or of several, or a Parquet file of rows.
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

    query = ResultQuery(
        where=where, sort=sort, descending=descending, columns=tuple(columns), top=top, each_run=each_run
    )
    _, found = selected(Path(place), query)
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
