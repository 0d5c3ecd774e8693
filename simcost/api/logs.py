"""From a log of requests to a scenario: import it as a trace, write a scenario whose plans serve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from simcost.api.answers import Answer
from simcost.api.scenarios import CheckedScenario, load
from simcost.trace.requests.formats import FormatName


def import_log(
    file: str | Path,
    out: str | Path,
    *,
    format: FormatName = "csv",  # noqa: A002  # as the option of the command
    columns: Mapping[str, str] | None = None,
    on_error: Literal["stop", "skip"] = "stop",
) -> Answer:
    """A log of requests as a stored trace, as `simcost trace import` makes it; its table has one row.

    Args:
        file: the log, gzipped or not.
        out: Parquet file to write.
        format: of the log, such as `csv`, `jsonl`, `otel` or `litellm`.
        columns: columns of the log that have other names: `{"arrival": "Request Time", "prompt_tokens": "in"}`.
        on_error: `skip` leaves out rows that cannot be read, and counts them.

    Raises:
        InputError: the log cannot be read, columns are missing, or nothing can be written there.
    """
    from simcost.studies.traces.view import parts
    from simcost.trace.requests.describe import describe_trace
    from simcost.trace.requests.readers import import_trace

    read = import_trace(Path(file), format, Path(out), mapping=columns, on_error=on_error)
    shown = {**describe_trace(Path(out)), **{key: read[key] for key in ("dropped", "repaired")}, "file": str(out)}
    document = {"verdict": f"{out}: {shown['rows']:,} requests.", **shown}
    return Answer("trace import", document, [shown], parts(shown))


def new_scenario(
    file: str | Path,
    *,
    model: str,
    trace: str | Path | None = None,
    accelerators: Sequence[str] = ("l40s", "h100-sxm"),
    provider: str = "aws",
    rate_per_s: float = 10.0,
    prompt_tokens: int = 1000,
    output_tokens: int = 200,
    ttft: str = "1s",
    tpot: str = "60ms",
    attainment: str = "99%",
) -> CheckedScenario:
    """A new scenario file with a fixed and a scaled plan for each accelerator, as `simcost init` writes it; loaded.

    Args:
        file: YAML file to write.
        model: of the catalog.
        trace: a stored trace to replay, in the folder of the file or below; None = synthetic requests.
        accelerators: of the catalog.
        provider: of the offers; `any` = the cheapest of all.
        rate_per_s: of synthetic requests, the mean over the day.
        prompt_tokens: of synthetic requests, the median.
        output_tokens: of synthetic requests, the median.
        ttft: time to the first token, at most.
        tpot: time per output token, at most.
        attainment: share of the requests that must keep both.

    Raises:
        InputError: the file exists, a model or accelerator that is not known, a trace outside of its folder.
    """
    from simcost.studies.new_scenario.study import ScenarioAnswers, write_scenario

    target = Path(file)
    write_scenario(
        ScenarioAnswers(
            name=target.stem,
            model=model,
            accelerators=tuple(accelerators),
            provider=provider,
            rate_per_s=rate_per_s,
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            trace=None if trace is None else Path(trace),
            ttft=ttft,
            tpot=tpot,
            attainment=attainment,
        ),
        target,
    )
    return load(target)
