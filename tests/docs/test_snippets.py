"""Every shell block of the README and the docs runs; blocks that only show something are not marked `sh`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "```sh" in path.read_text(encoding="utf-8")]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder as a reader has it: the scenarios, and room for results."""
    ignore = shutil.ignore_patterns("traces")
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios", ignore=ignore)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_snippets_run(page: Path, workspace: Path) -> None:
    """The blocks of a page run one after another in one folder, as a reader would type them."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "set -e\n" + "\n".join(blocks(page))
    done = subprocess.run(
        ["bash", "-c", script], cwd=workspace, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_there_are_snippets() -> None:
    assert sum(len(blocks(page)) for page in PAGES) >= 5
