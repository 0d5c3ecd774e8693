"""The command line: verbs, exit codes, and nothing else. Results go to stdout, progress and errors to stderr.

Exit 0: done. 1: the run failed or a gate was broken. 2: bad usage or input. 130: interrupted.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from simcost import __version__
from simcost.errors import FaultsError, GateError, InputError, SimcostError
from simcost.progress import Progress

Arguments = argparse.Namespace
Document = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    arguments = command_line().parse_args(_text_words(sys.argv[1:] if argv is None else argv))
    try:
        arguments.verb(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except FaultsError as error:
        print(error, file=sys.stderr)  # each line begins file:line:column, which editors follow
        return error.exit_code
    except SimcostError as error:
        print(f"simcost: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"simcost: {place}{error.strerror or error}", file=sys.stderr)
        return InputError.exit_code
    except MemoryError as error:
        print(f"simcost: not enough memory: {error}; lower --jobs, the horizon or the rate", file=sys.stderr)
        return SimcostError.exit_code
    return 0


# --- verbs ---


def _run(arguments: Arguments) -> None:
    from simcost.compare.gate import broken_gates, parse_gate
    from simcost.report.html import write_html
    from simcost.scenario.load import load
    from simcost.scenario.run import run

    for gate in arguments.fail_on:
        parse_gate(gate)
    loaded = load(arguments.file, arguments.data)
    out = arguments.out or Path("results") / loaded.scenario.scenario
    with Progress(loaded.scenario.scenario, quiet=arguments.quiet) as progress:
        document = run(
            loaded,
            out,
            seeds=arguments.seeds,
            seed=arguments.seed,
            jobs=arguments.jobs,
            fresh=arguments.fresh,
            progress=progress,
        )
        files = [*document["files"], os.path.relpath(write_html(out))]
    _show(arguments, document | {"files": files}, "comparison")
    broken = broken_gates(document, arguments.fail_on)
    if broken:
        raise GateError("; ".join(broken))


def _check(arguments: Arguments) -> None:
    from simcost.scenario.load import check, find_faults

    if arguments.json:
        document = check(arguments.file, arguments.data)
        _print_json(document)
        if document["faults"]:
            sys.stdout.flush()
            raise SystemExit(InputError.exit_code)
        return
    faults = find_faults(arguments.file, arguments.data)
    if faults:
        raise FaultsError(faults)
    print(f"{arguments.file}: no faults")


def _schema(_: Arguments) -> None:
    from simcost.scenario.schema import json_schema

    _print_json(json_schema())


def _trace_import(arguments: Arguments) -> None:
    from simcost.trace.readers import import_trace

    with Progress("import", quiet=arguments.quiet) as progress:
        document = import_trace(
            arguments.file,
            arguments.format,
            arguments.out,
            mapping=dict(arguments.map),
            on_error=arguments.on_error,
            start=arguments.start,
            time_unit=arguments.time_unit,
            block_tokens=arguments.block_tokens,
            progress=progress.rows,
        )
    _show(arguments, document, "trace")


def _trace_describe(arguments: Arguments) -> None:
    from simcost.trace.describe import describe_trace

    _show(arguments, describe_trace(arguments.file), "trace")


def _trace_synthesize(arguments: Arguments) -> None:
    from simcost.scenario.parts import load_workload
    from simcost.trace.synthesis import synthesize

    spec = load_workload(arguments.file)
    with Progress("synthesize", quiet=arguments.quiet) as progress:
        document = synthesize(
            spec,
            arguments.out,
            folder=arguments.file.parent,
            seed=1 if arguments.seed is None else arguments.seed,
            horizon_s=arguments.horizon,
            progress=progress.share_of_rows,
        )
    _show(arguments, document, "trace")


def _catalog_list(arguments: Arguments) -> None:
    from simcost.catalog.listing import KINDS, catalog_list

    if arguments.kind is None and arguments.json:
        _print_json({"kinds": list(KINDS)})
    elif arguments.kind is None:
        print("\n".join(KINDS))
    else:
        _show(arguments, catalog_list(_catalog(arguments), arguments.kind), "catalog")


def _catalog_show(arguments: Arguments) -> None:
    from simcost.catalog.listing import catalog_show

    _show(arguments, catalog_show(_catalog(arguments), arguments.name), "catalog")


def _perf(arguments: Arguments) -> None:
    from simcost.perf.describe import perf_document
    from simcost.scenario.parts import replica_spec

    spec = replica_spec(
        accelerator=arguments.on,
        tp=arguments.tp,
        precision=arguments.precision,
        kv_precision=arguments.kv_precision,
        memory_utilisation=arguments.memory_utilisation,
    )
    document = perf_document(
        _catalog(arguments),
        arguments.model,
        spec,
        max_num_seqs=arguments.max_num_seqs,
        max_num_batched_tokens=arguments.max_num_batched_tokens,
        context_tokens=arguments.context,
    )
    _show(arguments, document, "perf")


def _catalog(arguments: Arguments) -> Any:
    from simcost.catalog import load_catalog

    return load_catalog(arguments.catalog)


# --- output ---


def _show(arguments: Arguments, document: Document, report: str) -> None:
    """Print the document itself, or its layout for people by `simcost.report.<report>.text`."""
    if arguments.json:
        _print_json(document)
    else:
        print(import_module(f"simcost.report.{report}").text(document))


def _print_json(document: Document) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


# --- the parser ---


class _Parser(argparse.ArgumentParser):
    """argparse, with errors in our form."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(InputError.exit_code, f"simcost: {message}\n")


