"""The file of a task: what its runs share, once for all workers; arrays in it are mapped into memory, not copied."""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from platform import node
from threading import Lock
from typing import Any, Protocol, runtime_checkable

from simcost.errors import RunError
from simcost.outputs import new_draft, writing

Versions = Callable[[], Mapping[str, str]]
"""Versions on which results depend, by name."""
_ALIGNED = 64
"""Bytes at whose multiples arrays begin."""
HELD = 4
"""Tasks that a worker keeps open, and a command keeps on disk."""


class OtherVersionsError(RunError):
    """A worker whose results would depend on other versions than those of the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReference:
    """Name of a task file, by which a worker opens it."""

    path: Path
    sha256: str
    versions_of: Versions
    versions: tuple[tuple[str, str], ...]
    """Those of the command."""
    folder: Path
    """Working directory of the command, to which paths are relative."""

    def opened(self) -> Any:
        """The task, checked when this process sees it for the first time.

        Raises:
            OtherVersionsError: versions differ.
            RunError: the file is not there, or inputs are others.
        """
        try:
            if Path.cwd() != self.folder:
                os.chdir(self.folder)
            return _opened(self)
        except FileNotFoundError as error:
            raise RunError(
                f"worker on {node()}: does not see {error.filename}; the results folder and the working directory must "
                "be reachable by all workers under the same path"
            ) from error


@runtime_checkable
class ReadsInputs(Protocol):
    """A task that reads files of the command in its workers."""

    def check_inputs(self) -> None:
        """Check that they are those that the command has read. Raises RunError."""


@lru_cache(maxsize=HELD)
def _opened(reference: TaskReference) -> Any:
    own = tuple(sorted(reference.versions_of().items()))
    if own != reference.versions:
        differing = [
            f"{name} {theirs} here, {mine} there"
            for (name, theirs), (_, mine) in zip(reference.versions, own, strict=True)
            if theirs != mine
        ]
        raise OtherVersionsError(f"worker on {node()}: {'; '.join(differing)}; install the same on all workers")
    task = _read(reference)
    if isinstance(task, ReadsInputs):
        task.check_inputs()
    return task


def _read(reference: TaskReference) -> Any:
    """The task in a file, whose arrays stay in the file until they are read, and are copied where they are written."""
    with reference.path.open("rb") as file:
        if file_digest(file, "sha256").hexdigest() != reference.sha256:
            raise RunError(f"worker on {node()}: {reference.path} has changed; run again")
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    length = int.from_bytes(mapped[:8], "little")
    head, places = pickle.loads(mapped[8 : 8 + length])  # noqa: S301 - its hash is that of the command
    return pickle.loads(head, buffers=[mapped[at : at + size] for at, size in places])  # noqa: S301 - as above


class TaskFile:
    """A task and its file, written when a worker first needs it.

    Args:
        task: plain data.
        folder: to write to; all workers see it.
        versions_of: a function at the top of a module.
    """

    def __init__(self, task: Any, folder: Path, versions_of: Versions) -> None:
        self.task, self._folder, self._versions_of = task, folder, versions_of
        self._reference: TaskReference | None = None
        self._lock = Lock()

    def reference(self) -> TaskReference:
        """Name of the file, which is there.

        Raises:
            InputError: it cannot be written.
        """
        with self._lock:
            if self._reference is None:
                self._reference = self._written()
            try:
                os.utime(self._reference.path)  # a draft that is not touched for a day counts as forgotten
            except FileNotFoundError:
                self._reference = self._written()
            return self._reference

    def remove(self) -> None:
        """Remove the file."""
        if self._reference is not None:
            self._reference.path.unlink(missing_ok=True)

    def _written(self) -> TaskReference:
        arrays: list[pickle.PickleBuffer] = []
        head = pickle.dumps(self.task, protocol=5, buffer_callback=arrays.append)
        raws = [array.raw() for array in arrays]
        sizes = [(_aligned(raw.nbytes), raw.nbytes) for raw in raws]
        first = _aligned(8 + len(_head(head, [(1 << 62, size) for _, size in sizes])))
        places, at = [], first
        for padded, size in sizes:
            places.append((at, size))
            at += padded
        path = new_draft(self._folder)
        with writing(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("w+b") as file:
                described = _head(head, places)
                file.write(len(described).to_bytes(8, "little") + described)
                for (at, _), raw in zip(places, raws, strict=True):
                    file.seek(at)
                    file.write(raw)
                file.seek(0)
                digest = file_digest(file, "sha256").hexdigest()
        return TaskReference(
            path=path.absolute(),
            sha256=digest,
            versions_of=self._versions_of,
            versions=tuple(sorted(self._versions_of().items())),
            folder=Path.cwd(),
        )


def _head(head: bytes, places: list[tuple[int, int]]) -> bytes:
    return pickle.dumps((head, places), protocol=5)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
