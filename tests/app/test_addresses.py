"""The result that the address of the explorer names is the one that it shows, whatever scenario it is of."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, TINY, furnish, settle

from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run
from simcost.studies.plans.key_figures import key_figures
from views import runs
from views.compare import FOREIGN
from views.runs import STALE
from views.text import plain

pytestmark = pytest.mark.slow


def labelled(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


def badges(page: AppTest) -> str:
    return " ".join(element.value for element in page.markdown)


def opened_at(name: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.query_params["result"] = name
    return settle(page.run())


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of the command line: of the scenario, of it with other replications, and of one that lies elsewhere."""
    home = furnish(tmp_path / "home")
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    folder = home / "results"
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(TINY.replace("scenario: tiny", "scenario: elsewhere").replace("0.5/s", "0.25/s"), "utf-8")
    run(load(home / "scenarios/tiny.yaml"), folder / "tiny")
    run(load(home / "scenarios/tiny.yaml"), folder / "thrice", seeds=3)
    run(load(elsewhere), folder / "elsewhere")
    return folder


@pytest.mark.parametrize("name", ["tiny", "thrice", "elsewhere"])
def test_the_result_that_an_address_names_is_the_one_that_is_shown(results: Path, name: str) -> None:
    page = opened_at(name)
    assert not page.exception
    document = json.loads((results / name / "result.json").read_text("utf-8"))
    assert page.query_params["result"] in (name, [name])
    assert page.header[0].value == plain(document["verdict"].partition("; next is ")[0].rstrip(".") + ".")
    assert [one.value for one in page.metric] == [plain(figure.value) for figure in key_figures(document)]
    assert (FOREIGN in badges(page)) == (name == "elsewhere")
    assert STALE not in badges(page)
    page.run()  # and stays
    assert page.query_params["result"] in (name, [name])


def test_a_lever_leaves_the_result_of_the_address(results: Path) -> None:
    page = opened_at("elsewhere")
    settle(labelled(page.number_input, "Replicas").set_value(2).run())
    assert "tiny-" in str(page.query_params["result"])
    assert FOREIGN not in badges(page)


def test_a_result_that_is_not_here_is_told_beside_the_one_that_is_shown(results: Path) -> None:
    page = opened_at("tiny")
    assert not page.warning
    (results.parent / "scenarios/quickstart.yaml").write_text(TINY, encoding="utf-8")
    page = opened_at("gone")
    assert "The result gone is not on this machine" in page.warning[0].value
    assert page.run().warning  # until something else is asked for
    settle(labelled(page.button, "Run").click().run())
    assert not page.warning


def test_a_page_that_is_reloaded_in_the_midst_of_a_run_finds_it(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(runs, "_run", lambda *_: free.wait(60))
    try:
        page = labelled(opened_at("tiny").number_input, "Replicas").set_value(3).run()
        assert page.session_state["works"]
        again = AppTest.from_file(str(APP), default_timeout=60)
        for key in ("result", "run"):
            value = page.query_params[key]
            again.query_params[key] = value[0] if isinstance(value, list) else value
        again.run()
        assert not again.exception
        assert labelled(again.number_input, "Replicas").value == 3
        assert again.session_state["works"] == page.session_state["works"]
        assert STALE in badges(again)
    finally:
        free.set()
    assert "run" not in settle(again).query_params


@pytest.mark.parametrize("content", ["[1, 2]", "{", "{}"])
def test_a_damaged_result_in_the_address_is_explained(results: Path, content: str) -> None:
    (results / "tiny-2").mkdir()
    (results / "tiny-2" / "result.json").write_text(content, encoding="utf-8")
    page = opened_at("tiny-2")
    assert not page.exception
    assert plain("tiny-2") in page.error[0].value


def test_a_result_of_another_version_is_run_again(results: Path) -> None:
    file = results / "tiny" / "result.json"
    document = json.loads(file.read_text("utf-8"))
    older = {key: value for key, value in document.items() if key != "verdict"}
    file.write_text(json.dumps(older), encoding="utf-8")
    page = opened_at("tiny")
    assert str(results) not in page.error[0].value
    assert page.title[0].value == "Plans"
    page = settle(labelled(page.button, "Run it again").click().run())
    assert not page.error
    assert page.metric
    assert json.loads(file.read_text("utf-8"))["verdict"] == document["verdict"]
