"""Folders of tables and metadata, sealed by their sums: there as a whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from filecmp import cmp
from hashlib import sha256
from logging import WARNING
from pathlib import Path
from shlex import quote
from tempfile import mkdtemp
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import InputError, RunError
from simcost.execution.log import log_once
from simcost.outputs import check_folder, new_draft, new_folders, output_file, remove_empty, writing
from simcost.scenario.storage.engine_version import engine_version
from simcost.tables.digests import sha256_of

SUMS = "SHA256SUMS"
_ATTEMPTS = 20
"""Times that a folder is moved to its place while other processes move theirs there."""
DESCRIPTION = "sweep.json"
"""File that says that a folder is that of a sweep."""


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` at the end; on any error it vanishes.

    Raises:
        InputError: nothing can be written there.
    """
    with writing(folder):
        new = new_folders(folder.parent)
        draft = new_draft(folder.parent)
        try:
            draft.mkdir(parents=True)
            yield draft
            _take_place(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            remove_empty(new)


def _take_place(draft: Path, folder: Path) -> None:
    """Move a filled folder to its place, also while others move theirs there; the same one that is there stays."""
    if _is_there(draft, folder):
        return
    for _ in range(_ATTEMPTS):
        former = new_draft(folder.parent)
        with suppress(FileNotFoundError):  # none is there, or another process has just moved it
            folder.replace(former)
        try:
            draft.replace(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        finally:
            shutil.rmtree(former, ignore_errors=True)
    raise InputError(f"{folder}: other processes write it again and again; wait until they end")


def _is_there(draft: Path, folder: Path) -> bool:
    """True if the folder holds the same files as the draft, whole; False where another process takes it away."""
    try:
        if not _same(draft / SUMS, folder / SUMS):
            return False
        check_sums(folder, nothing_else=True)
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """While others that ask the same of a folder are refused, where folders can be locked.

    The system forgets the lock when the process ends, however it does, and nothing is left in the folder.

    Args:
        folder: it is made where it is not there, and removed where an error ends it with nothing in it.
        what: name of what works in it, for the message: `run`.

    Raises:
        InputError: another one is at work in it, it is not a folder, or nothing can be written there.
    """
    check_folder(folder)
    if os.name != "posix":
        yield
        return
    new = new_folders(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        _lock(lock, f"{folder}: another {what} is at work in it; wait until it ends, or name another folder")
        yield
    except BaseException:
        remove_empty(new)
        raise
    finally:
        os.close(lock)


def _lock(folder: int, taken: str) -> None:
    """Lock an open folder until it is closed. Raises InputError with a message where another process has it."""
    import fcntl

    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(taken) from error
    except OSError:  # a file system without locks
        return


@contextmanager
def whole_files(folder: Path, *last: str) -> Iterator[Path]:
    """A new folder to fill; at the end its files move into `folder`, over what is there.

    The files `last` say that all is there: the old ones go first, the new ones come last, in this order. Where `folder`
    has all of them already, byte by byte, nothing is touched, so that it may be one that cannot be written.

    Raises:
        InputError: something else cannot be written there.
    """
    with writing(folder), _drafted(folder) as (draft, refused):
        yield draft
        written = sorted(path.relative_to(draft) for path in draft.rglob("*") if path.is_file())
        if all(_same(draft / name, folder / name) for name in written):
            return
        if refused:
            raise refused
        for name in written:
            output_file(folder / name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for seal in reversed(last):
            (folder / seal).unlink(missing_ok=True)
        for name in sorted(written, key=lambda name: last.index(str(name)) if str(name) in last else -1):
            (draft / name).replace(folder / name)


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of all files under a folder into `SHA256SUMS` of it, as `sha256sum -c` reads them."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    text = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text, encoding="utf-8")


def check_sums(folder: Path, *, nothing_else: bool = False) -> None:
    """Check the files of a folder against its `SHA256SUMS`; with `nothing_else` it holds no other file.

    Raises:
        OSError: a file cannot be read.
        ValueError: the checksums are missing, or a file is missing, changed or not listed; the message names it.
    """
    try:
        lines = (folder / SUMS).read_bytes().decode().split("\n")
    except FileNotFoundError:
        raise ValueError(f"has no {SUMS}") from None
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines[:-1])}
    if "" in sums:
        raise ValueError(f"{SUMS} has a line that is not a checksum and the name of a file")
    missing = [name for name in sums if not (folder / name).is_file()]
    wrong = [name for name, digest in sums.items() if name not in missing and sha256_of(folder / name) != digest]
    if nothing_else:
        wrong += [path.name for path in folder.iterdir() if path.name not in (SUMS, *sums)]
    if missing:
        raise ValueError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    if wrong or lines[-1] or len(sums) < len(lines) - 1:
        raise ValueError(f"{', '.join(wrong) or SUMS} does not fit its checksum")


def check_result(folder: Path) -> None:
    """Raise ValueError if a file of a finished result has changed; warn where it has no sums to tell."""
    if (folder / SUMS).exists():
        check_sums(folder)
    elif (folder / "result.json").is_file():
        log_once(__name__, WARNING, f"{folder}: has no {SUMS}: its files may be changed, or not all of them be there")


def no_result(folder: Path, error: Exception) -> InputError:
    """The error on a folder that was to hold a finished result: what is wrong with it, and how one is written."""
    remedy = f"write one with `simcost run FILE.yaml --out {quote(str(folder))}`"
    if isinstance(error, NotADirectoryError):
        return InputError(
            f"{folder}: is a file, not a folder with a finished result; name the FOLDER of "
            "`simcost run FILE.yaml --out FOLDER`"
        )
    if (folder / DESCRIPTION).is_file():
        plans = f"`simcost results {quote(str(folder))}` shows its plans"
        return InputError(f"{folder}: is the folder of a sweep, and no result of `simcost run`; {plans}")
    if not isinstance(error, OSError):
        return InputError(f"{folder}: no finished result ({error}); {remedy}")
    if not folder.exists():
        return InputError(f"{folder}: no finished result: the folder does not exist; {remedy}")
    missing = Path(error.filename).name if error.filename else "result.json"
    return InputError(f"{folder}: no finished result ({missing}: {error.strerror or error}); {remedy}")


def sealed_page(text: str, made_of: str) -> str:
    """A page with a last line that says what it was made of, and the SHA-256 of what stands above."""
    return f"{text}<!-- made of {made_of}, text {sha256(text.encode()).hexdigest()} -->\n"


def reason(error: Exception) -> str:
    """An error in a few words; one of the file system by the name of its file."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{Path(os.fsdecode(error.filename)).name}: {error.strerror}"
    return str(error)


def made_of(page: Path) -> str | None:
    """Hash of all that a page says that it was made of; None where it is not as it was written. Raises OSError."""
    text, _, seal = page.read_bytes().decode(errors="replace").removesuffix("\n").rpartition("\n")
    found = re.fullmatch("<!-- made of ([0-9a-f]{64}), text [0-9a-f]{64} -->", seal)
    return found[1] if found and sealed_page(f"{text}\n", found[1]) == f"{text}\n{seal}\n" else None


def stamp_of(*folders: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Names, sizes and times of change of the files in folders, which differ once one of them was written again."""
    files = [file for folder in folders if folder.is_dir() for file in os.scandir(folder) if file.is_file()]
    seen = [(file.path, file.stat()) for file in files]
    return tuple(sorted((path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in seen))


@contextmanager
def _drafted(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """A folder to fill that vanishes in the end: in `folder`, or elsewhere for the error that keeps it from there."""
    new = new_folders(folder)
    draft, refused = new_draft(folder), None
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        draft, refused = Path(mkdtemp()), error
    try:
        yield draft, refused
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        remove_empty(new)


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and cmp(one, other, shallow=False)


VERSION = 3
SAID = "ledger.json"
T = TypeVar("T")


class OtherEngineError(RunError):
    """A run that other code has made."""


def seal(folder: Path, tables: Mapping[str, pa.Table], said: dict[str, Any]) -> None:
    """Write tables, their metadata, and last the SHA-256 of these and all other files of the folder."""
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="lz4", write_statistics=False)  # a third faster
    head = {"version": VERSION, "engine_version": engine_version()}
    text = json.dumps({**head, **said}, indent=2, default=_plain, allow_nan=False)
    (folder / SAID).write_text(text, encoding="utf-8")
    write_sums(folder)


@contextmanager
def whole(folder: Path) -> Iterator[dict[str, Any]]:
    """Metadata of a sealed folder, its files unchanged; errors within are those of a damaged folder.

    Raises:
        OtherEngineError: it is whole, and made by other code.
        RunError: there is no seal, a file is missing, cut short, changed or one too many, or the numbers contradict
            each other.
    """
    try:
        check_sums(folder, nothing_else=True)
        said = json.loads((folder / SAID).read_text(encoding="utf-8"))
        made_by = said["engine_version"]
        if said["version"] != VERSION or made_by != engine_version():
            raise OtherEngineError(f"{folder}: made by engine {made_by}, this is {engine_version()}; run again")
        yield said
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        raise RunError(_damaged(folder, reason(error))) from error


def reused(folder: Path, load: Callable[[Path], T]) -> T | None:
    """A stored run; None where there is none, or none to be used, which is logged."""
    if not folder.exists():
        return None
    try:
        return load(folder)
    except OtherEngineError:
        others = f"{folder.parent}: the engine has changed since these runs were stored; they are simulated again"
        log_once(__name__, WARNING, others)
    except RunError as error:
        log_once(__name__, WARNING, str(error))
    return None


def read_table(folder: Path, name: str) -> pa.Table:
    """A table of a sealed folder."""
    return pq.ParquetFile(folder / f"{name}.parquet").read()


def _plain(value: Any) -> Any:
    """Numbers of numpy as numbers."""
    return value.item()


def _damaged(folder: Path, why: str) -> str:
    return f"{folder}: no whole run is stored here ({why}); it is simulated again"
