"""`simcost open`: the report of a result in a browser, or the explorer at it."""

import socket
import webbrowser
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest
from support.result_folder import build

from simcost.cli import app
from simcost.cli.main import main


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that a browser was to open."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


@pytest.mark.slow
def test_the_report_is_written_opened_and_named(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = build(tmp_path / "a result")
    assert main(["open", str(folder)]) == 0
    assert opened == [(folder / "report.html").as_uri()]
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.usefixtures("no_pictures")
def test_without_a_browser_the_address_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = build(tmp_path / "out")
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert main(["open", str(folder)]) == 0
    assert (folder / "report.html").as_uri() in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_folder_without_a_result_is_refused(
    name: str, tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open", str(tmp_path / name)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert not opened


@pytest.mark.usefixtures("no_pictures")
def test_the_explorer_opens_at_the_result(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = build(tmp_path / "results" / "my run")
    assert main(["open", str(folder), "--explorer"]) == 2
    assert "leave out --explorer" in capsys.readouterr().err
    (tmp_path / "scenarios").mkdir()
    homes = []
    with socket.socket() as server:
        server.bind((app.LOCAL, 0))
        port = server.getsockname()[1]

        def run(command: list[str], *, check: bool, env: dict[str, str]) -> Any:
            assert f"--server.port={port}" in command
            homes.append(env["SIMCOST_HOME"])
            server.listen()
            server.settimeout(10)
            server.accept()[0].close()
            while not opened:
                sleep(0.01)
            return SimpleNamespace(returncode=0)

        monkeypatch.setattr(app.subprocess, "run", run)
        with pytest.raises(SystemExit, match=r"^0$"):
            main(["open", str(folder), "--explorer", "--port", str(port)])
    assert homes == [str(tmp_path)]
    assert opened == [f"http://{app.LOCAL}:{port}/?result=my%20run"]
