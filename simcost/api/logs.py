"""From a log of requests to a scenario: import it as a trace, write a scenario whose plans serve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from simcost.api.answers import Answer
from simcost.api.inputs import LocalFiles, is_frame, local_files, output_path, path_of
from simcost.api.scenarios import CheckedScenario
from simcost.api.sources import load
from simcost.api.values import check_choice, names_of, number, plain, text, whole_numbers, words
from simcost.api.wording import as_argument, in_python
from simcost.errors import InputError
from simcost.trace.requests.formats import FormatName
from simcost.units import plural


def import_log(
    log: Any,
    out: str | Path,
    *,
    format: FormatName | None = None,  # noqa: A002  # as the option of the command
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    start: str | None = None,
    time_format: str | None = None,
    time_unit: Literal["s", "ms", "us", "ns"] | None = None,
    timezone: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    delimiter: str | None = None,
    block_tokens: int | None = None,
) -> Answer:
    """A log of requests as a stored trace, as `simcost trace import` makes it; its table has one row.

    Args:
        log: path of the log, packed or not, or several; or a frame of pandas, Polars or Arrow.
        out: Parquet file to write.
        format: of the log, such as `csv`, `jsonl`, `otel` or `litellm`; None = by its name and columns.
        columns: columns of the log that have other names: `{"arrival": "Request Time", "prompt_tokens": "in"}`.
        where: take only rows with these values: `{"model": "llama-3.1-8b"}`, or one of several.
        on_error: `skip` leaves out rows that cannot be read, and counts them.
        start: ISO time at which relative arrivals are 0.
        time_format: of arrivals, as of strptime: `"%d.%m.%Y %H:%M:%S"`.
        time_unit: of numeric arrivals.
        timezone: of arrivals that do not say theirs, such as `"Europe/Berlin"`; None = UTC.
        decimal: decimal mark of the numbers.
        thousands: mark between thousands.
        delimiter: between cells; None = that of the header.
        block_tokens: tokens per block of prefix hashes.

    Raises:
        InputError: the log cannot be read, columns are missing, or nothing can be written there.
    """
    from simcost.trace.requests.readers import Notation, import_trace

    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("time_unit", time_unit, ("s", "ms", "us", "ns"))
    asked: dict[str, Any] = {
        "mapping": names_of("columns", columns),
        "where": _pairs(where or {}),
        "on_error": on_error,
        "start": plain(start),
        "notation": Notation(
            delimiter=text("delimiter", delimiter),
            decimal=text("decimal", decimal),
            thousands=text("thousands", thousands),
            time_format=text("time_format", time_format),
            time_unit=time_unit,
            timezone=text("timezone", timezone),
        ),
        "any_format": format is None,
        **whole_numbers(block_tokens=block_tokens),
    }
    with in_python(), local_files() as inputs:
        files, target = _files(log, inputs), output_path(out)
        read = import_trace(files, format or _format_of(files[0]), target, **asked)
        return _imported(target, inputs.document(read))


def _files(log: Any, inputs: LocalFiles) -> list[Path]:
    """The files of a log. Raises InputError for what is none."""
    if isinstance(log, str | PathLike) or is_frame(log):
        return [inputs.of(log, "a log")]
    if isinstance(log, Sequence) and log and all(isinstance(one, str | PathLike) for one in log):
        return [inputs.of(one, "a log") for one in log]
    raise InputError(f"a log is a path, several paths or a frame, not {type(log).__name__}")


def _imported(out: Path, read: dict[str, Any]) -> Answer:
    """The stored trace and what the import found, with arguments in place of options."""
    from simcost.studies.traces.view import parts
    from simcost.trace.requests.describe import describe_trace

    findings = [{**each, "message": as_argument(each["message"])} for each in read["findings"]]
    shown = {**describe_trace(out), **read, "findings": findings}
    document = {"verdict": f"{out}: {plural(shown['rows'], 'request')}.", **shown}
    return Answer("trace import", document, [shown], parts(shown))


def _pairs(where: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each column with each of its values. Raises InputError for what is not a mapping."""
    if not isinstance(where, Mapping):
        raise InputError(f'where: {where!r} is not a mapping of columns to values, as {{"model": "llama-3.1-8b"}}')
    found = [(str(name), plain(values)) for name, values in where.items()]
    return [
        (name, str(value)) for name, values in found for value in (values if isinstance(values, list) else [values])
    ]


