"""Inputs of a call: paths as they are; frames, and objects of a store, as files for as long as they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from simcost.api.values import plain
from simcost.errors import FaultsError, InputError
from simcost.outputs import check_writable, temporary_folder

FRAME = "the frame"
"""Name of a frame in messages and documents."""
PLAN = "the plan"
"""Name of a plan that is a mapping, likewise."""


class LocalFiles:
    """Files that stand for inputs which are none here, each with the name of its input."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: dict[Path, str] = {}
        """Names of the inputs, by their files."""

    def of(self, source: Any, what: str) -> Path:
        """The file of an input. Raises InputError for what is neither a path nor a frame, and for unreadable objects.

        Args:
            source: path, URI of an object, or frame of pandas, Polars or Arrow.
            what: name of the argument in messages.
        """
        if isinstance(source, str | os.PathLike):
            return self.path(source, what)
        source = _dated(source)
        if not is_frame(source):
            raise InputError(f"{what} is a path or a frame, not {type(source).__name__}")
        file = self._new_folder() / "frame.parquet"
        _write(source, file)
        self.names[file] = FRAME
        return file

    def path(self, source: Any, what: str) -> Path:
        """The file of an input that must be a path. Raises InputError as `of` does."""
        from simcost.tables.object_stores import download, uri_of

        if not isinstance(source, str | os.PathLike):
            raise InputError(f"{what} is a path, not {type(source).__name__}")
        if not (uri := uri_of(Path(source))):
            return Path(source)
        copy = download(uri, self._new_folder())
        self.names[copy] = uri
        return copy

    def plan(self, source: Any) -> Path:
        """The file of a purchasing plan, or one with the content of a mapping.

        Raises:
            InputError: as of `path`, and values that are none of YAML.
        """
        if not isinstance(source, Mapping):
            return self.path(source, "plan")
        if "catalog" in source:
            raise InputError("plan: its `catalog` lies beside a file; write the plan to one, and give its path")
        file = self._new_folder() / "plan.yaml"
        try:
            file.write_text(json.dumps(plain(source), indent=1), encoding="utf-8")
        except (TypeError, ValueError) as error:
            raise InputError(f"plan: {error}; give numbers, texts, lists and mappings") from None
        self.names[file] = PLAN
        return file

    def _new_folder(self) -> Path:
        """A folder of one input, so that its file may have the name that results show."""
        home = self._folder / str(len(self.names))
        home.mkdir()
        return home

    def named(self, text: str) -> str:
        """A text with the inputs in place of their files."""
        for file, name in self.names.items():
            text = text.replace(os.path.relpath(file), name).replace(str(file), name)
        return text

    def document(self, value: Any) -> Any:
        """A document with the inputs in place of their files."""
        if not self.names:
            return value
        if isinstance(value, Mapping):
            return {self.document(key): self.document(child) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(child) for child in value]
        return self.named(value) if isinstance(value, str) else value


@contextmanager
def local_files() -> Iterator[LocalFiles]:
    """Files of inputs, which errors call by the names of the inputs."""
    with temporary_folder() as folder:
        files = LocalFiles(folder)
        try:
            yield files
        except FaultsError as error:
            named = [replace(one, file=files.named(one.file), message=files.named(one.message)) for one in error.faults]
            raise FaultsError(named) from None
        except InputError as error:
            told = files.named(str(error))
            if told == str(error):
                raise
            raise type(error)(told) from None


def path_of(path: str | os.PathLike[str], name: str) -> Path:
    """The path that an argument names. Raises InputError for what is none, an empty text too."""
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes) or not os.fspath(path):
        raise InputError(f"{name}: {path!r} is not a path")
    return Path(path)


def local_path(
    path: str | os.PathLike[str], name: str, remedy: str = "this writes here alone; name a local file"
) -> Path:
    """The path of a file or folder here. Raises InputError as `path_of`, and for an object of a store."""
    from simcost.tables.object_stores import uri_of

    if uri := uri_of(path_of(path, name)):
        raise InputError(f"{uri}: {remedy}, and copy it")
    return Path(path)


def output_path(path: str | os.PathLike[str], name: str = "out") -> Path:
    """The path of a file to write. Raises InputError as `local_path`, and where nothing can be written."""
    file = local_path(path, name)
    check_writable(file)
    return file


def is_frame(value: Any) -> bool:
    """True for a table of pandas, Polars or Arrow; a column of one is none."""
    return hasattr(value, "__arrow_c_stream__") and len(getattr(value, "shape", (0, 0))) != 1


def _dated(source: Any) -> Any:
    """A column of pandas with an index of times or periods as a frame; one without a name is `timestamp`."""
    index = getattr(source, "index", None)
    if type(index).__name__ == "PeriodIndex":
        source = source.to_timestamp()
    elif type(index).__name__ != "DatetimeIndex":
        return source
    if not hasattr(source, "columns"):
        source = source.to_frame("value" if source.name is None else source.name)
    return source if source.index.name is not None else source.rename_axis("timestamp")


def _write(frame: Any, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.write_table(pa.table(frame), file)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{FRAME}: {error}; each column holds values of one type, under a name of its own") from None
