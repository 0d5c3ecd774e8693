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


def test_what_the_search_is_asked_changes_the_answer_and_its_command(home: Path) -> None:
    page = opened(home)
    labelled(page.selectbox, "Goal").select("Robust to slower steps").run()
    labelled(page.number_input, "Step time x").set_value(2.0).run()
    labelled(page.number_input, "Replications").set_value(3).run()
    labelled(page.number_input, "Confidence %").set_value(90.0).run()
    labelled(page.text_input, "Budget a month").set_value("$1").run()
    settle(button(page, "Search").click().run())
    assert not page.exception
    assert not page.error
    assert "even if each step takes 2 times as long within $1.00 a month" in page.header[0].value.replace("\\", "")
    words = shlex.split(page.code[0].value)
    assert words[2:] == ["tiny-scenario.yaml", "--step-factor=2", "--seeds=3", "--budget=1"]
    assert "Download tiny-scenario.yaml" in [one.proto.label for one in page.get("download_button")], "its file is not"
    asked = parsed(words[1:])
    assert (asked.step_factor, asked.seeds) == (2.0, 3)
    assert value_at(page.session_state["drafts"]["tiny.yaml"], "level") == 0.9


def test_a_confidence_that_is_emptied_stays_that_of_the_scenario(home: Path) -> None:
    """A browser said the least one, 50 %, which went into the scenario."""
    page = opened(home)
    labelled(page.selectbox, "Goal").select("Robust to slower steps").run()
    for label in ("Confidence %", "Step time x"):
        labelled(page.number_input, label).set_value(None).run()
    assert not page.exception
    assert labelled(page.number_input, "Confidence %").value == 95.0
    settle(button(page, "Search").click().run())
    assert "--step-factor=1.5" in page.code[0].value
    assert "drafts" not in page.session_state or not page.session_state["drafts"], "the text is as it was"


def test_choices_are_written_into_the_scenario_and_taken_out_again(home: Path) -> None:
    """Where `vary` says what is searched, they are not asked for."""
    page = opened(home)
    assert labelled(page.text_input, "Offers").disabled
    (home / "scenarios/tiny.yaml").write_text(TINY, encoding="utf-8")
    page = opened(home)
    labelled(page.text_input, "Offers").set_value("aws/*, *").run()
    labelled(page.text_input, "Regions").set_value("us-*").run()
    text = page.session_state["drafts"]["tiny.yaml"]
    assert value_at(text, "choices") == {"offers": ["aws/*", "*"], "regions": ["us-*"]}
    assert load_text(text, home / "scenarios/tiny.yaml").first.scenario.choices is not None
    assert labelled(page.text_input, "Offers").value == "aws/*, *"
    labelled(page.text_input, "Regions").set_value("mars").run()
    assert any("none of these offers has a price in a region that matches" in one.value for one in page.error)
    for label in ("Offers", "Regions"):
        labelled(page.text_input, label).set_value(" ").run()
    assert value_at(page.session_state["drafts"].get("tiny.yaml", TINY), "choices") is None


def test_limits_and_the_front_are_asked_for_and_in_the_command(home: Path) -> None:
    page = opened(home)
    labelled(page.text_input, "Quota").set_value("l4=1, h100=8").run()
    labelled(page.text_input, "Available instances").set_value("aws/g6.xlarge@us-east-1=3").run()
    labelled(page.multiselect, "Objectives of the front").set_value(["attainment", "risk"]).run()
    labelled(page.number_input, "Further plans").set_value(2).run()
    settle(button(page, "Search").click().run())
    assert not page.exception
    assert not page.error
    words = shlex.split(page.code[0].value)
    asked = parsed(words[1:])
    assert asked.quota == [("l4", 1), ("h100", 8)]
    assert asked.available == [("aws/g6.xlarge@us-east-1", 3)]
    assert (asked.objectives, asked.front) == (["attainment", "risk"], 2)
    [reasons] = [list(table.value["Reason"]) for table in page.dataframe if "Reason" in table.value]
    assert "may take more than the quota of 1 x l4" in reasons


@pytest.mark.parametrize(
    ("label", "text", "told"),
    [
        ("Quota", "l4", "Quota: 'l4' is not NAME=N, e.g. l4=4, h100=8"),
        ("Quota", "l44=2", "did you mean 'l4'"),
        ("Available instances", "aws/g6.xlarg=2", "did you mean 'aws/g6.xlarge'"),
    ],
)
def test_limits_that_are_none_are_explained(home: Path, label: str, text: str, told: str) -> None:
    page = opened(home)
    labelled(page.text_input, label).set_value(text).run()
    if not page.error:
        settle(button(page, "Search").click().run())
    assert told in page.error[0].value.replace("\\", "")
    assert not page.exception


def test_a_budget_that_is_none_is_explained_and_nothing_is_searched(home: Path) -> None:
    page = opened(home)
    labelled(page.text_input, "Budget a month").set_value("5k").run()
    assert "not an amount of USD" in page.error[0].value
    assert button(page, "Search").disabled
    labelled(page.text_input, "Budget a month").set_value("5,000").run()
    assert not page.error
    assert not button(page, "Search").disabled


