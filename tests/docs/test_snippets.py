"""Every `sh` block of the docs runs; blocks that only show something are marked otherwise."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
BLOCKS = {
    str(path.relative_to(ROOT)): BLOCK.findall(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "docs").rglob("*.md"))
}
PAGES = [name for name, blocks in BLOCKS.items() if blocks]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder as a reader has it: the scenarios, and room for results."""
    ignore = shutil.ignore_patterns("traces", ".*")
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios", ignore=ignore)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_snippets_run(page: str, workspace: Path) -> None:
    """The blocks of a page run one after another in one folder, as a reader would type them."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS[page])]
    done = subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_there_are_snippets() -> None:
    assert sum(map(len, BLOCKS.values())) >= 5
