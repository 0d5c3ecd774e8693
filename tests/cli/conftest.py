"""A finished run of the tiny scenario, shared by the tests that only look at it."""

import os
from pathlib import Path

import pytest
from support.commands import FOLDER, Said, call, scenario


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the charts, which take most of the time of a tiny run."""
    monkeypatch.setattr("simcost.studies.plans.sections.write_html", lambda folder: folder / "report.html")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: `tiny.yaml` and `out/`. Only to be read."""
    return tmp_path_factory.mktemp("finished")


@pytest.fixture(scope="session")
def finished(home: Path) -> Said:
    """What `simcost run tiny.yaml --out out --json` said."""
    scenario(home)
    before = Path.cwd()
    os.chdir(home)
    try:
        return call("run", "tiny.yaml", "--out", FOLDER, "--json", "--jobs", 2)
    finally:
        os.chdir(before)
