"""Whether a cost file keeps the rules of FOCUS 1.2."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import TraceError
from simcost.trace.focus.columns import COLUMNS, WHAT
from simcost.trace.focus.findings import WRITTEN, Finding, Quality
from simcost.trace.focus.reader import chunks, header_of
from simcost.trace.focus.rules import Rule
from simcost.trace.focus.strict import strict_rules

_TARGET = "1.2"
_MANDATORY = sum(column.presence == "mandatory" for column in COLUMNS.values())


def check_focus(path: Path) -> dict[str, Any]:
    """The rules that a file breaks.

    Returns:
        `verdict`, `rows`, `focus_version`, `rules_checked`, `rules_skipped` (their columns are not there), and
        `broken[]`: rule, source (of FOCUS 1.2), must, says, rows, share, example.

    Raises:
        TraceError: the file is no FOCUS export, is damaged, or has no rows.
    """
    header = header_of(path)
    rules = {rule.name: rule for rule in strict_rules()}
    checked = [rule for rule in rules.values() if set(rule.needs) <= set(header.theirs)]
    quality = Quality()
    for rows, place in chunks(path, header, tuple(COLUMNS), quality):
        quality.look_at_cells(rows, place)
        for rule in checked:
            quality.note(rule.name, rule.says, "", rule.broken(rows), place)
    if not quality.rows:
        raise TraceError(f"{path}: no rows; give a {WHAT} with at least one")
    for name in header.missing:
        quality.found[f"{name} is missing"] = Finding(f"have no column {name}", "", rows=None)
    broken = [
        {"rule": row["rule"], **_standing(row["rule"], rules),
         **{key: row[key] for key in ("says", "rows", "share", "example")}} for row in quality.table()
    ]  # fmt: skip
    count = len(checked) + len(WRITTEN) + _MANDATORY
    document = {
        "rows": quality.rows, "focus_version": header.version, "rules_checked": count,
        "rules_skipped": len(rules) - len(checked), "broken": broken,
    }  # fmt: skip
    return {"verdict": _verdict(document), **document}


def _standing(name: str, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Where a rule comes from, and whether it is a must. A literal NULL in CSV is how many write no value."""
    rule = rules.get(name)
    return {"source": rule.source if rule else "", "must": rule.must if rule else name != "literal_null"}


def _verdict(document: dict[str, Any]) -> str:
    must = sum(row["must"] for row in document["broken"])
    should = len(document["broken"]) - must
    rows = int(np.max([row["rows"] for row in document["broken"]], initial=0))
    said = f"{document['rows']:,} rows, {document['rules_checked']} rules of FOCUS {_TARGET} checked"
    if not document["broken"]:
        return f"Keeps the rules: {said}, none broken."
    recommended = f", and {should} recommendations are not followed" if should else ""
    most = f"; the most frequent breach is in {rows:,} of them"
    return f"{'Breaks' if must else 'Keeps'} the rules: {said}, {must} broken{recommended}{most}."
