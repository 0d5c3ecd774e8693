"""What is installed, and how it is deployed: the wheel holds all that runs, the examples are valid commands."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
import yaml

import simcost
from simcost.cli import app
from simcost.cli.main import main, parsed

ROOT = Path(__file__).resolve().parents[1]
EXPLORER = ("app.py", "views", ".streamlit", "scenarios/quickstart.yaml")
LISTING = """
import json
from distutils.core import run_setup
build = run_setup("setup.py", stop_after="config").get_command_obj("build_py")
build.ensure_finalized()
outputs = [path.removeprefix(build.build_lib + "/") for path in build.get_outputs(include_bytecode=False)]
print(json.dumps([outputs, build.get_source_files()]))
"""


@pytest.fixture(scope="module")
def built() -> tuple[list[str], list[str]]:
    """Files of the wheel, and those of the source distribution that it is made of."""
    try:
        found = int(version("setuptools").split(".")[0])
    except PackageNotFoundError:
        found = 0
    if found < 77:
        pytest.skip("the list of files needs setuptools 77 or newer")
    command = [sys.executable, "-c", "import setuptools\n" + LISTING]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    outputs, sources = json.loads(shown.splitlines()[-1])
    return outputs, sources


def files(name: str) -> Iterator[Path]:
    """A file of the repository, or all files of a folder."""
    for path in [ROOT / name, *(ROOT / name).rglob("*")]:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT)


def test_the_wheel_holds_every_file_of_the_package_and_the_explorer(built: tuple[list[str], list[str]]) -> None:
    package, explorer = set(files("simcost")), {path for name in EXPLORER for path in files(name)}
    inside = {Path("simcost", "explorer", path) for path in explorer}
    outputs, sources = built
    assert {Path(path) for path in outputs} == package | inside
    assert {Path(path) for path in sources} >= explorer


def test_an_installed_explorer_works_in_this_folder_and_begins_with_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, home = tmp_path / "explorer", tmp_path / "home"
    (installed / "scenarios").mkdir(parents=True)
    home.mkdir()
    (installed / "app.py").touch()
    (installed / "scenarios" / "quickstart.yaml").write_text("scenario: quickstart\n")
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, check: bool, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(app, "_INSTALLED", installed)
    monkeypatch.setattr(app.subprocess, "run", run)
    monkeypatch.delenv("SIMCOST_HOME", raising=False)
    monkeypatch.chdir(home)
    arguments = parsed(["app", "--no-browser", "--address", "0.0.0.0"])
    for text in ("scenario: quickstart\n", "scenario: mine\n"):
        with pytest.raises(SystemExit):
            arguments.verb(arguments)
        sample = home / "scenarios" / "quickstart.yaml"
        assert sample.read_text() == text
        sample.write_text("scenario: mine\n")  # the next start leaves it
    for command, env in calls:
        assert str(installed / "app.py") in command
        assert "--server.address=0.0.0.0" in command
        assert env["SIMCOST_HOME"] == str(home)


def test_the_job_is_a_command_and_its_scenario_has_no_fault(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((ROOT / "examples/kubernetes-job.yaml").read_text()))
    scenario, _, job = documents
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    given = parsed(container["args"])
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
    assert str(Path(given.file).parent) in mounts
    file = tmp_path / Path(given.file).name
    file.write_text(scenario["data"][file.name])
    assert main(["check", str(file)]) == 0


@pytest.mark.slow
def test_the_job_as_it_is_written_passes_its_gate(tmp_path: Path) -> None:
    """A gate that its own plans break would end it with 1, and `kubectl wait` would wait for an hour."""
    scenario, _, job = yaml.safe_load_all((ROOT / "examples/kubernetes-job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (name,) = scenario["data"]
    (tmp_path / name).write_text(scenario["data"][name])
    places = {f"/scenario/{name}": str(tmp_path / name), "/work/results/chat": str(tmp_path / "chat")}
    assert main([places.get(word, word) for word in container["args"]]) == 0


def test_the_image_starts_the_explorer_where_compose_looks_for_its_health() -> None:
    image = (ROOT / "Dockerfile").read_text()
    (words,) = re.findall(r"^CMD (.*)$", image, flags=re.MULTILINE)
    port = parsed(json.loads(words)).port
    service: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["explorer"]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f":{port}/_stcore/health" in service["healthcheck"]["test"][-1]
    for volume in service["volumes"]:
        assert f" {volume.split(':')[1]}" in image


def test_one_version_is_named_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "simcost.__version__"}
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == simcost.__version__
    for name in ("compose.yaml", "examples/kubernetes-job.yaml"):
        assert re.findall(r"image: simcost:(\S+)", (ROOT / name).read_text()) == [simcost.__version__]
