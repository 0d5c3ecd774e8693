"""Help on one key of the scenario file, as parts."""

from collections.abc import Iterator

from simcost.present.parts import Part
from simcost.scenario.files.key_help import FieldRow, KeyHelp, KeyPlace

_MANY = 3
"""Places beyond which only their meanings are shown."""


def parts(result: KeyHelp) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if len(result.places) <= _MANY:
        return [Part(title=place.place, said=list(_said(place, result.verdict))) for place in result.places]
    shown = [Part(title="Places", said=[f"{place.place}: {_brief(place)}" for place in result.places])]
    if result.places[0].meaning:
        name = result.places[0].place.rsplit(" ", 1)[-1]
        shown.append(Part(said=[f"simcost schema {name} has the keys of the first."], titled=False))
    return shown


def _said(place: KeyPlace, verdict: str) -> Iterator[str]:
    """The meaning of a mapping and its keys, without what the verdict says already."""
    if not verdict.endswith(place.meaning):
        yield place.meaning
    for row in place.keys:
        yield _of_type(row) if verdict.endswith(f": {row.meaning}") else f"{_of_type(row)}: {row.meaning}"


def _brief(place: KeyPlace) -> str:
    return place.meaning or f"{_of_type(place.keys[0])}: {place.keys[0].meaning}"


def _of_type(row: FieldRow) -> str:
    default = row.default if row.default in ("required", "") else f"default {row.default}"
    return f"{row.field} ({', '.join(text for text in (row.type, row.unit, default) if text)})"
