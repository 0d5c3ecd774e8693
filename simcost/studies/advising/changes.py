"""Changes of a plan by an action, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from simcost.scenario.inputs.variations import Variation
from simcost.studies.advising.result import FieldChange

_MISSING = object()


def changes_of(base: Variation, other: Variation) -> Iterator[FieldChange]:
    """Fields whose values differ, with defaults written out."""
    written = asdict(base.plan)
    for path, value in sorted(_leaves(partial_of(base, other)), key=lambda leaf: _place(written, leaf[0])):
        before = _looked_up(written, path)
        if before != value:
            yield FieldChange(path=".".join(path), before=before, after=value)


def plain_changes(base: dict[str, Any], other: dict[str, Any]) -> Iterator[FieldChange]:
    """Fields of two plans as they are written that differ; one that is not written before has no value there."""
    for path, value in _leaves(partial_between(base, other)):
        before = _looked_up(base, path)
        if before != value:
            yield FieldChange(path=".".join(path), before=before, after=value)


def partial_between(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The partial plan that makes one of the other, both as they are written."""
    return _changed(*({key: one for key, one in plan.items() if key != "name"} for plan in (base, other)))


def partial_of(base: Variation, other: Variation) -> dict[str, Any]:
    """The partial plan that makes one of the other."""
    return _changed(_plain(base), _plain(other))


def wording(changes: Sequence[FieldChange]) -> str:
    """`scaling.replicas 2 → 1, router → round-robin`."""
    return ", ".join(_change(change) for change in changes)


def _plain(variation: Variation) -> dict[str, Any]:
    plain = variation.node.plain()
    return {key: value for key, value in plain.items() if key != "name"} if isinstance(plain, dict) else {}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key, _MISSING)
        if isinstance(value, dict) and isinstance(old, dict) and value.get("kind") == old.get("kind"):
            if inner := _changed(old, value):
                found[key] = inner | ({"kind": value["kind"]} if "kind" in value else {})
        elif value != old:
            found[key] = value
    return found


def _leaves(partial: dict[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in partial.items():
        if isinstance(value, dict):
            yield from _leaves(value, *path, key)
        else:
            yield (*path, key), value


def _place(written: Any, path: Sequence[str]) -> list[int]:
    """Place of a field in the plan, so that files with another order of keys give the same changes."""
    places = []
    for key in path:
        known = list(written) if isinstance(written, dict) else []
        places.append(known.index(key) if key in known else len(known))
        written = written[key] if key in known else None
    return places


def _looked_up(written: Any, path: Sequence[str]) -> Any:
    """The value of a field; None where there is no such field."""
    for key in path:
        written = written.get(key) if isinstance(written, dict) else None
    return list(written) if isinstance(written, tuple) else written


def _change(field_change: FieldChange) -> str:
    arrow = f"\N{RIGHTWARDS ARROW} {_short(field_change.after)}"
    return (
        f"{field_change.path} {arrow}"
        if field_change.before is None
        else f"{field_change.path} {_short(field_change.before)} {arrow}"
    )


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_short(one) for one in value) or "none"
    if isinstance(value, dict):
        return " ".join(f"{key} {_short(one)}" for key, one in value.items() if one is not None and key != "kind")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
