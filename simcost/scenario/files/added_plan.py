"""A plan that was found elsewhere, written beside the plans of a scenario's text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simcost.errors import InputError
from simcost.scenario.files.edit import append, value_at, values


def add_plan(text: str, plan: Mapping[str, Any]) -> tuple[str, int]:
    """The text with one plan more, and the index of that plan; of one with the same fields, that is there, its index.

    Fields are compared as they are written; `checks.added_once` compares what plans resolve to.
    What the `defaults` of the scenario say is left out of the plan, and a name that is taken gets a number.

    Args:
        text: of the scenario; its comments and other lines stay.
        plan: with all its fields, as a scenario has them.

    Raises:
        InputError: the text is not a scenario, or its plans cannot be added to.
    """
    found = _plans(text)
    fields = _fields(plan)
    same = next((i for i, one in enumerate(found) if _fields(one) == fields), None)
    if same is not None:
        return text, same
    defaults = value_at(text, "defaults")
    own = _over(defaults if isinstance(defaults, dict) else {}, {key: plan[key] for key in plan if key != "name"})
    name = _free(str(plan.get("name") or "plan"), {str(one.get("name")) for one in found})
    edited = append(text, "plans", {"name": name, **own})
    if _fields(_plans(edited)[-1]) != fields:
        raise InputError("plans: the scenario's defaults do not let this plan be added; edit the text")
    return edited, len(found)


def _plans(text: str) -> list[Mapping[str, Any]]:
    """The plans of a text, defaults merged into them."""
    plans = values(text).get("plans")
    return [one for one in plans if isinstance(one, dict)] if isinstance(plans, list) else []


def _fields(plan: Mapping[str, Any]) -> Any:
    """All that is set of a plan but its name."""
    return _set({key: value for key, value in plan.items() if key != "name"})


def _set(value: Any) -> Any:
    """The value without what is null, and a mapping with a kind alone as that kind."""
    if not isinstance(value, Mapping):
        return value
    found = {key: _set(child) for key, child in value.items() if child is not None}
    return found["kind"] if found.keys() == {"kind"} else found


def _over(defaults: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a plan that differ from the defaults; None unsets what they say inside of a mapping."""
    own: dict[str, Any] = {}
    for key, value in plan.items():
        shared = defaults.get(key)
        if isinstance(shared, str) and value == {"kind": shared}:
            continue
        if value != shared or value is None:
            own[key] = value
            if isinstance(shared, Mapping) and isinstance(value, Mapping) and shared.get("kind") == value.get("kind"):
                own[key] = _over(shared, value) | {one: None for one in shared if one not in value}
    return own


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first with a number that is free."""
    return next(one for one in (name, *(f"{name} ({i})" for i in range(2, len(taken) + 3))) if one not in taken)
