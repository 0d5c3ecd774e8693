"""`simcost prices`: price lists into a catalog folder, and changes between two."""

import argparse
from pathlib import Path
from typing import Any

from simcost.catalog.dates import is_date
from simcost.errors import InputError
from simcost.studies.options import Arguments, finish, output_folder, own_catalog, show, verb


def add(verbs: Any) -> None:
    """The verb `prices`."""
    prices = verbs.add_parser("prices", help="import price lists, compare price books")
    actions = prices.add_subparsers(title="actions", required=True, metavar="ACTION")
    load = verb(actions, "import", _import, "turn a price list into rows of your catalog folder")
    load.add_argument("file", type=Path, nargs="?", help="the price list (none: the installed package genai-prices)")
    load.add_argument(
        "--format",
        required=True,
        metavar="F",
        help="aws, azure, gcp, skypilot, gpuhunt, genai-prices or own",
    )
    output_folder(load, "-o", "--out", metavar="FOLDER", help="catalog folder to write to (none: only look)")
    load.add_argument("--provider", default="", help="of skypilot and gpuhunt lists, e.g. gcp")
    load.add_argument("--as-of", type=_day, metavar="DAY", help="day you fetched the list, YYYY-MM-DD")
    load.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="SKU",
        help="these instance types; 'p5.*' for all that begin so",
    )
    own_catalog(load)
    diff = verb(actions, "diff", _diff, "prices that differ between two catalog folders")
    diff.add_argument("before", type=Path, help="a catalog folder; alone: compared with the catalog of simcost")
    diff.add_argument("after", type=Path, nargs="?", help="another")


def _day(text: str) -> str:
    if len(text) != len("2026-07-20") or not is_date(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write e.g. 2026-07-20")
    return text


def _import(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.catalog.prices.importer import import_prices
    from simcost.catalog.prices.quote import OUT, UNASKED
    from simcost.outputs import whole_file

    folder = arguments.out
    if folder and arguments.catalog:
        raise InputError("give -o or --catalog: the facts of the folder written to are those used")
    known = folder if folder and folder.is_dir() else arguments.catalog
    catalog = load_catalog(known)
    imported = import_prices(
        arguments.file,
        arguments.format,
        catalog,
        provider=arguments.provider,
        as_of=arguments.as_of or "",
        only=arguments.only,
    )
    imported.note_lacking(catalog)
    texts = imported.files(folder) if folder else {}
    for name, text in texts.items():
        with whole_file(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
    document = {
        "file": str(arguments.file or arguments.format),
        "format": arguments.format,
        "as_of": imported.as_of,
        "rows": imported.looked_at,
        "kept_out": imported.findings.count(OUT),
        "not_asked_for": imported.findings.count(UNASKED),
        **{name: len(imported.rows.get(name, [])) for name in ("offers", "commitment_rates", "token_prices")},
        "files": [str(folder / name) for name in texts],
    }
    finish(arguments, document, imported.findings.document(), "catalog.prices_view")


def _diff(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.catalog.prices.catalog_files import price_changes

    names = (None, arguments.before) if arguments.after is None else (arguments.before, arguments.after)
    before, after = map(load_catalog, names)
    said = [str(name) if name else "simcost" for name in names]
    document = {"before": said[0], "after": said[1], "changes": price_changes(before, after)}
    show(arguments, document, "catalog.prices_view")
