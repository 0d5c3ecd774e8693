"""Machine code on disk is out of date as soon as any file it comes from has changed."""

import importlib.util
from pathlib import Path

import pytest

from simcost.sim.jobs.flow import in_order
from simcost.sim.kernel.run import advance

ENTRY = """
from simcost.sim.compiled import lean_entry

@lean_entry
def f(x: int) -> int:
    return x
"""


def stamp(path: Path) -> object:
    spec = importlib.util.spec_from_file_location("entry_of_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f._cache._cache_file._source_stamp


@pytest.mark.parametrize("changed", ["entry.py", "beside.py"])
def test_a_change_anywhere_in_the_folder_is_seen(tmp_path: Path, changed: str) -> None:
    stamps = []
    for number, text in enumerate(["", "", "\n# changed\n"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = {"entry.py": ENTRY, "beside.py": "A = 1\n"}
        files[changed] += text
        for name, content in files.items():
            (folder / name).write_text(content)
        stamps.append(stamp(folder / "entry.py"))
    assert stamps[0] == stamps[1] != stamps[2]


@pytest.mark.parametrize("entry", [advance, in_order])
def test_numba_still_keeps_its_stamp_where_we_set_ours(entry: object) -> None:
    found = entry._cache._cache_file._source_stamp  # type: ignore[attr-defined]
    assert isinstance(found, str)
    assert len(found) == 64
