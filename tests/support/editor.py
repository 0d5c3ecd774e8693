"""The editor of the explorer in a page without a browser: what it shows, and an edit as a browser sends it."""

import json
from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest


def shown(page: AppTest) -> dict[str, Any]:
    """All that the editor is told, with `text` among it; its tab is opened for that."""
    before = page.session_state.get("tab")
    _component(page)
    found = told(page)
    _back(page, before)
    return found


def write(page: AppTest, text: str) -> AppTest:
    """The page after another text was written and left."""
    before = page.session_state.get("tab")
    _send(page, {"text": text, "apply": True, "halves": None})
    _back(page, before)
    return page


def ask(page: AppTest, before: str, after: str = "", *, turns: int = 1) -> dict[str, Any]:
    """All that the editor is told after a pause in typing, with the cursor between two texts."""
    text = {"text": before + after, "apply": False, "halves": {"before": before, "after": after}}
    _send(page, text, turns)
    return told(page)


def told(page: AppTest) -> dict[str, Any]:
    """All that the editor was told last."""
    found: dict[str, Any] = json.loads(_components(page)[0].json)
    return found


def _send(page: AppTest, typed: dict[str, Any], turns: int = 1) -> None:
    """An event as a browser sends it, so many turns after what the page has."""
    component = _component(page)
    event = {"event": "typed", "value": {"turn": json.loads(component.json)["turn"] + turns, **typed}}
    states = page._tree.get_widget_states()
    name = f"$$STREAMLIT_INTERNAL_KEY_{component.id}__events"
    states.widgets.append(WidgetState(id=name, json_trigger_value=json.dumps([event])))
    page._run(states)


def _component(page: AppTest) -> Any:
    if not _components(page) and page.tabs:
        page.session_state["tab"] = "YAML"
        page.run()
    return _components(page)[0]


def _components(page: AppTest) -> list[Any]:
    return [node.proto for node in page._tree if getattr(node, "type", "") == "bidi_component"]


def _back(page: AppTest, tab: Any) -> None:
    if tab is not None and page.tabs and page.session_state["tab"] != tab:
        page.session_state["tab"] = tab
        page.run()
