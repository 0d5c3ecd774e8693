"""Pages that search: what they ask the studies, and what they show of the answer."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, TINY, furnish, settle

from simcost.errors import InputError

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


def test_a_refused_search_is_a_message(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise InputError("nothing to search")

    monkeypatch.setattr("simcost.studies.optimizing.study.optimize", refuse)
    page = answered(home, "OPTIMIZE")
    assert page.error[0].value == "nothing to search"
    assert not page.exception
