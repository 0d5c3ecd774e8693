"""Files that are written: as a whole or not at all, and never over an input, a folder or a device."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from platform import node
from stat import S_ISDIR, S_ISREG
from tempfile import TemporaryDirectory, gettempdir
from time import time

from simcost.errors import InputError

FORGOTTEN_AFTER_S = 86_400.0
"""Age from which a draft is that of a killed process; a younger one may be of a process that runs elsewhere."""
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
"""Errors of a full disk."""
_DRAFT, _TEMPORARY = ".draft-", "simcost-"
_STREAMS = (0, 1, 2)
"""File descriptors of a command: its own stdin, stdout and stderr."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write to, which takes the place of `path` at the end; on any error it vanishes.

    A symbolic link stays, and the file that it names is replaced.

    Raises:
        InputError: nothing can be written there, or something is there that is not a file.
    """
    with writing(path):
        target = output_file(path)
        new = new_folders(target.parent)
        draft = new_draft(target.parent)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
            remove_empty(new)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the file system within carry the name of the file to be written.

    Raises:
        InputError: instead of such an error, unless it names another file, which was to be read.
    """
    try:
        yield
    except OSError as error:
        named = error.filename
        if named is not None and not _beside(Path(os.fsdecode(named)), path):
            raise
        why = os.strerror(error.errno) if error.errno else error
        raise InputError(f"{path}: cannot be written: {why}; make room or choose another place") from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for files that nobody needs at the end, when it is removed; those of killed processes are, too.

    Raises:
        InputError: the disk is full.
    """
    for left in Path(gettempdir()).glob(f"{_TEMPORARY}*"):
        if _has_ended(left.name.removeprefix(_TEMPORARY)):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f"{_TEMPORARY}{_owner()}") as folder:
        try:
            yield Path(folder)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise InputError(
                f"{gettempdir()}: no room for temporary files: {os.strerror(error.errno)}; make room, or name another "
                "folder in TMPDIR"
            ) from error


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path] = ()) -> None:
    """Check files to write before anything is done.

    Args:
        outputs: the files; those that are not there yet are new.
        inputs: what the same call reads; of a folder, the files in it that simcost reads.

    Raises:
        InputError: one is a folder, a device or a pipe, or is an input or another output, whatever it is called:
            by another spelling, a symbolic or a hard link.
    """
    read = {_identity(file) for path in inputs for file in _files_of(path)}
    written = set[object]()
    for path in outputs:
        output_file(path)
        identity = _identity(path)
        if identity in read:
            raise InputError(f"{path}: is an input, which would be replaced; name another file to write")
        if identity in written or identity in _streams():
            raise InputError(f"{path}: is written already; name another file to write")
        written.add(identity)


def check_folder(path: Path) -> None:
    """Raise InputError if a folder to write to is something else, or cannot be made."""
    if path.is_symlink() and not path.exists():
        raise InputError(
            f"{path}: is a link to {path.readlink()}, which is not there; make that folder, or name another"
        )
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is not a folder; choose another place")
    if not path.exists():
        check_writable(path)


def check_writable(path: Path) -> None:
    """Raise InputError if no file or folder can be made in the place of one, before work is done in vain."""
    folder = next(one for one in path.resolve().parents if one.exists())
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written: {os.strerror(errno.EACCES)}; choose another place")


def output_file(path: Path) -> Path:
    """The file that a name to write to stands for, symbolic links followed; it need not be there.

    Raises:
        InputError: it is a folder, a device, a pipe or a socket.
    """
    try:
        target, mode = path.resolve(), path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path.resolve()
    except RuntimeError as error:  # a loop of links, until Python 3.13
        raise InputError(f"{path}: is a link to itself; name a file") from error
    if S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; name a file in it")
    if not S_ISREG(mode):
        raise InputError(f"{path}: is a device or a pipe, which is never replaced; name a file")
    return target


def new_draft(folder: Path) -> Path:
    """A name in a folder for an unfinished file; drafts that killed processes have left are removed."""
    for draft in folder.glob(f"{_DRAFT}*"):
        with suppress(OSError):  # finished meanwhile, or not ours to remove
            if is_forgotten(draft):
                shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
    return folder / f"{_DRAFT}{_owner()}{os.urandom(8).hex()}"


def is_forgotten(draft: Path) -> bool:
    """True if the process of a draft has ended, where that can be known here, or if the draft is a day old."""
    return _has_ended(draft.name.removeprefix(_DRAFT)) or time() - draft.stat().st_mtime > FORGOTTEN_AFTER_S


def _has_ended(owner: str) -> bool:
    """True if the process that a name begins with is one of this machine, and has ended."""
    number, _, rest = owner.partition("-")
    if os.name != "posix" or not number.isdecimal() or not rest.startswith(f"{_processes()}-"):
        return False
    try:
        os.kill(int(number), 0)  # sends nothing
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False


def _owner() -> str:
    """The beginning of names of files of this process."""
    return f"{os.getpid()}-{_processes()}-"


@cache
def _processes() -> str:
    """Eight hex digits of what the numbers of processes are of: this start of this machine, or of a container."""
    said = node()
    with suppress(OSError):
        said += Path("/proc/sys/kernel/random/boot_id").read_text() + str(Path("/proc/self/ns/pid").readlink())
    return sha256(said.encode()).hexdigest()[:8]


def new_folders(folder: Path) -> list[Path]:
    """A folder to write to and those above it that are not there yet, the innermost first; see `remove_empty`."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders in which nothing is: those that were made for what then could not be written."""
    for folder in folders:
        with suppress(OSError):  # something is in it, or it was not made
            folder.rmdir()


def remove_drafts(folder: Path, process: int) -> None:
    """Remove what a process of this machine that has ended was writing in a folder."""
    for draft in folder.glob(f"{_DRAFT}{process}-*"):
        shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else draft.unlink(missing_ok=True)


def is_draft(path: Path) -> bool:
    """True if a file or folder is an unfinished one, by its name."""
    return path.name.startswith(_DRAFT)


def _beside(named: Path, target: Path) -> bool:
    """True if a name is that of a target, of something in it, of its draft, or of a folder that it lies in."""
    name = named.absolute()
    drafted = any(part.startswith(_DRAFT) for part in name.parts)
    return any(
        name == one or one in name.parents or name in one.parents or (drafted and one.parent in name.parents)
        for one in (target.absolute(), target.resolve())
    )


def _files_of(path: Path) -> list[Path]:
    """An input itself; of a results folder what a run wrote, of a catalog its tables."""
    if not path.is_dir():
        return [path]
    return [file for pattern in ("*.csv", "*.json", "scenario.yaml", "tables/*") for file in path.glob(pattern)]


def _identity(path: Path) -> object:
    """The same for all names of a file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.realpath(path)  # unlike `resolve`, it takes a loop of links
    return status.st_dev, status.st_ino


def _streams() -> set[object]:
    """Files that stdin, stdout and stderr are redirected to."""
    result = set[object]()
    for number in _STREAMS:
        with suppress(OSError):
            status = os.fstat(number)
            if S_ISREG(status.st_mode):
                result.add((status.st_dev, status.st_ino))
    return result
