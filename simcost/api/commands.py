"""Any command as an answer: what the command line can do, Python can."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from simcost.api.answers import Answer, Rows
from simcost.api.inputs import path_of
from simcost.api.results import Result
from simcost.api.values import numbers_of
from simcost.api.wording import in_python
from simcost.documents import to_document
from simcost.errors import InputError
from simcost.studies.options import check_written

_WITHOUT_ANSWER = ("app", "open", "completion")


def command(*words: str | float | Path | Result) -> Answer:
    """The answer to any command of the command line, with its tables and charts; nothing is printed.

    `sc.command("commit", "usage.csv", "--options", "options.yaml")`. The table of the answer is the first list of its
    document. Charts of runs and forecasts are those of `sc.run` and `sc.forecast`.

    Args:
        words: of the command, after `simcost`; a result stands for its folder.

    Raises:
        InputError: unknown words, or input that the command refuses.
        GateError: a gate of `--fail-on` that is broken.
    """
    from simcost.cli.main import parsed
    from simcost.cli.remote_files import local_copies

    given = [str(word.folder) if isinstance(word, Result) else str(word) for word in words]
    if not given or given[0] in _WITHOUT_ANSWER:
        if not given:
            raise InputError('names no command; write its words, as sc.command("doctor")')
        raise InputError(f"simcost {given[0]} has no answer that Python can take; run it in a terminal")
    if given[0] == "help" or {"-h", "--help", "--version"} & set(given):
        raise InputError("help is for a terminal; see help(sc) or the reference of the command line")
    arguments = parsed(given)
    arguments.quiet = True
    shown: list[tuple[Any, str]] = []
    arguments.shown = lambda result, view: shown.append((result, view))
    printed = StringIO()
    with redirect_stdout(printed), local_copies(arguments):
        check_written(arguments)
        arguments.verb(arguments)
    if not shown:
        return Answer(arguments.title, _document(printed.getvalue()), [], [])
    result, view = shown[-1]
    document = to_document(result)
    parts = import_module(f"simcost.studies.{view}").parts(result)
    return Answer(arguments.title, document, _rows(document), parts)


def diff(
    before: str | Path | Result,
    after: str | Path | Result,
    *,
    plan_a: str | None = None,
    plan_b: str | None = None,
    month_a: str | None = None,
    month_b: str | None = None,
    per_month: bool = False,
    rate: Mapping[str, float] = MappingProxyType({}),
) -> Answer:
    """Effects by which two results, bills or months differ in cost, as `simcost diff` finds them; a row for each.

    Args:
        before: a result, a results folder, a bill of `simcost bill --json`, or a cost file in the FOCUS format.
        after: another one; it may be the same result with another plan.
        plan_a: plan of `before`; None = the best.
        plan_b: plan of `after`; None = the best.
        month_a: month of `before`, a cost file of several, as 2026-03; None = all that it has.
        month_b: month of `after`, likewise.
        per_month: scale both to a month of 730 h, as results always are.
        rate: USD that a unit of another currency of a cost file is worth: `{"EUR": 1.08}`.

    Raises:
        InputError: what cannot be compared.
    """
    pair = {"before": before, "after": after}
    parts = {"plan-a": plan_a, "plan-b": plan_b, "month-a": month_a, "month-b": month_b}
    sides = [side if isinstance(side, Result) else path_of(side, name) for name, side in pair.items()]
    words = [f"--{part}={name}" for part, name in parts.items() if name is not None]
    words += ["--per-month"] if per_month else []
    words += [f"--rate={currency}={usd}" for currency, usd in numbers_of("rate", rate).items()]
    with in_python():
        return command("diff", *sides, *words)


def _document(printed: str) -> Mapping[str, Any]:
    """The document of a command that shows none: that which it printed, or its text as the verdict."""
    try:
        found = json.loads(printed)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"verdict": printed.strip()}


def _rows(document: Mapping[str, Any]) -> Rows:
    """The first list of mappings."""
    for value in document.values():
        if isinstance(value, Sequence) and not isinstance(value, str) and value and isinstance(value[0], Mapping):
            return value
    return []
