"""Findings go into the text of their scenario, as a plan more or as changes of one; the page of plans runs it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.errors import SimcostError
from simcost.scenario.checks.added_once import add_plan_once
from simcost.scenario.files.edit import put, values
from views import drafts
from views.text import plain

ADD = "Add to scenario"
Edit = Callable[[str], tuple[str, int]]
"""From the text of a scenario to the edited one, and the index of the plan that the levers show."""


def found_plans(found: Mapping[str, Any], draft: drafts.Draft, plans: Any) -> None:
    """Buttons that add the best plan and the next best to the scenario."""
    offered = {ADD: found.get("best"), "Add the runner-up": found.get("runner_up")}
    with st.container(horizontal=True):
        for label, one in offered.items():
            if one is None or "plan" not in one or not isinstance(one["plan"], Mapping):
                continue
            kind: Any = "primary" if label == ADD else "secondary"
            about = f"{one['name']}: beside the plans of the scenario, simulated with them on the page Plans"
            if st.button(label, type=kind, help=plain(about)):
                _edited(draft, plans, lambda text, plan=one["plan"]: add_plan_once(text, plan, draft.file))  # type: ignore[misc]


def advised_actions(found: Any, draft: drafts.Draft, plans: Any) -> None:
    """A choice among the actions: the chosen one changes the plan, or makes another plan of it."""
    if not found.actions or found.plan not in _names(draft.text):
        return
    chosen, change, add = st.columns([4, 1, 1], vertical_alignment="bottom")
    with chosen:
        index = st.selectbox(
            "Action", range(len(found.actions)), format_func=lambda i: f"{i + 1}: {found.actions[i].kind}"
        )
    action = found.actions[index]
    with change:
        if st.button("Try it", help=plain(f"Changes {found.plan}: {action.action}"), width="stretch"):
            _edited(draft, plans, lambda text: _changed(text, _names(text).index(found.plan), action.changes))
    with add:
        about = plain(f"A plan more: {found.plan} with {action.action}")
        if st.button(ADD, type="primary", help=about, width="stretch"):
            _edited(draft, plans, lambda text: _another(text, draft.file, found.plan, action))


def _names(text: str) -> list[Any]:
    """Names of the plans of a text."""
    return [one.get("name") if isinstance(one, dict) else None for one in values(text).get("plans") or ()]


def _changed(text: str, index: int, changes: Any) -> tuple[str, int]:
    for change in changes:
        text = put(text, f"plans.{index}.{change.path}", change.after)
    return text, index


def _another(text: str, file: Path, name: str, action: Any) -> tuple[str, int]:
    """A plan more: that of the name with the changes of an action."""
    changed, index = _changed(text, _names(text).index(name), action.changes)
    plan = values(changed)["plans"][index]
    return add_plan_once(text, {**plan, "name": f"Advice: {action.kind}"}, file)


def _edited(draft: drafts.Draft, plans: Any, edit: Edit) -> None:
    """Take the edit over, and go to the page of plans, whose levers show the plan."""
    try:
        text, index = edit(draft.text)
    except SimcostError as error:
        st.error(plain(str(error)))
        return
    drafts.write(draft.file, text)
    st.session_state.update(
        {"looked at": draft.file, "due": True, f"plan of {draft.file.name}": index, "tab": "Summary"}
    )
    st.switch_page(plans)
