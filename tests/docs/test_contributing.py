"""The pages for contributors name files that exist, and their first contribution passes its own tests."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from simcost.plan.autoscaling import Fixed, Policy

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "design.md"]
FILE = re.compile(r"(?<![\w/.-])(?:simcost|tests|docs|scenarios|bench|views)/[\w./-]*")
IMAGINED = ("queue_length.py", "QUESTION/", "FILE.csv")
BLOCK = re.compile(r"^```python (\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    names = {name.rstrip(".") for name in FILE.findall(page.read_text(encoding="utf-8"))}
    assert [name for name in sorted(names) if not name.endswith(IMAGINED) and not (ROOT / name).exists()] == []


def test_the_first_contribution_passes_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = dict(BLOCK.findall(PAGES[0].read_text(encoding="utf-8")))
    module = ModuleType("simcost.plan.autoscaling.queue_length")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(blocks["policy"], vars(module))
    tests = ModuleType("test_queue_length")
    exec(blocks["test"], vars(tests))
    found = [test for name, test in vars(tests).items() if name.startswith("test_")]
    assert found
    for test in found:
        test()
    members = {name for name in (*Policy.__annotations__, *vars(Policy)) if not name.startswith("_")}
    assert [name for name in members & set(dir(Fixed)) if not hasattr(module.QueueLength, name)] == []
