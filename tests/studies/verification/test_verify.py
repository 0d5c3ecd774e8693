"""A results folder that is damaged anywhere is found out, by the seal of each part."""

import json
import shutil
from pathlib import Path

import pytest

from simcost.cli.main import main
from simcost.studies.verification.study import verify

SCENARIO = """
scenario: small
model: llama-3.1-8b
horizon: 10min
seeds: 2
workload: {kind: synthetic, rate: 1/s}
slo: {ttft: 2s, attainment: 90%}
plans:
  - name: one
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 1}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    (folder / "small.yaml").write_text(SCENARIO, encoding="utf-8")
    assert main(["run", str(folder / "small.yaml"), "--out", str(folder / "results"), "--quiet"]) == 0
    return folder / "results"


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


def test_an_untouched_folder_is_whole(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["verify", str(finished), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"]
    assert printed["runs"] == 2
    assert printed["of_another_engine"] == 0
    assert printed["faults"] == []


@pytest.mark.slow
def test_every_file_that_is_changed_is_found(finished: Path, tmp_path: Path) -> None:
    sealed = [path.relative_to(finished) for path in sorted(finished.rglob("*")) if path.is_file()]
    assert len(sealed) > 11
    for number, name in enumerate(sealed):
        folder = Path(shutil.copytree(finished, tmp_path / str(number)))
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        assert not verify(folder).ok, name


def test_a_missing_file_and_a_missing_result_are_told(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = next(path for path in (copied / "runs").iterdir() if path.is_dir())
    (run / "nodes.parquet").unlink()
    (copied / "result.json").unlink()
    assert main(["verify", str(copied)]) == 1
    printed = capsys.readouterr().out
    assert "has no result.json" in printed
    assert "nodes.parquet" in printed


def test_a_damaged_line_of_the_checksums_is_told(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of the file that was said to be missing was empty."""
    sums = copied / "SHA256SUMS"
    sums.write_text(sums.read_text(encoding="utf-8") + "junk\n", encoding="utf-8")
    assert main(["verify", str(copied)]) == 1
    assert "SHA256SUMS has a line that is not a checksum and the name of a file" in capsys.readouterr().out


def test_a_stored_run_without_checksums_is_told_in_words(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = next(path for path in (copied / "runs").iterdir() if path.is_dir())
    (run / "SHA256SUMS").unlink()
    assert main(["verify", str(copied)]) == 1
    assert "no whole run is stored here (has no SHA256SUMS); it is simulated again" in capsys.readouterr().out


def test_a_folder_that_is_no_results_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "holds no results" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_stored_runs_without_a_result_are_not_called_damaged(copied: Path) -> None:
    """Searches keep their runs and answers alone, and a run that was interrupted those that ended."""
    for path in copied.iterdir():
        if path.name != "runs":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = verify(copied)
    assert (found.ok, found.results, found.runs) == (True, 0, 2)
    assert "It holds no result of `simcost run`" in found.verdict
    answer = copied / "answers" / "a"
    answer.mkdir(parents=True)
    (answer / "answer.json").write_text("{}", encoding="utf-8")
    assert [fault.folder for fault in verify(copied).faults] == ["answers/a"]


def test_runs_of_another_engine_are_said_to_be_unchecked(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were said to keep their laws."""
    monkeypatch.setattr("simcost.scenario.storage.folders.engine_version", lambda: "another")
    found = verify(copied)
    assert (found.ok, found.runs, found.of_another_engine) == (True, 2, 2)
    unchecked = "; the laws of 2 stored runs were not checked: another version of the engine made them."
    assert found.verdict == f"{copied}: all files are as they were written{unchecked}"


def test_an_input_that_was_changed_after_the_result_is_told(finished: Path) -> None:
    assert verify(finished).changed_inputs == ()
    file = finished.parent / "small.yaml"
    try:
        file.write_text(f"{SCENARIO}# another\n", encoding="utf-8")
        found = verify(finished)
    finally:
        file.write_text(SCENARIO, encoding="utf-8")
    assert found.ok
    assert [Path(name).name for name in found.changed_inputs] == ["small.yaml"]
    assert found.verdict.endswith("small.yaml.")


def test_sweeps_and_folders_of_several_results_are_verified(copied: Path, tmp_path: Path) -> None:
    file = tmp_path / "swept.yaml"
    file.write_text(f"{SCENARIO}sweep: {{matrix: {{scaling.replicas: [1, 2]}}}}\n", encoding="utf-8")
    sweep = tmp_path / "all" / "sweep"
    assert main(["sweep", str(file), "-o", str(sweep), "--quiet"]) == 0
    copied.rename(tmp_path / "all" / "run")
    found = verify(tmp_path / "all")
    assert (found.ok, found.results, found.sweeps, found.rows, found.runs) == (True, 1, 1, 4, 2)
    [part] = (sweep / "runs").iterdir()
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    assert str(part.relative_to(sweep)) in [fault.folder for fault in verify(sweep).faults]
    assert not verify(tmp_path / "all").ok
    part.unlink()
    assert [fault.message for fault in verify(sweep).faults] == ["has 0 rows of 4 runs; sweep again"]