def command_line() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = _Parser(
        prog="simcost",
        description="Replay AI workloads against hardware, autoscaling and pricing plans; compare cost and SLA.",
    )
    parser.add_argument("--version", action="version", version=f"simcost {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_run(verbs)
    check = _verb(verbs, "check", _check, "find all faults of a scenario, without running it")
    check.add_argument("file", type=Path, help="scenario YAML")
    _data(check)
    _verb(verbs, "schema", _schema, "print the JSON Schema of scenario files")
    _add_trace(verbs)
    _add_catalog(verbs)
    _add_perf(verbs)
    return parser


def _add_run(verbs: Any) -> None:
    run = _verb(verbs, "run", _run, "simulate the plans of a scenario and compare them")
    run.add_argument("file", type=Path, help="scenario YAML")
    run.add_argument("--out", type=Path, help="results folder (default: results/SCENARIO)")
    run.add_argument("--seeds", type=_positive, help="replications (default: as the scenario says)")
    run.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, help="runs at a time (default: cores)"
    )
    run.add_argument("--fresh", action="store_true", help="run again what is already known")
    run.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="GATE",
        help="exit 1 if a plan breaks it: slo, or budget=USD a month",
    )
    _data(run)
    _seed(run)


def _add_trace(verbs: Any) -> None:
    trace = verbs.add_parser("trace", help="import, describe or synthesize request traces")
    actions = trace.add_subparsers(title="actions", required=True, metavar="ACTION")
    load = _verb(actions, "import", _trace_import, "turn a request log into a trace")
    load.add_argument("file", type=Path, help="the log; .gz is read as it is")
    load.add_argument(
        "--format", required=True, metavar="F", help="azure-llm, burstgpt, mooncake, csv or parquet"
    )
    load.add_argument(
        "--map",
        action="extend",
        nargs="+",
        type=_pair,
        default=[],
        metavar="OURS=THEIRS",
        help="columns of the log",
    )
    load.add_argument(
        "--on-error", choices=("stop", "skip"), default="stop", help="what to do with a bad row"
    )
    load.add_argument("--start", metavar="ISO", help="time at which relative arrivals are 0")
    load.add_argument("--time-unit", choices=("s", "ms", "us", "ns"), help="of numeric arrivals")
    load.add_argument("--block-tokens", type=_positive, help="tokens per block of prefix_hashes")
    describe = _verb(
        actions, "describe", _trace_describe, "rate, burstiness, lengths and findings of a trace"
    )
    describe.add_argument("file", type=Path, help="a stored trace")
    synthesize = _verb(actions, "synthesize", _trace_synthesize, "write a trace from a workload description")
    synthesize.add_argument("file", type=Path, help="YAML of a synthetic workload")
    synthesize.add_argument("--horizon", type=_seconds, required=True, metavar="TIME", help="length, e.g. 7d")
    _seed(synthesize)
    for action in (load, synthesize):
        action.add_argument("-o", "--out", type=Path, required=True, help="the trace to write (.parquet)")


def _add_catalog(verbs: Any) -> None:
    catalog = verbs.add_parser("catalog", help="list and show models, accelerators, prices")
    actions = catalog.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = _verb(actions, "list", _catalog_list, "the facts of one kind")
    listing.add_argument("kind", nargs="?", help="kind of fact; none lists the kinds")
    show = _verb(actions, "show", _catalog_show, "everything about one name, with its source")
    show.add_argument("name", help="accelerator, model, provider, provider/sku or provider/item")
    for action in (listing, show):
        _own_catalog(action)


def _add_perf(verbs: Any) -> None:
    perf = _verb(verbs, "perf", _perf, "speed and memory of one replica")
    perf.add_argument("model", help="name of a model in the catalog")
    perf.add_argument(
        "--on", required=True, metavar="ACCELERATOR", help="name of an accelerator in the catalog"
    )
    perf.add_argument("--tp", type=_positive, default=1, help="accelerators per replica (default 1)")
    perf.add_argument("--precision", default="bf16", help="bf16, fp8, int8, int4 or fp4 (default bf16)")
    perf.add_argument("--kv-precision", default="bf16", help="of the KV cache (default bf16)")
    perf.add_argument(
        "--memory-utilisation", type=float, default=0.92, help="share of memory used (default 0.92)"
    )
    perf.add_argument(
        "--max-num-seqs", type=_positive, default=256, help="running sequences at most (default 256)"
    )
    perf.add_argument(
        "--max-num-batched-tokens", type=_positive, default=8192, help="token budget of a step (default 8192)"
    )
    perf.add_argument(
        "--context", type=_positive, default=2048, help="tokens per sequence in the table (default 2048)"
    )
    _own_catalog(perf)


def _verb(verbs: Any, name: str, verb: Callable[[Arguments], None], summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:]
    )
    parser.set_defaults(verb=verb)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return parser


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the traces (default: that of FILE)"
    )


def _seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_natural, help="random seed (default: the scenario's, else 1)")


def _own_catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--catalog", type=Path, metavar="DIR", help="folder of your own facts")


def _text_words(words: Sequence[str]) -> Sequence[str]:
    """The words themselves, which must be UTF-8: results name their files in it."""
    for word in words:
        if "\0" in word or word.encode(errors="replace").decode() != word:
            command_line().error(f"{word!r} is no UTF-8 text; rename the file")
    return words


def _natural(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 15):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isdecimal() and 1 <= len(text) <= 15 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")
    return int(text)


def _seconds(text: str) -> float:
    from simcost.units import parse_seconds

    try:
        return parse_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise argparse.ArgumentTypeError(f"{text!r} is no OURS=THEIRS, e.g. prompt_tokens=ContextTokens")
    return ours, theirs


if __name__ == "__main__":
    sys.exit(main())
