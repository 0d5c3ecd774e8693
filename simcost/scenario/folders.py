"""Folders and files that are there as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from time import time
from uuid import uuid4

from simcost.errors import InputError
from simcost.units import SECONDS_PER_DAY


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` at the end; on any error it vanishes."""
    draft = _draft(folder.parent)
    try:
        yield draft
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def whole_files(folder: Path, last: str) -> Iterator[Path]:
    """A new folder to fill; at the end its files move into `folder`, over what is there.

    The file `last` says that all is there: the old one goes first, the new one comes last.
    """
    draft = _draft(folder)
    try:
        yield draft
        (folder / last).unlink(missing_ok=True)
        written = [path for path in sorted(draft.rglob("*")) if path.is_file()]
        for path in sorted(written, key=lambda path: path.name == last):
            target = folder / path.relative_to(draft)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write to, which takes the place of `path` at the end; on any error it vanishes.

    Raises:
        InputError: nothing can be written there.
    """
    draft = path.parent / f".{path.name}.{uuid4().hex[:16]}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}; choose another place"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _draft(parent: Path) -> Path:
    _forget_drafts(parent)
    draft = parent / f".draft-{uuid4().hex[:16]}"
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"{parent}: no folder can be made there: {error.strerror}; choose another place"
        ) from error
    return draft


def _forget_drafts(parent: Path) -> None:
    """Remove what a killed process left a day ago; younger drafts may belong to one that runs."""
    for draft in parent.glob(".draft-*"):
        with suppress(FileNotFoundError):  # finished meanwhile
            if time() - draft.stat().st_mtime > SECONDS_PER_DAY:
                shutil.rmtree(draft, ignore_errors=True)