def test_faults_of_commitments_are_told_with_their_line(home: Path) -> None:
    page = opened(home)
    labelled(page.checkbox, "Plans may be bought under commitments").check().run()
    text = "commitments:\n  - {kind: savings-plan, name: one, commitment: much}\n"
    labelled(page.text_area, "What may be bought, each up to its amount").set_value(text).run()
    settle(button(page, "Search").click().run())
    told = page.error[0].value.replace("\\", "")
    assert told.startswith("Commitments: options.yaml:2:49: commitments.0.commitment: 'much' is not a quantity")
    assert not page.exception


def opened(home: Path, name: str = "OPTIMIZE") -> AppTest:
    """The page of a search."""
    return AppTest.from_function(script, args=(str(APP.parent), str(home), name), default_timeout=60).run()


def test_two_values_make_a_map_and_all_of_them_shares_of_the_variance(home: Path) -> None:
    page = opened(home, "SENSITIVITY")
    labelled(page.multiselect, "Map of two values at once").set_value(["demand"]).run()
    assert "demand alone is chosen; choose two, or none" in page.error[0].value
    labelled(page.multiselect, "Map of two values at once").set_value(["demand", "engine"]).run()
    labelled(page.checkbox, "Shares of the variance").check().run()
    settle(page.button[0].click().run())
    assert not page.exception
    assert not page.error
    assert "Shares of the variance of the cost of one L4" in [one.value for one in page.subheader]
    assert "Best plan by demand and engine" in [one.label for one in page.expander]
    words = shlex.split(page.code[0].value)
    assert words[-2:] == ["--grid=demand,engine", "--sobol"]
    assert parsed(words[1:]).grid == [("demand", "engine")]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"value": "engine", "low": None, "high": 1.2}, "Value engine: Low is empty; fill the row, or delete it"),
        ({"value": "", "low": 0.9, "high": 1.2}, "A row of the table: Value is empty; fill the row, or delete it"),
    ],
)
def test_a_range_with_an_empty_end_is_told_and_not_left_out(
    home: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], told: str
) -> None:
    rows = [{"value": "demand", "low": 0.8, "high": 1.2}, row, {"value": None, "low": None, "high": None}]
    monkeypatch.setattr("streamlit.data_editor", lambda *_, **__: rows)
    page = opened(home, "SENSITIVITY")
    assert [one.value.replace("\\", "") for one in page.error] == [told]
    assert button(page, "Answer").disabled


def test_a_range_in_the_wrong_order_is_told_in_words_of_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.data_editor", lambda *_, **__: [{"value": "demand", "low": 1.2, "high": 0.8}])
    page = answered(home, "SENSITIVITY")
    assert page.error[0].value.replace("\\", "") == "Value demand=1.2..0.8: 1.2 is not below 0.8; write the lower first"


def labelled(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


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


def test_what_was_found_for_a_scenario_is_not_offered_to_another_one(home: Path) -> None:
    """*Add to scenario* put a plan that was found for one scenario into the one that was chosen since."""
    (home / "scenarios/z.yaml").write_text(TINY.replace("scenario: tiny", "scenario: z"), encoding="utf-8")
    page = answered(home, "OPTIMIZE")
    assert "Add to scenario" in [one.label for one in page.button]
    labelled(page.selectbox, "Scenario").select_index(1).run()
    assert not page.exception
    assert page.header, "the answer stays"
    assert "Answers an earlier question, of tiny" in next(one.value for one in page.get("markdown"))
    assert "Add to scenario" not in [one.label for one in page.button]
    labelled(page.selectbox, "Scenario").select_index(0).run()
    assert "Add to scenario" in [one.label for one in page.button]


def test_an_action_changes_its_plan(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.switch_page", lambda _: None)
    page = advised(home)
    button(page, "Try it").click().run()
    edited = page.session_state["drafts"]["tiny.yaml"]
    assert len(value_at(edited, "plans")) == 2  # type: ignore[arg-type]
    assert edited != (home / "scenarios/tiny.yaml").read_text(encoding="utf-8")
    assert page.session_state["plan of tiny.yaml"] == 1


@pytest.mark.parametrize("label", ["Try it", "Add to scenario"])
def test_an_action_of_another_kind_of_scaling_gives_a_plan_that_runs(
    home: Path, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`target` stayed beside `kind: fixed`, which Plans showed as a fault."""
    monkeypatch.setattr("streamlit.switch_page", lambda _: None)
    scaled = "router: round-robin\n    scaling: {kind: target-concurrency, target: 0.2, min: 2, max: 3}"
    text = TINY.replace("scaling: {kind: fixed, replicas: 2}", scaled)
    (home / "scenarios/tiny.yaml").write_text(text, encoding="utf-8")
    page = advised(home)
    assert "scaling.kind target-concurrency \N{RIGHTWARDS ARROW} fixed" in page.header[0].value.replace("\\", "")
    button(page, label).click().run()
    assert not page.error
    edited = page.session_state["drafts"]["tiny.yaml"]
    plans = load_text(edited, home / "scenarios/tiny.yaml").first.scenario.plans
    assert plans[page.session_state["plan of tiny.yaml"]].scaling.replicas == 1  # type: ignore[union-attr]


def advised(home: Path) -> AppTest:
    """Advice for the plan of two."""
    page = AppTest.from_function(script, args=(str(APP.parent), str(home), "ADVICE"), default_timeout=60).run()
    next(one for one in page.selectbox if one.label == "Plan").select("two L4").run()
    return settle(button(page, "Answer").click().run())


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)
