"""`simcost trace`: traces of requests and of jobs."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from simcost.errors import InputError, did_you_mean
from simcost.progress import Progress
from simcost.studies.argument_types import condition, delimiter, mark, natural, positive, seconds
from simcost.studies.options import (
    Arguments,
    check_belongs,
    check_distinct,
    columns,
    draw,
    output,
    output_folder,
    own_catalog,
    pictures,
    seed,
    show,
    verb,
)


def add(verbs: Any) -> None:
    """The verb `trace`."""
    trace = verbs.add_parser(
        "trace",
        help="fetch, import, describe, compare, check or synthesize traces of requests; import or describe jobs",
    )
    actions = trace.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_import(actions)
    _add_fetch(actions)
    describe = verb(actions, "describe", _trace_describe, "rate, burstiness, lengths and findings of a trace")
    describe.add_argument("file", type=Path, help="a stored trace")
    pictures(describe)
    compare = verb(actions, "compare", _trace_compare, "compare a synthetic trace with a real one")
    compare.add_argument("real", type=Path, help="a stored trace")
    compare.add_argument("synthetic", type=Path, help="a synthetic trace modelled on it")
    check = verb(actions, "check", _trace_check, "simulated latencies beside those that the log has")
    check.add_argument("run", type=Path, help="folder of `simcost run --out` that replayed the trace")
    check.add_argument("file", type=Path, help="the stored trace, with ttft_s or e2e_s")
    check.add_argument("--plan", metavar="NAME", help="which plan of the folder (default: the best)")
    _add_synthesize(actions)


def _add_import(actions: Any) -> None:
    """The action `import`."""
    load = verb(actions, "import", _trace_import, "turn a log of requests or of jobs into a trace")
    load.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the log or several; packed (.gz, .zst, .bz2) as it is, - is stdin",
    )
    load.add_argument(
        "--format",
        metavar="F",
        help="csv, jsonl, parquet, otel, litellm, langfuse, langsmith, bedrock, helicone, azure-llm, burstgpt or "
        "mooncake; of jobs philly, helios, sia, openb, sacct, kubernetes (default: by its name and columns)",
    )
    load.add_argument("--jobs-log", action="store_true", help="a log of jobs, where its format is csv or parquet")
    columns(load)
    load.add_argument(
        "--where",
        action="append",
        type=condition,
        default=[],
        metavar="COL=VALUE",
        help="take only rows with this value, e.g. model=llama-3.1-8b; repeatable: other columns must hold, too, "
        "values of one column are alternatives",
    )
    load.add_argument("--on-error", choices=("stop", "skip"), default="stop", help="action on a bad row")
    load.add_argument("--timezone", metavar="ZONE", help="of times without one, e.g. Europe/Berlin (default UTC)")
    load.add_argument("--start", metavar="ISO", help="time at which relative arrivals are 0")
    load.add_argument("--time-unit", choices=("s", "ms", "us", "ns"), help="of numeric arrivals")
    load.add_argument("--time-format", metavar="PATTERN", help="of arrivals, as of strptime: '%%d.%%m.%%Y %%H:%%M:%%S'")
    load.add_argument("--decimal", choices=(".", ","), help="decimal mark of the numbers")
    load.add_argument("--thousands", type=mark, metavar="MARK", help="mark between thousands, e.g. . or ,")
    load.add_argument(
        "--delimiter",
        type=delimiter,
        metavar="MARK",
        help="between cells: , or ; or tab (default: that of the header)",
    )
    load.add_argument("--block-tokens", type=positive, help="tokens per block of prefix_hashes")
    output(load, "-o", "--output", required=True, help="the trace to write (.parquet)")


def _add_fetch(actions: Any) -> None:
    """The action `fetch`."""
    fetch = verb(actions, "fetch", _trace_fetch, "download a public trace by name, check it and import it")
    fetch.add_argument("name", nargs="?", help="name of a public trace; none lists them")
    output_folder(fetch, "-o", "--out", default=Path(), metavar="DIR", help="folder to put it in (default: this one)")
    fetch.add_argument("--list", action="store_true", help="list the public traces")
    own_catalog(fetch)


def _add_synthesize(actions: Any) -> None:
    """The action `synthesize`."""
    synthesize = verb(actions, "synthesize", _trace_synthesize, "write a trace from a workload description")
    synthesize.add_argument(
        "file",
        type=Path,
        help="YAML of a synthetic workload, or a folder of ServeGen clients; with --along also a trace of requests or "
        "jobs",
    )
    length = synthesize.add_mutually_exclusive_group(required=True)
    length.add_argument("--horizon", type=seconds, metavar="TIME", help="length, e.g. 7d")
    length.add_argument(
        "--along", type=Path, metavar="PATHS", help="follow a sample path of `simcost forecast --paths-out`"
    )
    synthesize.add_argument("--series", metavar="NAME", help="series of --along; default: its only one")
    synthesize.add_argument("--path", type=natural, metavar="N", help="number of the path (default 0)")
    seed(synthesize, of_scenario=False)
    output(synthesize, "-o", "--output", required=True, help="the trace to write (.parquet)")


def _trace_import(arguments: Arguments) -> None:
    from simcost.trace.jobs.formats import JOB_FORMATS
    from simcost.trace.jobs.reader import holds_jobs
    from simcost.trace.requests.formats import FORMATS
    from simcost.trace.requests.readers import Notation, import_trace

    any_format = arguments.format is None
    if any_format and (arguments.jobs_log or holds_jobs(arguments.files[0], dict(arguments.map))):
        arguments.format, arguments.jobs_log = "auto", True
    arguments.format = arguments.format or _format_of(arguments.files[0])
    of_jobs = [name for name in JOB_FORMATS if name not in FORMATS]
    if arguments.format not in ("auto", *FORMATS, *of_jobs):
        near = did_you_mean(arguments.format, [*FORMATS, *of_jobs])
        known = f"of requests {', '.join(FORMATS)}; of jobs {', '.join(of_jobs)}"
        raise InputError(f"unknown format {arguments.format!r}{near} (known: {known})")
    if arguments.jobs_log or arguments.format in of_jobs:
        _jobs_import(arguments)
        return
    check_distinct(arguments.files)
    notation = Notation(
        delimiter=arguments.delimiter,
        decimal=arguments.decimal,
        thousands=arguments.thousands,
        time_format=arguments.time_format,
        time_unit=arguments.time_unit,
        timezone=arguments.timezone,
    )
    with Progress("import", quiet=arguments.quiet) as progress:
        document = import_trace(
            arguments.files,
            arguments.format,
            arguments.output,
            mapping=dict(arguments.map),
            where=arguments.where,
            on_error=arguments.on_error,
            start=arguments.start,
            notation=notation,
            block_tokens=arguments.block_tokens,
            any_format=any_format,
            progress=progress.rows,
        )
    show(arguments, document, "traces.view")


def _format_of(file: Path) -> str:
    """The format that the name of a log says."""
    from simcost.tables.encoding import not_text
    from simcost.trace.requests.log_files import format_of_name

    found = format_of_name(file.name)
    if found is None:
        with suppress(OSError), file.open("rb") as opened:
            if said := not_text(opened.read(256)):
                raise InputError(f"{file}: {said}")
        raise InputError(
            f"{file}: its name does not say its format; pass --format, such as --format csv; of JSON lines --format "
            "jsonl, or that of its source: otel, litellm, langfuse, langsmith, bedrock"
        )
    return found


_OF_REQUESTS = ("where", "start", "time_unit", "time_format", "decimal", "thousands", "delimiter", "block_tokens")
"""Options of logs of requests alone."""


def _jobs_import(arguments: Arguments) -> None:
    from simcost.trace.jobs.reader import import_jobs

    skips = ["on_error"] if arguments.on_error == "skip" else []
    check_belongs(arguments, [*_OF_REQUESTS, *skips], "a log of requests")
    if len(arguments.files) > 1:
        raise InputError(f"{arguments.files[1]}: a trace of jobs is imported from one log; leave the others out")
    document = import_jobs(
        arguments.files[0],
        arguments.format,
        arguments.output,
        mapping=dict(arguments.map),
        timezone=arguments.timezone or "UTC",
    )
    show(arguments, document, "traces.jobs_view")


def _trace_fetch(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog

    catalog = load_catalog(arguments.catalog)
    if arguments.list or arguments.name is None:
        from simcost.catalog.documents import catalog_list

        show(arguments, catalog_list(catalog, "public-traces"), "catalog.view")
        return
    from simcost.trace.public.fetch import fetch_trace

    trace = catalog.public_trace(arguments.name)
    with (
        Progress("download", quiet=arguments.quiet) as download,
        Progress("import", quiet=arguments.quiet) as load,
    ):
        document = fetch_trace(trace, arguments.out, report=download.bytes, rows=load.rows)
    show(arguments, document, "traces.fetch_view")


def _trace_describe(arguments: Arguments) -> None:
    from simcost.studies.traces import jobs_view, view
    from simcost.trace.jobs.describe import describe_jobs
    from simcost.trace.jobs.store import is_jobs
    from simcost.trace.requests.describe import describe_trace

    found: dict[str, Any]
    if is_jobs(arguments.file):
        found, verdict, name = describe_jobs(arguments.file), jobs_view.verdict, "traces.jobs_view"
    else:
        found, verdict, name = describe_trace(arguments.file), view.verdict, "traces.view"
    document = {"verdict": verdict(found), **found}
    draw(arguments, document, name)
    show(arguments, document, name)


def _trace_check(arguments: Arguments) -> None:
    from simcost.studies.traces.latency_check import latency_check

    show(arguments, latency_check(arguments.run, arguments.file, arguments.plan), "traces.check_view")


def _trace_compare(arguments: Arguments) -> None:
    from simcost.trace.requests.similarity import compare_traces

    show(arguments, compare_traces(arguments.real, arguments.synthetic), "traces.compare_view")


def _trace_synthesize(arguments: Arguments) -> None:
    if arguments.along:
        _trace_along(arguments)
        return
    check_belongs(arguments, ("series", "path"), "--along")
    from simcost.scenario.files.parts import load_workload
    from simcost.trace.jobs.store import is_jobs
    from simcost.trace.series.from_servegen import is_servegen
    from simcost.trace.series.from_traces import is_trace
    from simcost.trace.synthesis.servegen import synthesize_clients
    from simcost.trace.synthesis.stored_requests import synthesize

    seed = 1 if arguments.seed is None else arguments.seed
    if is_servegen(arguments.file):
        with Progress("synthesize", quiet=arguments.quiet) as progress:
            document = synthesize_clients(
                arguments.file,
                arguments.output,
                seed=seed,
                horizon_s=arguments.horizon,
                progress=progress.share_of_rows,
            )
        show(arguments, document, "traces.view")
        return
    if is_jobs(arguments.file) or is_trace(arguments.file):
        raise InputError(f"{arguments.file}: is a trace, which follows a path of a forecast: pass --along")
    spec = load_workload(arguments.file)
    with Progress("synthesize", quiet=arguments.quiet) as progress:
        document = synthesize(
            spec,
            arguments.output,
            folder=arguments.file.parent,
            seed=seed,
            horizon_s=arguments.horizon,
            progress=progress.share_of_rows,
        )
    show(arguments, document, "traces.view")


def _trace_along(arguments: Arguments) -> None:
    from simcost.studies.traces.synthesis import synthesize_along

    with Progress("synthesize", quiet=arguments.quiet) as progress:
        document = synthesize_along(
            arguments.file,
            arguments.along,
            arguments.output,
            series=arguments.series,
            number=arguments.path or 0,
            seed=1 if arguments.seed is None else arguments.seed,
            progress=progress.share_of_rows,
        )
    show(arguments, document, "traces.jobs_view" if "jobs" in document else "traces.view")
