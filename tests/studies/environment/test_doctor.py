"""`simcost doctor` says what is missing and what to do."""

import json
from datetime import date
from pathlib import Path

import pytest

from simcost.cli.main import main
from simcost.studies.environment.study import OLD_DAYS, examine

TODAY = date(2026, 11, 26)


def test_a_machine_that_runs_the_tests_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert examine(tmp_path, TODAY).ok
    main(["doctor", "--json", str(tmp_path)])
    printed = json.loads(capsys.readouterr().out)
    assert {"Python", "numpy", "free disk", "newest fact of the catalog"} <= {
        check["name"] for check in printed["checks"]
    }


def test_old_facts_are_told(tmp_path: Path) -> None:
    report = examine(tmp_path, date(TODAY.year + 2, 1, 1))
    [old] = [check for check in report.checks if not check.ok]
    assert "catalog" in old.name
    assert "prices import" in old.remedy
    assert OLD_DAYS < 365


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    report = examine(Path("/proc/none"), TODAY)
    assert any(check.name == "results folder" and "--out" in check.remedy for check in report.checks if not check.ok)
