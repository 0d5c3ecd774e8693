"""Files on a page: those beside the scenarios, or the user's own, on disk while they are read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from views import fields

EXAMPLES = "synthetic"
"""Folder of the scenarios with synthetic files."""
KINDS = ("csv", "gz", "zst", "bz2", "parquet", "json", "txt")
MANIFESTS = ("yaml", "yml", "json")


@dataclass(frozen=True)
class Chosen:
    """A file beside the scenarios, a results folder, or an upload, which goes first."""

    path: Path | None
    upload: Any = None
    number: int = 1
    """Of the uploads of one name."""

    def __bool__(self) -> bool:
        return self.path is not None or self.upload is not None

    @property
    def name(self) -> str:
        """As it is shown; of an upload harmless, of a result with its folder, as commands name it."""
        if self.upload is not None:
            stem, dot, rest = (re.sub(r"[^\w. -]", "_", self.upload.name)[-80:].lstrip(".") or "upload").partition(".")
            return f"{stem}{'' if self.number == 1 else f'-{self.number}'}{dot}{rest}"
        if self.path is not None and (self.path / "result.json").is_file():
            return f"{self.path.parent.name}/{self.path.name}"
        return "" if self.path is None else self.path.name

    @property
    def identity(self) -> tuple[Any, ...]:
        """Values that tell it from others, also from those of its name."""
        return (self.path, self.upload and self.upload.file_id)

    def begin(self, count: int) -> bytes:
        """The first bytes of the file; none where it cannot be read."""
        if self.upload is not None:
            return bytes(self.upload.getbuffer()[:count])
        try:
            with self.on_disk(Path()).open("rb") as file:
                return file.read(count)
        except OSError:
            return b""

    def on_disk(self, folder: Path) -> Path:
        """Path of the file; an upload is put into the folder."""
        if self.upload is None:
            return self.path or folder
        place = folder / self.name
        place.write_bytes(self.upload.getvalue())
        return place


@dataclass(frozen=True)
class Written(Chosen):
    """A text of the page that a command reads as a file."""

    path: Path | None = None
    text: str = ""
    title: str = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip())

    @property
    def name(self) -> str:
        """As it is shown."""
        return self.title

    @property
    def identity(self) -> tuple[Any, ...]:
        """Values that tell it from others."""
        return (self.title, self.text)

    def on_disk(self, folder: Path) -> Path:
        """Path of the file."""
        place = folder / self.title
        place.write_text(self.text, encoding="utf-8")
        return place


Words = list[str | Chosen]
"""Of a command line."""
COLUMNS = r"write \g<ours>=\g<theirs> under Columns of other names"
"""Words of a page for `--map` in messages, where it has the field of `renamed`."""


def numbered(words: Words) -> Words:
    """The words, an upload with a number where another file has its name: both lie in one folder, and differ."""
    taken = {word.name for word in words if isinstance(word, Chosen) and word.upload is None}
    found: Words = []
    for word in words:
        if isinstance(word, Chosen) and word.upload is not None:
            found.append(next(one for n in count(1) if (one := replace(word, number=n)).name not in taken))
            taken.add(found[-1].name)  # type: ignore[union-attr]
        else:
            found.append(word)
    return found


def choose(label: str, listed: Sequence[Path], key: str, kinds: Sequence[str] = KINDS) -> Chosen:
    """One of the files listed, or an upload of one of the kinds."""
    path = fields.choice(
        label,
        listed,
        index=None,
        format_func=titled,
        key=f"{key} file",
        placeholder="choose one" if listed else "no files in scenarios",
    )
    upload = fields.upload(f"Or your own {key}", kinds, f"{key} upload")
    return Chosen(path, upload)


def titled(path: Path) -> str:
    """The name of a file; those that come with the package are examples."""
    return f"{path.name} (example)" if path.parent.name == EXAMPLES else path.name


def renamed(example: str, key: str) -> Words:
    """Columns of the file whose names are not those that the command knows, as its words."""
    text = fields.text("Columns of other names", placeholder=example, key=f"{key} columns")
    return [f"--map={pair.strip()}" for pair in text.split(",") if pair.strip()]


def beside(scenarios: Path, example: str = "") -> list[Path]:
    """Files beside the scenarios but traces of requests, and one of the examples that come with the package."""
    from simcost.trace.series.from_traces import is_trace

    found = [path for path in _of_kinds(scenarios, "*.csv", "*.csv.gz", "*.parquet", "*.txt") if not is_trace(path)]
    shown = scenarios / EXAMPLES / example
    return [*found, shown] if shown.is_file() else found


def traces(scenarios: Path) -> list[Path]:
    """Traces of requests beside the scenarios, as *Your log* and `simcost trace import` write them."""
    from simcost.trace.series.from_traces import is_trace

    return [path for path in _of_kinds(scenarios, "*.parquet") if is_trace(path)]


def _of_kinds(scenarios: Path, *kinds: str) -> list[Path]:
    """Files whose names match, beside the scenarios and in their folder of traces; hidden ones are drafts."""
    folders = (scenarios, scenarios / "traces")
    found = [path for folder in folders for kind in kinds for path in sorted(folder.glob(kind))]
    return [path for path in found if not path.name.startswith(".")]


def finished(results: Path) -> list[Path]:
    """Folders of finished results."""
    return sorted(folder for folder in results.glob("*") if (folder / "result.json").is_file())


def manifests(scenarios: Path) -> list[Path]:
    """Manifests of autoscalers beside the scenarios."""
    kinds = ("*.yaml", "*.yml", "*.json")
    return sorted(path for kind in kinds for path in (scenarios / "manifests").glob(kind) if path.name[0] != ".")
