"""The page of finished results: listed, two compared by an address."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, TINY, furnish

from simcost.errors import InputError
from simcost.scenario.checks.load import load_text
from simcost.scenario.runs.run import run
from simcost.scenario.storage.folders import alone
from views import history
from views.history import UNREADABLE
from views.runs import GIVEN, remove
from views.text import plain


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import history

    history.show(Path(home) / "scenarios", Path(home) / "results", "plans")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = furnish(tmp_path_factory.mktemp("history") / "home")
    dear = TINY.replace("g6.xlarge}", "g6.xlarge, price: $3/h}")
    for name, text in (("cheap", TINY), ("dear", dear)):
        run(load_text(text, home / "scenarios" / name), home / "results" / name)
    given = {"file": "tiny.yaml", "text": dear, "seeds": None}
    (home / "results" / "dear" / GIVEN).write_text(json.dumps(given), encoding="utf-8")
    (home / "results" / "broken").mkdir()
    (home / "results" / "broken" / "result.json").write_text("[", encoding="utf-8")
    return home


def opened(home: Path) -> AppTest:
    return AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60)


def test_results_are_listed_with_what_they_cost_and_broken_ones_are_named(home: Path) -> None:
    page = opened(home).run()
    assert not page.exception
    listed = page.dataframe[0].value
    assert set(listed["Result"]) == {"cheap", "dear"}
    assert page.warning[0].value.startswith(UNREADABLE)
    assert "broken" in page.warning[0].value
    assert listed["$/month"].dtype == float
    changed = "one L4: buy.price $3/h, 1 more"
    assert dict(zip(listed["Result"], listed["Changes"], strict=True)) == {"cheap": "", "dear": changed}


def test_a_result_whose_files_have_changed_is_named_and_not_listed(home: Path, tmp_path: Path) -> None:
    """Its figures may be anything: opening it is refused too."""
    shutil.copytree(home, tmp_path / "home")
    file = tmp_path / "home" / "results" / "dear" / "result.json"
    before = opened(tmp_path / "home").run()
    assert set(before.dataframe[0].value["Result"]) == {"cheap", "dear"}
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"replications": 2', '"replications": 9', 1), encoding="utf-8")
    page = opened(tmp_path / "home").run()
    assert list(page.dataframe[0].value["Result"]) == ["cheap"]
    assert "dear" in page.warning[0].value


def test_an_address_compares_two_results(home: Path) -> None:
    page = opened(home)
    page.query_params["runs"] = "cheap,dear"
    page.run()
    assert not page.exception
    assert page.header[0].value.startswith(plain("one L4 of tiny with 2 changes costs"))
    differing = page.dataframe[-1].value
    assert set(differing["Value"]) == {"one L4: buy.price", "two L4: buy.price"}
    assert set(differing["After"]) == {"3"}
    assert page.code[0].value == "simcost diff results/cheap results/dear"
    assert "more than one L4 of cheap" in page.header[0].value
    assert str(home) not in page.header[0].value


def test_the_older_of_two_selected_results_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list begins with the latest: in its order the bridge went back in time."""
    os.utime(home / "results" / "cheap" / "result.json", (1.7e9, 1.7e9))
    both = SimpleNamespace(selection=SimpleNamespace(rows=[0, 1]))
    monkeypatch.setattr(history, "table", lambda *_rows, **_options: both)
    page = opened(home).run()
    assert page.code[0].value == "simcost diff results/cheap results/dear"
    assert page.query_params["runs"] == "cheap,dear"


def test_an_address_of_nothing_is_harmless(home: Path) -> None:
    page = opened(home)
    page.query_params["runs"] = "../..,\x00"
    page.run()
    assert not page.exception
    assert not page.header
    assert any("Not on this machine" in one.value for one in page.warning)


def test_no_result_is_a_message(tmp_path: Path) -> None:
    page = opened(furnish(tmp_path / "home")).run()
    assert page.info[0].value.startswith("No result yet")


def test_the_list_says_that_there_are_more_results(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the 201st on they were left out without a word."""
    monkeypatch.setattr(history, "MOST", 2)
    page = opened(home).run()
    assert len(page.dataframe[0].value) < 3
    assert any(caption.value == "The latest 2 of 3 results." for caption in page.caption)


def test_a_deleted_result_is_gone_and_the_simulations_that_it_shared_stay(home: Path, tmp_path: Path) -> None:
    results = tmp_path / "home" / "results"
    shutil.copytree(home, tmp_path / "home")
    (results / ".runs" / "one").mkdir(parents=True)
    (results / "cheap" / "shared").symlink_to("../.runs", target_is_directory=True)
    remove(results / "cheap")
    assert not (results / "cheap").exists()
    assert (results / ".runs" / "one").is_dir()
    assert list(opened(tmp_path / "home").run().dataframe[0].value["Result"]) == ["dear"]


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked")
def test_a_result_in_which_a_command_is_at_work_stays(home: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(home / "results", results, symlinks=True)
    with alone(results / "cheap", "run"), pytest.raises(InputError, match="another run is at work in it"):
        remove(results / "cheap")
    assert (results / "cheap" / "result.json").is_file()


def test_a_result_that_is_a_link_is_unlinked(home: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(home / "results" / "dear", target_is_directory=True)
    remove(link)
    assert not link.is_symlink()
    assert (home / "results" / "dear" / "result.json").is_file()


def test_what_cannot_be_deleted_is_named_and_the_others_are_gone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows move up where one is gone: none stays selected, or the next click would delete another result."""
    shutil.copytree(home, tmp_path / "home")

    def removed(folder: Path) -> None:
        if folder.name == "dear":
            raise PermissionError(13, "Permission denied")
        remove(folder)

    monkeypatch.setattr(history.runs, "remove", removed)
    monkeypatch.setattr(history.st, "rerun", lambda: None)
    state: dict[str, object] = {}
    monkeypatch.setattr(history.st, "session_state", state)
    monkeypatch.setattr(history.st, "query_params", {})
    history._delete([tmp_path / "home" / "results" / name for name in ("dear", "cheap")])
    assert state == {history._KEPT: ["dear could not be deleted: Permission denied."], "deletions": 1}
    assert sorted(path.name for path in (tmp_path / "home" / "results").iterdir()) == ["broken", "dear"]
