"""Changes of a plan by an action, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simcost.studies.advising.result import FieldChange

Partial = dict[str, Any]
_MISSING = object()


def changes_between(base: Partial, other: Partial, in_full: Partial, other_in_full: Partial) -> Iterator[FieldChange]:
    """Fields whose values differ; None where one is gone, as a mapping of another kind does not have it.

    Args:
        base: a plan as it is written.
        other: another plan as it is written.
        in_full: the first with its defaults written out, whose order that of the changes is.
        other_in_full: the other likewise: `30min` in place of 1800 seconds changes nothing.
    """
    found = [*_leaves(partial_between(base, other)), *((path, None) for path in _dropped(base, other))]
    for path, value in sorted(found, key=lambda leaf: _place(in_full, leaf[0])):
        before = _looked_up(in_full, path)
        gone_or_new = value is None or before is None
        if before != value and (gone_or_new or before != _looked_up(other_in_full, path)):
            yield FieldChange(path=".".join(path), before=before, after=value)


def partial_between(base: Partial, other: Partial) -> Partial:
    """The partial plan that makes one of the other, both as they are written."""
    return _changed(*({key: one for key, one in plan.items() if key != "name"} for plan in (base, other)))


def wording(changes: Sequence[FieldChange]) -> str:
    """`scaling.replicas 2 → 1, router → round-robin`; fields that another kind does not have are left out."""
    kinds = tuple(change.path.removesuffix("kind") for change in changes if change.path.endswith(".kind"))
    return ", ".join(_change(one) for one in changes if one.after is not None or not one.path.startswith(kinds))


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key, _MISSING)
        if isinstance(value, dict) and isinstance(old, dict) and value.get("kind") == old.get("kind"):
            if inner := _changed(old, value):
                found[key] = inner | ({"kind": value["kind"]} if "kind" in value else {})
        elif _are_alike(value, old):
            if inner := _changed(_children(old), _children(value)):
                found[key] = inner
        elif value != old:
            found[key] = value
    return found


def _are_alike(one: Any, other: Any) -> bool:
    """True for two lists of as many mappings, which differ place by place."""
    lists = isinstance(one, list) and isinstance(other, list) and len(one) == len(other)
    return lists and all(isinstance(item, dict) for item in (*one, *other))


def _leaves(partial: dict[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in partial.items():
        if isinstance(value, dict):
            yield from _leaves(value, *path, key)
        else:
            yield (*path, key), value


def _dropped(before: Partial, after: Partial, *path: str, replaced: bool = False) -> Iterator[tuple[str, ...]]:
    """Fields of the first plan that the second one lacks.

    Args:
        before: the first plan, or a mapping of it.
        after: that of the second plan.
        path: of the mapping.
        replaced: its kind is another one, or that of a mapping around it.
    """
    for key, old in before.items():
        new = after.get(key)
        if replaced and key not in after:
            yield (*path, key)
        elif isinstance(old, dict) and isinstance(new, dict):
            other_kind = replaced or old.get("kind") != new.get("kind")
            yield from _dropped(old, new, *path, key, replaced=other_kind)
        elif _are_alike(new, old):
            yield from _dropped(_children(old), _children(new), *path, key, replaced=replaced)


def _place(written: Any, path: Sequence[str]) -> list[int]:
    """Place of a field in the plan, so that files with another order of keys give the same changes."""
    places = []
    for key in path:
        known = list(_children(written))
        places.append(known.index(key) if key in known else len(known))
        written = _children(written).get(key)
    return places


def _looked_up(written: Any, path: Sequence[str]) -> Any:
    """The value of a field; None where there is no such field."""
    for key in path:
        written = _children(written).get(key)
    return list(written) if isinstance(written, tuple) else written


def _children(value: Any) -> dict[str, Any]:
    """A mapping, or the items of a list by their places; empty for all else."""
    if isinstance(value, list | tuple):
        return dict(zip(map(str, range(len(value))), value, strict=True))
    return value if isinstance(value, dict) else {}


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
        fields = [f"{key} {_short(one)}" for key, one in value.items() if one is not None and key != "kind"]
        return " ".join(fields) or str(value.get("kind", "none"))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
