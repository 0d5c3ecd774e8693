"""Task files: the same task in a worker, its arrays mapped, or a refusal."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from support.execution_tasks import Squares, versions

from simcost.errors import InputError, RunError
from simcost.execution.task_file import OtherVersionsError, TaskFile, TaskReference


def other_versions() -> dict[str, str]:
    return {"engine": "2", "python": "3"}


@given(numbers=arrays(st.sampled_from([np.int64, np.float64, np.bool_, np.int8]), array_shapes(min_side=0)))
def test_a_task_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    numbers: np.ndarray,  # type: ignore[type-arg]
) -> None:
    folder = tmp_path_factory.mktemp("task")
    file = TaskFile(Squares(folder=folder, numbers=numbers), folder, versions)
    read = file.reference().opened()
    assert read.folder == folder
    assert read.numbers.dtype == numbers.dtype
    assert read.numbers.tobytes() == numbers.tobytes()
    assert read.numbers.flags.writeable, "compiled code takes others for arrays of another type"
    file.remove()
    assert not list(folder.iterdir())


def test_the_file_holds_arrays_once_and_a_worker_copies_none(tmp_path: Path) -> None:
    numbers = np.arange(1_000_000)
    reference = TaskFile(Squares(folder=tmp_path, numbers=numbers), tmp_path, versions).reference()
    assert numbers.nbytes < reference.path.stat().st_size < numbers.nbytes + 4096
    read = reference.opened().numbers
    assert not read.flags.owndata
    read[0] = 7
    assert TaskReference.opened(reference).numbers[0] == 7
    assert np.fromfile(reference.path, np.uint8)[-1] == numbers.view(np.uint8)[-1]


def test_a_file_that_has_changed_or_is_not_seen_is_refused(tmp_path: Path) -> None:
    file = TaskFile(Squares(folder=tmp_path, numbers=np.arange(5)), tmp_path, versions)
    reference = file.reference()
    whole = reference.path.read_bytes()
    reference.path.write_bytes(whole[:-1] + b"\1")
    with pytest.raises(RunError, match="has changed; run again"):
        reference.opened()
    reference.path.unlink()
    with pytest.raises(RunError, match=r"does not see .*draft.* must be reachable by all workers"):
        reference.opened()
    assert file.reference().path.read_bytes() == whole, "written again where it was removed"


def test_other_versions_are_refused_with_both(tmp_path: Path) -> None:
    own = TaskFile(Squares(folder=tmp_path), tmp_path, versions).reference()
    other = TaskReference(
        path=own.path,
        sha256=own.sha256,
        versions_of=other_versions,
        versions=own.versions,
        folder=own.folder,
    )
    with pytest.raises(OtherVersionsError, match="engine 1 here, 2 there; install the same on all workers"):
        other.opened()


def test_inputs_are_checked_when_a_task_is_opened(tmp_path: Path) -> None:
    (tmp_path / "refused").touch()
    with pytest.raises(InputError, match="inputs are others"):
        TaskFile(Squares(folder=tmp_path), tmp_path, versions).reference().opened()
