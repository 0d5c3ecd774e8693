"""Help on one key of the scenario file, as parts."""

from simcost.present.parts import Part
from simcost.scenario.files.key_help import KeyHelp, KeyPlace
from simcost.scenario.files.reference import FieldRow

_MANY = 3
"""Places beyond which only their meanings are shown."""


def parts(result: KeyHelp) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if len(result.places) <= _MANY:
        return [
            Part(title=place.place, said=[*_meaning(result, place), *map(_sentence, place.keys)])
            for place in result.places
        ]
    shown = [Part(title="Places", said=[f"{place.place}: {_brief(place)}" for place in result.places])]
    if result.places[0].meaning:
        name = result.places[0].place.rsplit(" ", 1)[-1]
        shown.append(Part(said=[f"simcost schema {name} has the keys of the first."], titled=False))
    return shown


def _meaning(result: KeyHelp, place: KeyPlace) -> list[str]:
    """The meaning of a mapping, where it is not said already."""
    return [] if result.verdict.endswith(place.meaning) else [place.meaning]


def _brief(place: KeyPlace) -> str:
    return place.meaning or _sentence(place.keys[0])


def _sentence(row: FieldRow) -> str:
    default = {"**required**": "required", "-": ""}.get(row.default, f"default {row.default}")
    about = ", ".join(text for text in (row.type, row.unit, default) if text)
    return f"{row.field} ({about}): {row.meaning}"
