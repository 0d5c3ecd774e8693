"""Files of a command in an object store: inputs are copied here first, results there at the end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from simcost.errors import InputError, SimcostError
from simcost.studies.options import Arguments
from simcost.tables.object_stores import download, uri_of


@contextmanager
def local_copies(arguments: Arguments) -> Iterator[None]:
    """Let each argument that is the URI of an object name a copy of it; messages name the URI.

    A results folder that is a URI becomes `arguments.upload`: the verb writes to its usual folder and copies it up.

    Raises:
        InputError: an object cannot be read, or the verb writes no results to an object store.
    """
    fetched: dict[Path, str] = {}
    written = {*_outputs(arguments)}
    _refuse_outputs(arguments)
    given = {name: value for name, value in vars(arguments).items() if name not in written}
    if not any(uri_of(path) for value in given.values() for path in _paths(value)):
        yield
        return
    folder = Path(mkdtemp(prefix="simcost-"))
    try:
        for name, value in given.items():
            copies = [_copied(path, folder, fetched) for path in _paths(value)]
            if copies:
                setattr(arguments, name, copies if isinstance(value, list) else copies[0])
        with _said_as(fetched):
            yield
    finally:
        rmtree(folder, ignore_errors=True)


def _refuse_outputs(arguments: Arguments) -> None:
    """Take the folder to upload to; other outputs are files here."""
    for name in _outputs(arguments):
        path = getattr(arguments, name)
        if path is None or not (uri := uri_of(path)):
            continue
        if not (name == "out" and "upload" in arguments):
            raise InputError(f"{uri}: this command writes here alone; name a local file or folder, and copy it up")
        arguments.upload, arguments.out = uri, None


def _outputs(arguments: Arguments) -> tuple[str, ...]:
    return (*getattr(arguments, "writes", ()), *getattr(arguments, "fills", ()))


def _paths(value: Any) -> list[Path]:
    values = value if isinstance(value, list) else [value]
    return values if values and all(isinstance(one, Path) for one in values) else []


def _copied(path: Path, folder: Path, fetched: dict[Path, str]) -> Path:
    uri = uri_of(path)
    if not uri:
        return path
    home = folder / str(len(fetched))
    home.mkdir()
    copy = download(uri, home)
    fetched[copy] = uri
    return copy


@contextmanager
def _said_as(fetched: Mapping[Path, str]) -> Iterator[None]:
    """Name the URI of a copy in errors."""
    try:
        yield
    except SimcostError as error:
        for copy, uri in fetched.items():
            error.args = tuple(one.replace(str(copy), uri) if isinstance(one, str) else one for one in error.args)
        raise
