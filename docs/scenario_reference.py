"""Reference pages of the scenario file, from the schema classes: each key once, in few words.

`simcost schema KEY` has the whole text of a key.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import get_args

from simcost.scenario.files.conform import hints
from simcost.scenario.files.json_schema import SchemaSection, summary
from simcost.scenario.files.key_help import FieldRow, field_rows, homes
from simcost.units import Unit

_HEAD = """# The scenario file

Generated from the classes that read it; do not edit. These pages say each key once, in a few words.
`simcost schema plans.scaling` says all about it in the terminal; `simcost schema` prints JSON Schema for editors.

A scenario is YAML 1.2 (`on` and `08:30` are text, `1e3` is a number) in one file of at most 16 MiB. Unknown keys and
keys that appear twice are faults. All are reported together: `file:line:column: path: what is wrong`.

{pages}

Each line is `key` (type or unit, default): meaning. A key that is not required may be left out. *Below* is a section of
its own. A key of a unit takes a number in this unit, or a text with a unit:

{units}

Short forms:

- `defaults:` at the top holds keys that all plans share. It is merged into each plan, key by key. A plan's own value
  wins.
- A mapping of another `kind` replaces the shared one as a whole.
- A kind alone stands for its mapping: `router: round-robin`. A single mapping stands for a list of one.
- `replica: {{from: coefficients.yaml}}` takes what `simcost calibrate` wrote; keys next to `from` take precedence.
- `replica: {{latency_table: table.csv}}` takes times of batches from a CSV file of `batch_size,seconds`.
- `replica: {{image_table: table.csv}}` takes times of images from a CSV file of `size,steps,seconds`.
- `services:` takes the place of `workload` and `slo` and lists several models. Each plan says under
  `services: {{NAME: {{replica: ..., scaling: ..., buy: ...}}}}` how it serves each. What the plan says itself holds
  for all of them.
