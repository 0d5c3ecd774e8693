"""Folders that several processes write: a run at a time, the same run at once, and drafts of killed processes."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread
from time import time

import pytest
from support.commands import call, refused
from support.scenarios import write

from simcost.errors import InputError
from simcost.outputs import new_draft, temporary_folder
from simcost.scenario.storage.folders import alone, check_sums, whole_folder, write_sums


def test_only_old_drafts_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".draft-old", tmp_path / ".draft-young"
    for draft in (old, young):
        draft.mkdir()
        (draft / "half").write_text("written")
    os.utime(old, (time() - 90_000, time() - 90_000))
    with whole_folder(tmp_path / "run") as new:
        (new / "whole").write_text("written")
    assert (tmp_path / "run" / "whole").exists()
    assert young.exists()
    assert not old.exists()


def test_drafts_of_killed_processes_of_this_machine_are_removed_at_once(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from simcost.outputs import new_draft; print(new_draft(Path({str(tmp_path)!r})))"
    ended = Path(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )
    elsewhere = ended.with_name("-".join([*ended.name.split("-")[:2], "00000000", "00"]))
    own = new_draft(tmp_path)
    for draft in (ended, elsewhere, own):
        draft.write_text("half")
    new_draft(tmp_path)
    assert not ended.exists()
    assert elsewhere.exists(), "a number of another machine says nothing here"
    assert own.exists()


def test_temporary_folders_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that was killed left its requests in the temporary folder for ever."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import os, sys; from simcost.outputs import temporary_folder as t; f = t(); f.__enter__(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    [left] = tmp_path.iterdir()
    (tmp_path / "simcost-of-others").mkdir()
    with temporary_folder() as first, temporary_folder() as second:
        assert not left.exists()
        assert first.exists()
        assert second.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["simcost-of-others"]


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked")
def test_a_second_one_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    at_work = pytest.raises(InputError, match="another sweep is at work")
    with alone(tmp_path, "sweep"), at_work, alone(tmp_path, "sweep"):
        pass
    with pytest.raises(ValueError, match="stop"), alone(tmp_path / "new", "sweep"):
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == [], "nothing was written, so nothing stays"


def test_a_results_folder_may_be_named_from_one_that_is_not_there(tmp_path: Path) -> None:
    """As `mkdir -p` does, it is made: without it the name of the results leads nowhere."""
    out = tmp_path / "new" / ".." / "out"
    call("run", write(tmp_path), "--seeds", 1, "--out", out, "--quiet")
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked")
def test_a_second_run_of_a_results_folder_is_refused(tmp_path: Path) -> None:
    """Each removed the runs of the other while that was reading them, and a result could be of both."""
    file = write(tmp_path)
    with alone(tmp_path / "out", "run"):
        said = refused("run", file, "--out", tmp_path / "out")
    assert f"{tmp_path / 'out'}: another run is at work in it" in said
    assert not list((tmp_path / "out").glob("*.json"))


def test_the_same_folder_may_be_written_by_many_at_once(tmp_path: Path) -> None:
    """As the runs that several searches share: one of them failed where two removed the folder at once."""
    place, failed, together = tmp_path / "run", list[BaseException](), Barrier(4)

    def fill(text: str) -> None:
        try:
            for _ in range(25):
                together.wait()
                with whole_folder(place) as draft:
                    (draft / "table").write_text(text)
                    write_sums(draft)
        except BaseException as error:  # noqa: BLE001 - told in the thread of the test
            failed.append(error)
            together.abort()

    threads = [Thread(target=fill, args=(text,)) for text in ("one", "one", "other", "another")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    check_sums(place, nothing_else=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_same_run_that_is_there_stays(tmp_path: Path) -> None:
    """Others may be reading it."""
    numbers = set()
    for _ in range(2):
        with whole_folder(tmp_path / "run") as draft:
            (draft / "table").write_text("whole")
            write_sums(draft)
        numbers.add((tmp_path / "run").stat().st_ino)
    assert len(numbers) == 1
