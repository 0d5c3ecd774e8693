"""Pages that search: what they ask the studies, and what they show of the answer."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, TINY, furnish, settle

from simcost.cli.main import parsed
from simcost.errors import InputError
from simcost.scenario.checks.load import load_text
from simcost.scenario.files.edit import value_at

pytestmark = pytest.mark.slow


def script(root: str, home: str, name: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import improve

    improve.show(getattr(improve, name), Path(home) / "scenarios", Path(home) / "results", "plans")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = furnish(tmp_path / "home")
    space = "vary:\n  - {path: scaling.replicas, values: [1, 2]}\n"
    (home / "scenarios/tiny.yaml").write_text(TINY + space, encoding="utf-8")
    return home


def answered(home: Path, name: str) -> AppTest:
    page = AppTest.from_function(script, args=(str(APP.parent), str(home), name), default_timeout=60).run()
    assert not page.exception
    return settle(page.button[0].click().run())


@pytest.mark.parametrize(("name", "said"), [("OPTIMIZE", "one L4"), ("SENSITIVITY", "one L4"), ("ADVICE", "one L4")])
def test_a_search_answers_with_verdict_and_parts(home: Path, name: str, said: str) -> None:
    page = answered(home, name)
    assert not page.exception
    assert not page.error
    assert said in page.header[0].value
    assert page.dataframe
    assert list((home / "results" / ".runs").glob("*/ledger.json"))
    words = shlex.split(page.code[0].value)
    assert words[:2] == ["simcost", {"OPTIMIZE": "optimize", "SENSITIVITY": "sensitivity", "ADVICE": "advise"}[name]]
    assert parsed(words[1:])


def test_a_refused_search_is_a_message(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise InputError("nothing to search")

    monkeypatch.setattr("simcost.studies.optimizing.study.optimize", refuse)
    page = answered(home, "OPTIMIZE")
    assert page.error[0].value == "nothing to search"
    assert not page.exception


@pytest.mark.parametrize(("name", "label"), [("OPTIMIZE", "Add to scenario"), ("ADVICE", "Add to scenario")])
def test_a_found_plan_goes_beside_those_of_the_scenario(
    home: Path, name: str, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[object] = []
    monkeypatch.setattr("streamlit.switch_page", went.append)
    text = (home / "scenarios/tiny.yaml").read_text(encoding="utf-8")
    (home / "scenarios/tiny.yaml").write_text(text.replace("values: [1, 2]", "values: [1, 3]"), encoding="utf-8")
    page = answered(home, name) if name == "OPTIMIZE" else advised(home)
    button(page, label).click().run()
    assert not page.exception
    assert went == ["plans"]
    edited = page.session_state["drafts"]["tiny.yaml"]
    index = page.session_state["plan of tiny.yaml"]
    assert value_at(edited, "plans.0") == value_at(TINY, "plans.0")
    assert value_at(edited, f"plans.{index}.scaling.replicas") == 1
    assert page.session_state["due"]
    loaded = load_text(edited, home / "scenarios/tiny.yaml")
    assert len(loaded.first.scenario.plans) in (2, 3)


def test_an_action_changes_its_plan(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.switch_page", lambda _: None)
    page = advised(home)
    button(page, "Try it").click().run()
    edited = page.session_state["drafts"]["tiny.yaml"]
    assert len(value_at(edited, "plans")) == 2  # type: ignore[arg-type]
    assert edited != (home / "scenarios/tiny.yaml").read_text(encoding="utf-8")
    assert page.session_state["plan of tiny.yaml"] == 1


def advised(home: Path) -> AppTest:
    """Advice for the plan of two."""
    page = AppTest.from_function(script, args=(str(APP.parent), str(home), "ADVICE"), default_timeout=60).run()
    next(one for one in page.selectbox if one.label == "Plan").select("two L4").run()
    return settle(button(page, "Answer").click().run())


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)
