"""Command-line options that verbs share, and output of their results."""

import argparse
import codecs
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from filecmp import cmp
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from simcost.documents import FindingDocument, to_document, values
from simcost.errors import GateError, InputError
from simcost.execution.options import ENGINES, EngineOptions
from simcost.gates import Amount, Gate, described, parse_gate
from simcost.outputs import check_folder, check_outputs, check_writable, whole_file
from simcost.studies.argument_types import condition, natural, pairs, positive, span, worth

Arguments = argparse.Namespace
Result = TypeVar("Result")
"""Result of a study: a frozen dataclass, or its document where the study reads documents back from files."""


def verb(verbs: Any, name: str, run: Callable[[Arguments], None], summary: str) -> argparse.ArgumentParser:
    """A verb with the options that all have."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
    title = parser.prog.removeprefix("simcost ")
    parser.set_defaults(verb=run, title=title, writes=(), fills=())
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="styled text (auto: on a terminal)"
    )
    return parser


def study(
    verbs: Any, name: str, answer: Callable[[Arguments], object], view: str, summary: str
) -> argparse.ArgumentParser:
    """A verb that answers with one result, which `simcost.studies.<view>` lays out and draws."""
    parser = verb(verbs, name, _answer, summary)
    parser.set_defaults(answer=answer, view=view)
    pictures(parser)
    return parser


def _answer(arguments: Arguments) -> None:
    gates = gates_of(arguments)
    result = arguments.answer(arguments)
    draw(arguments, result, arguments.view)
    show(arguments, result, arguments.view)
    check_gates(arguments, result, gates, arguments.view)


Broken = Callable[[Any, Gate], str]
"""The sentence of a gate that a result breaks; empty = it holds."""


def gated(parser: argparse.ArgumentParser, known: Mapping[str, Amount], broken: Broken) -> None:
    """Add gates for CI, and the summary for a pull request."""
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="GATE",
        help=f"exit 1 if it is broken: {described(known)}; repeatable".replace("%", "%%"),
    )
    output(parser, "--markdown", metavar="FILE", help="write a summary in Markdown, e.g. for a pull request")
    parser.set_defaults(known_gates=known, broken=broken)


def gates_of(arguments: Arguments) -> list[Gate]:
    """The gates that were asked for. Raises InputError for those that are none."""
    return [parse_gate(text, arguments.known_gates) for text in getattr(arguments, "fail_on", ())]


def check_gates(arguments: Arguments, result: object, gates: Sequence[Gate], view: str) -> None:
    """Write the summary where one was asked for, then raise GateError where a gate is broken."""
    if "broken" not in arguments:
        return
    broken = list(dict.fromkeys(sentence for gate in gates if (sentence := arguments.broken(result, gate))))
    if arguments.markdown:
        from simcost.present.markdown import fitted

        parts = import_module(f"simcost.studies.{view}").parts(result)
        title, elsewhere = f"simcost {arguments.title}", "the output of the command"
        with whole_file(arguments.markdown) as draft:
            text = fitted(title, to_document(result), parts, broken, elsewhere=elsewhere)
            draft.write_text(text, encoding="utf-8")
    if broken:
        sys.stdout.flush()
        raise GateError("; ".join(broken))


def output(parser: argparse.ArgumentParser, *flags: str, **options: Any) -> None:
    """An argument that names a file to write, which `check_written` then keeps from replacing an input."""
    written = parser.add_argument(*flags, type=Path, **options)
    parser.set_defaults(writes=(*parser.get_default("writes"), written.dest))


def output_folder(parser: argparse.ArgumentParser, *flags: str, **options: Any) -> None:
    """An argument that names a folder to write to."""
    filled = parser.add_argument(*flags, type=Path, **options)
    parser.set_defaults(fills=(*parser.get_default("fills"), filled.dest))


def check_written(arguments: Arguments) -> None:
    """Raise InputError where a file to write is an input of the call, another output, or no file."""
    given = vars(arguments)
    outputs = (*given.get("writes", ()), *given.get("fills", ()))
    values = [value for name, value in given.items() if name not in outputs]
    read = [
        path for value in values for path in (value if isinstance(value, list) else [value]) if isinstance(path, Path)
    ]
    files = [given[name] for name in given.get("writes", ()) if given[name]]
    check_outputs(files, read)
    for path in files:
        check_writable(path)
    for name in given.get("fills", ()):
        if given[name]:
            check_folder(given[name])


def pictures(parser: argparse.ArgumentParser) -> None:
    """Add the options of a study's page and charts."""
    output(parser, "--html", metavar="FILE", help="write a page with tables and charts")
    output(parser, "--svg", metavar="FILE", help="write its first chart")


