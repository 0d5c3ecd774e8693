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


def test_a_folder_that_is_no_results_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "is not a results folder" in capsys.readouterr().err
