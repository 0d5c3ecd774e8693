"""Folders that are there as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from filecmp import cmp
from hashlib import file_digest
from pathlib import Path
from tempfile import mkdtemp

from simcost.outputs import new_draft, output_file, writing


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` at the end; on any error it vanishes.

    Raises:
        InputError: nothing can be written there.
    """
    with writing(folder):
        draft = new_draft(folder.parent)
        draft.mkdir(parents=True)
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

    The file `last` says that all is there: the old one goes first, the new one comes last. Where `folder` has all of
    them already, byte by byte, nothing is touched, so that it may be one that cannot be written.

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
        (folder / last).unlink(missing_ok=True)
        for name in sorted(written, key=lambda name: name == Path(last)):
            (draft / name).replace(folder / name)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@contextmanager
def _drafted(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """A folder to fill that vanishes in the end: in `folder`, or elsewhere for the error that keeps it from there."""
    draft, refused = new_draft(folder), None
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        draft, refused = Path(mkdtemp()), error
    try:
        yield draft, refused
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and cmp(one, other, shallow=False)
