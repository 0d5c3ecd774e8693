"""The scenarios of the folder in a fresh clone: they run, or say the one command that gets what they need."""

import gzip
import re
import runpy
import shutil
from pathlib import Path

import pytest

from simcost.scenario.checks.downloads import missing_downloads
from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.runs.provenance import resolved_text
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.service_provenance import resolved_services_text
from simcost.scenario.schema.loaded_scenario import LoadedScenario

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scenarios without traces, in the folder `scenarios` of the working folder."""
    ignored = shutil.ignore_patterns("traces", ".*")
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios", ignore=ignored)
    monkeypatch.chdir(tmp_path)
    return Path("scenarios")


@pytest.mark.parametrize("name", [file.name for file in SCENARIOS])
def test_a_scenario_has_no_fault_but_a_download_that_it_names(clone: Path, name: str) -> None:
    faults = find_faults(clone / name)
    commands = {match[1] for fault in faults if (match := re.search("get it by `(.*)`", fault.message))}
    assert len(faults) == len(commands)
    assert commands == set(missing_downloads(clone / name))
    first = (clone / name).read_text(encoding="utf-8").partition("scenario:")[0]
    assert all(command in first for command in commands)


def as_run(file: Path) -> str:
    """The scenario of a file with all defaults, without its first line, which names the file."""
    loaded = load_with_services(file)
    if isinstance(loaded, LoadedScenario):
        text = resolved_text(settle(loaded, seed=None, seeds=None))
    else:
        text = resolved_services_text(settle_services(loaded, seed=None, seeds=None))
    return text.partition("\n")[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", [file.name for file in SCENARIOS])
def test_what_was_run_reads_back_as_it_is(clone: Path, name: str) -> None:
    if find_faults(clone / name):
        pytest.skip("needs a download")
    text = as_run(clone / name)
    (clone / "again.yaml").write_text(text, encoding="utf-8")
    assert as_run(clone / "again.yaml") == text


def test_most_run_as_they_are(clone: Path) -> None:
    assert sum(not find_faults(clone / file.name) for file in SCENARIOS) >= 6


@pytest.mark.parametrize("name", ["philly-queue", "philly-spot", "eat-the-night", "azure-forecast"])
def test_a_stand_in_is_said_to_be_one(name: str) -> None:
    text = (ROOT / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8")
    assert re.search(r"(?m)^question: .*\(synthetic", text)
    assert "synthetic" in text.partition("scenario:")[0]


def test_the_stand_ins_are_those_of_their_generator() -> None:
    folder = ROOT / "scenarios" / "synthetic"
    texts = runpy.run_path(str(folder / "generate.py"))["generated"]()
    assert {path.name for path in folder.iterdir() if path.suffix in (".csv", ".gz")} == set(texts)
    for name, text in texts.items():
        data = (folder / name).read_bytes()
        assert len(data) < 200_000
        assert (gzip.decompress(data) if name.endswith(".gz") else data).decode() == text


def test_broken_files_need_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text('[traces/azure-conv-2023.parquet, /x/azure-conv-2023.parquet, "a\\0b"]')
    assert missing_downloads(tmp_path / "a.yaml") == []
    assert missing_downloads(tmp_path / "none.yaml") == []
    [command] = missing_downloads(tmp_path / "b.yaml")
    assert command.startswith("simcost trace fetch azure-conv-2023 -o ")