def draw(arguments: Arguments, result: object, view: str) -> None:
    """Write the page and the first chart, where the arguments name files for them."""
    page, svg = (getattr(arguments, name, None) for name in ("html", "svg"))
    if not (page or svg):
        return
    from simcost.present.parts import write_page, write_svg

    parts = import_module(f"simcost.studies.{view}").parts(result)
    if svg:
        chart = next((part.chart for part in parts if part.chart), None)
        if chart is None:
            raise InputError(f"{svg}: there is nothing to draw in this answer; leave --svg out")
        write_svg(svg, chart())
    if page:
        write_page(page, arguments.title, to_document(result), parts)


def show(arguments: Arguments, result: object, view: str) -> None:
    """Print the document of a result, or as text the parts of it that `simcost.studies.<view>` gives; `shown` of the
    arguments, where they have it, takes the result instead.

    Gates are checked even where the reader has closed the pipe, as `head` does.
    """
    if "shown" in arguments:
        arguments.shown(result, view)
        return
    try:
        _print(arguments, result, view)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(arguments: Arguments, result: object, view: str) -> None:
    if arguments.json:
        print_json(result)
    else:
        document, parts = to_document(result), import_module(f"simcost.studies.{view}").parts(result)
        if _colored(arguments.color):
            from rich.console import Console

            from simcost.present.rich_terminal import show as show_rich

            show_rich(document, parts, Console(force_terminal=True, highlight=False))
        else:
            from simcost.present.terminal import text

            print(text(document, parts))


def _colored(color: str) -> bool:
    """True if the text is for a terminal that knows styles, or was asked to be."""
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return color == "always" or (color == "auto" and terminal)


def print_json(result: object) -> None:
    """Print the JSON document of a result: UTF-8, also where stdout has another encoding."""
    utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    print(json.dumps(to_document(result), indent=2, ensure_ascii=not utf8, allow_nan=False))