- Paths are relative to the scenario file and inside its folder.
- Anchors and aliases (`&name`, `*name`) may be used; tags may not.
"""
_PAGES = {
    "scenario": ("The scenario file", ""),
    "scenario-requests": ("Requests: `workload` and `demand`", r"workload|demand"),
    "scenario-plans": ("Plans: engine and requests", r"plans"),
    "scenario-scaling": ("Plans: scaling", r"plans\[\]\.(scaling|metrics)"),
    "scenario-hardware": ("Plans: nodes and purchase", r"plans\[\]\.(buy|nodes|startup|drain|interruptions)"),
    "scenario-jobs": ("Jobs and training", r"jobs|plans\[\]\.training"),
}
"""Page to title and the paths on it; the last match holds."""
_SHORT = {
    "whole number": "int",
    "true or false": "bool",
    "list of quantitys": "list",
    "mapping from": "map of",
    "a share from 0 to 1": "share",
    " per second": "/s",
    " per hour": "/h",
    "seconds": "s",
    "`, `": "|",
}
_CLAUSE = re.compile(
    r"[;:] | \(|, (?:as|where|so that|which|unless|such as) |(?<=.{28}), (?!or |and )| by which | beyond which "
)
_LONG = 40
"""Characters beyond which the first clause has to do."""
_LONG_KIND = 84
"""The same of the meaning of a kind."""
_SHORTEST = 16


def scenario_pages() -> dict[str, str]:
    """Path in the repository to text, for each page."""
    sections: dict[str, list[str]] = {name: [] for name in _PAGES}
    paths: dict[str, list[SchemaSection]] = {}
    for part in homes().values():
        paths.setdefault(part.path, []).append(part)
    for path, parts in paths.items():
        sections[_page(path)].append("\n".join(_section(path, parts)))
    others = [name for name in _PAGES if name != "scenario"]
    index = "\n".join(f"- [{_PAGES[name][0]}]({name}.md)" for name in others)
    heads = {
        name: f"# {_PAGES[name][0]}\n\nPart of [the scenario file](scenario.md). Generated; do not edit.\n"
        for name in others
    }
    heads["scenario"] = _HEAD.format(pages=index, units=_units())
    return {f"docs/reference/{name}.md": "\n".join([heads[name], *texts]) for name, texts in sections.items()}


def brief(text: str, long: int = _LONG) -> str:
    """The first sentence, of a long one the first clause."""
    first = re.split(r"(?<!e\.g)\.(?:\s+(?=[^a-z])|$)", text)[0]
    ends = [first[: found.start()] for found in _CLAUSE.finditer(first) if found.start() >= _SHORTEST]
    whole = [end for end in ends if end.count("(") == end.count(")")]
    return whole[0] if whole and len(first) > long else first


def _page(path: str) -> str:
    return next(
        name for name, (_, paths) in reversed(_PAGES.items()) if re.match(rf"(?:{paths})(?!\w)", path) or not paths
    )


def _units() -> str:
    found = {
        unit.name: unit.example for part in homes().values() for hint in hints(part.cls).values() for unit in _of(hint)
    }
    return ", ".join(f"{_short(name)} (`{example.replace(' or ', '`, `')}`)" for name, example in found.items()) + "."


def _of(hint: object) -> Iterator[Unit]:
    for part in get_args(hint):
        if isinstance(part, Unit):
            yield part
        else:
            yield from _of(part)


def _section(path: str, parts: list[SchemaSection]) -> Iterator[str]:
    """Keys of a mapping; where it is of several kinds, first the keys that some share."""
    yield f"## {path or 'Top of the file'}\n"
    rows = {part.kind: field_rows(part.cls, _link(path)) for part in parts}
    times = Counter(row for kind in rows.values() for row in kind)
    often = {row.field: row for row, number in reversed(times.most_common()) if number > 1}
    shared = [row for row in times if row in often.values()]
    if shared:
        yield "Shared:\n"
        yield from _listed(shared)
    for part in parts:
        own = [row for row in rows[part.kind] if row not in shared]
        also = ", ".join(row.field for row in rows[part.kind] if row in shared)
        if part.kind is not None:
            yield (
                f"**{part.kind}**: {brief(summary(part.cls), _LONG_KIND)}." + (f" Also {also}." if also else "") + "\n"
            )
        elif "." not in path:
            yield f"{brief(summary(part.cls), _LONG_KIND)}.\n"
        if own:
            yield from _listed(own)


def _listed(rows: Iterable[FieldRow]) -> Iterator[str]:
    """A line for each key, and one for all that are described elsewhere under the same name."""
    known = [row for row in rows if _elsewhere(row)]
    yield from (_line(row) for row in rows if row not in known)
    if known:
        yield "- " + ", ".join(_elsewhere(row) for row in known) + ": as there."
    yield ""


def _elsewhere(row: FieldRow) -> str:
    """A link to the section of a key that has its name from there; empty for all others."""
    found = re.search(r"\]\((.*?#\w*?" + row.field.strip("`") + r")\)", row.type)
    return f"[{row.field}]({found[1]})" if found else ""


def _line(row: FieldRow) -> str:
    unit = re.sub(r" \(`.*", "", row.unit)
    kind = unit if row.type == "quantity" else f"{row.type}, {unit}" if unit else row.type
    inside = ", ".join(filter(None, [_short(kind), row.default]))
    return f"- {row.field} ({inside}): {brief(row.meaning)}."


def _short(text: str) -> str:
    """A type or unit in short words."""
    return reduce(lambda text, word: text.replace(*word), _SHORT.items(), text)


def _link(here: str) -> Callable[[str, str], str]:
    def link(home: str, words: str) -> str:
        if re.fullmatch(rf"{re.escape(here)}\.?\w+(\[\])?(\.NAME)?", home):
            return "below" if words == "mapping" else "kinds below"
        page = "" if _page(home) == _page(here) else f"{_page(home)}.md"
        slug = re.sub(r"[^a-z0-9 _-]", "", (home or "Top of the file").lower()).replace(" ", "-")
        return f"[{words}]({page}#{slug})"

    return link