def _format_of(file: Path) -> FormatName:
    from simcost.trace.requests.log_files import format_of_name

    found = format_of_name(file.name)
    if found is None:
        raise InputError(f'{file}: its name does not say its format; pass format, such as format="csv"')
    return found  # type: ignore[return-value]  # one of them


@in_python()
def new_scenario(
    file: str | Path,
    *,
    model: str | None = None,
    trace: str | Path | None = None,
    accelerators: str | Sequence[str] = ("l40s", "h100-sxm"),
    provider: str = "aws",
    rate_per_s: float | None = None,
    prompt_tokens: int | None = None,
    output_tokens: int | None = None,
    ttft: str | float = "1s",
    tpot: str | float = "60ms",
    attainment: str | float = "99%",
    replace: bool = False,
) -> CheckedScenario:
    """A new scenario file with a fixed and a scaled plan for each accelerator, as `simcost init` writes it; loaded.

    Args:
        file: YAML file to write.
        model: of the catalog; None = the one that most requests of the trace name.
        trace: a stored trace to replay, in the folder of the file or below; None = synthetic requests.
        accelerators: of the catalog.
        provider: of the offers; `any` = the cheapest of all.
        rate_per_s: of synthetic requests, the mean over the day; None = 10.
        prompt_tokens: of synthetic requests, the median; None = 1,000.
        output_tokens: of synthetic requests, the median; None = 200.
        ttft: time to the first token, at most: `"1s"`, or seconds.
        tpot: time per output token, at most, likewise.
        attainment: share of the requests that must keep both: `"99%"`, or 0.99.
        replace: write over a file that exists, as a cell of a notebook that is run again does; its changes are lost.

    Raises:
        InputError: the file exists, a model or accelerator that is not known, a trace outside of its folder, a rate or
            token counts beside a trace, or values that make no sound scenario.
    """
    from simcost.studies.new_scenario.study import ScenarioAnswers, scenario_name, write_scenario

    target = path_of(file, "file")
    if target.exists() and not replace:
        raise InputError(f"{file}: exists; load it, name another file, or pass replace=True, which loses its changes")
    write_scenario(
        ScenarioAnswers(
            name=scenario_name(target),
            model=_model(model, trace),
            accelerators=words("accelerators", accelerators),
            provider=_named("provider", provider),
            **_synthetic(trace, rate_per_s=rate_per_s, prompt_tokens=prompt_tokens, output_tokens=output_tokens),
            trace=None if trace is None else path_of(trace, "trace"),
            ttft=_target("ttft", ttft),
            tpot=_target("tpot", tpot),
            attainment=_target("attainment", attainment),
        ),
        target,
        replace=replace,
    )
    return load(target)


def _model(given: str | None, trace: str | Path | None) -> str:
    """The model, or the one that requests of the trace name. Raises InputError where neither names one."""
    if given is not None:
        return _named("model", given)
    from simcost.catalog import load_catalog
    from simcost.scenario.inputs.trace_models import logged_model

    found = None if trace is None else logged_model(path_of(trace, "trace"), load_catalog())
    if found is None:
        where = "no trace names one" if trace is None else f"the requests of {trace} name none of the catalog"
        raise InputError(f'model: {where}; pass model, such as model="llama-3.1-8b"')
    return found


def _named(name: str, given: str) -> str:
    """The text. Raises InputError for what is none, None too."""
    if not isinstance(given, str):
        raise InputError(f"{name}: {given!r} is not a text")
    return given


def _target(name: str, given: str | float) -> str:
    """A target as a scenario has it, of a number or a text."""
    return given if isinstance(given, str) else str(number(name, given))


def _synthetic(trace: str | Path | None, **answers: Any) -> dict[str, Any]:
    """The answers about synthetic requests that were given. Raises InputError beside a trace, or for no number."""
    given = {name: plain(value) for name, value in answers.items() if value is not None}
    for name, value in given.items():
        if trace is not None:
            raise InputError(f"{name} is of synthetic requests, and the trace has its own: leave one of the two out")
        if not (isinstance(value, int | float) and 0 < value < 1e9):
            raise InputError(f"{name} {value!r} is not a number above 0")
    return given