def data(parser: argparse.ArgumentParser) -> None:
    """Add the folder of traces."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the traces (default: that of FILE)")


def seed(parser: argparse.ArgumentParser, *, of_scenario: bool = True) -> None:
    """The random seed; a scenario may have one of its own."""
    default = "default: the scenario's, else 1" if of_scenario else "default 1"
    parser.add_argument("--seed", type=natural, help=f"random seed ({default})")


def engine(parser: argparse.ArgumentParser) -> None:
    """Add the engine that executes simulations, and how long one may take; see `engine_of`."""
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at a time (default: cores)")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="what executes runs: processes of this machine (default), a Dask or a Ray cluster",
    )
    parser.add_argument("--address", help="of a running cluster (default: one on this machine)")
    parser.add_argument("--time-limit", type=span, metavar="TIME", help="longest time of one run, e.g. 10min")


def engine_of(arguments: Arguments) -> EngineOptions:
    """The engine that was asked for. Raises InputError for an address without a cluster."""
    return EngineOptions(name=arguments.engine, address=arguments.address, time_limit_s=arguments.time_limit)


def own_catalog(parser: argparse.ArgumentParser) -> None:
    """Facts of the user."""
    parser.add_argument("--catalog", type=Path, metavar="DIR", help="folder of your own facts")


def catalog_offer(parser: argparse.ArgumentParser, what: str) -> None:
    """An offer of the catalog, whose price is taken; see `offer_of`."""
    parser.add_argument("--offer", metavar="P/SKU", help=what)
    parser.add_argument("--region", metavar="R", help="of the offer")
    own_catalog(parser)


def offer_of(arguments: Arguments) -> Any:
    """The offer that was asked for, at the price that is paid by contract; None without one.

    Raises:
        CatalogError: no such offer, not in that region, or in several.
        InputError: a region without an offer.
    """
    from simcost.catalog import load_catalog

    if arguments.offer is None:
        for option in ("region", "catalog"):
            if getattr(arguments, option):
                raise InputError(f"--{option} is of an offer; name it with --offer PROVIDER/SKU")
        return None
    catalog = load_catalog(arguments.catalog)
    return catalog.as_paid(catalog.offer(arguments.offer, arguments.region))


def check_belongs(arguments: Arguments, options: Sequence[str], to: str) -> None:
    """Raise InputError for options that mean nothing without another, or beside a file of another kind."""
    for option in options:
        value = getattr(arguments, option)
        if value is not None and value is not False and value != []:
            raise InputError(f"--{option.replace('_', '-')} belongs to {to}; give both, or leave it out")


def currency_rates(parser: argparse.ArgumentParser) -> None:
    """Option with the values of other currencies in cost files."""
    parser.add_argument(
        "--rate",
        action="extend",
        nargs="+",
        type=worth,
        default=[],
        metavar="CUR=USD",
        help="USD that a unit of another currency is worth, e.g. EUR=1.08",
    )


def rates_of(arguments: Arguments) -> dict[str, float]:
    """Value of a unit of each other currency. Raises InputError for a currency with two values."""
    found = dict(arguments.rate)
    if twice := [f"--rate {name}={usd:g}" for name, usd in arguments.rate if found[name] != usd]:
        raise InputError(f"{twice[0]}: has another value, too; give each currency once")
    return found


def check_distinct(files: Sequence[Path]) -> None:
    """Raise InputError for files of which one is a copy of another, so that what is in it would count twice."""
    for place, path in enumerate(files):
        for other in files[:place]:
            if path.is_file() and other.is_file() and cmp(path, other, shallow=False):
                raise InputError(f"{path}: is {other}, byte by byte, and would count twice; give each file once")


class NamedOnce(argparse.Action):
    """Pairs of names, over all uses of an option; a name that is given two values is refused."""

    def __call__(self, _parser: Any, namespace: Any, values: Any, _option: str | None = None) -> None:
        """Add pairs to those that were given before."""
        kept = [*getattr(namespace, self.dest)]
        for name, value in values:
            before = dict(kept).get(name, value)
            if before != value:
                raise argparse.ArgumentError(self, f"{name} is given twice, as {before} and as {value}; keep one")
            kept.append((name, value))
        setattr(namespace, self.dest, kept)


def columns(parser: argparse.ArgumentParser) -> None:
    """Columns of a file that have other names."""
    parser.add_argument(
        "--map",
        action=NamedOnce,
        type=pairs,
        default=[],
        metavar="NAME=COLUMN",
        help="columns of the file: a=b, several as a=b,c=d or apart; repeatable",
    )


def sample_rows(parser: argparse.ArgumentParser) -> None:
    """Rows of monitored utilisation."""
    parser.add_argument(
        "--where",
        action="append",
        type=condition,
        default=[],
        metavar="COL=VALUE",
        help="of samples, take only rows with this value, e.g. gpu_model=H100; repeatable: other columns must hold, "
        "too, values of one column are alternatives",
    )


def finish(
    arguments: Arguments, result: object, findings: Sequence[FindingDocument], view: str, *, files: Sequence[Path] = ()
) -> None:
    """Show, and draw, a result with the findings in its file (or files), and its provenance."""
    whole = sourced(arguments, result, findings, files)
    draw(arguments, whole, view)
    show(arguments, whole, view)


def sourced(
    arguments: Arguments,
    result: Result,
    findings: Sequence[FindingDocument],
    files: Sequence[Path | None] = (),
    prices: Sequence[Mapping[str, Any]] = (),
) -> Result:
    """Return a result with the findings in its file (or files), and its provenance, with the prices it rests on."""
    read = files or ([arguments.file] if "file" in arguments else [])
    return with_sources(result, findings, read, {}, prices)


def with_sources(
    result: Result,
    findings: Sequence[FindingDocument],
    files: Sequence[Path | None],
    names: Mapping[Path, str],
    prices: Sequence[Mapping[str, Any]] = (),
) -> Result:
    """Return a result with the findings in files, and its provenance.

    Args:
        result: as a document or as a dataclass.
        findings: of the files.
        files: that were read; None is left out.
        names: of files that stand for other inputs.
        prices: that the result rests on, where it does not list them itself.
    """
    from simcost import __version__
    from simcost.tables.digests import sha256_of
    from simcost.tables.object_stores import source_name

    inputs = {names.get(path) or source_name(path): sha256_of(path) for path in files if path}
    known = result if isinstance(result, Mapping) else values(result)
    provenance: dict[str, Any] = {"simcost_version": __version__, "inputs": inputs}
    provenance |= {"prices": prices} if prices else {}
    provenance |= {key: known[key] for key in ("catalog_date", "prices") if known.get(key) is not None}
    added: dict[str, Any] = {"findings": findings, "provenance": provenance}
    of: Any = result
    whole = {**of, **added} if isinstance(of, Mapping) else replace(of, **added)
    return cast("Result", whole)
