"""What is loaded ahead: what the first page and the first run need; it shows nothing, and no page waits for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from views import loading

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_STARTED", [])


def test_the_minute_runs_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    loading._run_a_minute()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_loaded_is_left_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("no such folder")

    monkeypatch.setattr(loading, "_load_all", fail)
    loading.begin()
    loading._STARTED[0].join()


def test_it_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(loading, "_load_all", lambda: done.append("all"))
    monkeypatch.setattr(loading, "_load_libraries", lambda: done.append("libraries"))
    loading.begin()
    loading.ensure()
    loading.ensure()
    loading._STARTED[0].join()
    assert done == ["all"]


def test_the_server_loads_the_pages_and_then_serves(tmp_path: Path) -> None:
    code = (
        "import sys; from streamlit.web import cli; from simcost.cli import explorer; from views import loading\n"
        "loading._load_all = lambda: None\n"
        "cli.main = lambda: print(*sys.argv, len(loading._STARTED))\n"
        "explorer.main()\n"
    )
    command = [sys.executable, "-c", code, str(ROOT / "app.py"), "--server.port=1"]
    shown = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    assert shown.stdout.decode().split() == ["streamlit", "run", str(ROOT / "app.py"), "--server.port=1", "1"]
