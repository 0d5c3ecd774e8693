"""Answer of a study: its document, its main table, its charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simcost.api.inputs import local_path
from simcost.documents import to_document
from simcost.errors import InputError, did_you_mean
from simcost.present.parts import Part, page, write_page
from simcost.units import plural

Document = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """Answer of a study.

    Attributes:
        title: name of the question.
        document: as the command prints it with `--json`; quantities have their unit in their names.
        rows: its main table, one mapping a row; nested mappings are columns `a.b`.
        parts: its tables and charts, as terminal and page lay them out.
        short: names of charts by the titles of their parts; the others are named as their titles, with hyphens.
    """

    title: str
    document: Document
    rows: Rows
    parts: Sequence[Part]
    short: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Name old prices in the verdict, as every view does."""
        object.__setattr__(self, "document", to_document(self.document))

    @property
    def verdict(self) -> str:
        """The answer in one sentence; empty where a study gives none."""
        return str(self.document.get("verdict", ""))

    @property
    def charts(self) -> tuple[str, ...]:
        """Names of the charts that `chart` draws."""
        return tuple(self._drawn())

    def chart(self, name: str | None = None) -> Any:
        """An Altair chart; None = the first.

        Raises:
            InputError: no chart of that name.
        """
        drawn = self._drawn()
        name = next(iter(drawn), "") if name is None else name
        if name not in drawn:
            known = ", ".join(drawn) or "none"
            raise InputError(f"no chart {name!r}{did_you_mean(str(name), list(drawn))}; there are: {known}")
        return drawn[name]()

    def to_arrow(self) -> Any:
        """The main table as a `pyarrow.Table`."""
        from simcost.tables.rows import table_of_rows

        return table_of_rows([_flat(row) for row in self.rows])

    def to_pandas(self) -> Any:
        """The main table as a pandas data frame; pandas has to be installed."""
        return self.to_arrow().to_pandas()

    def save(self, path: str | Path) -> Path:
        """Write the page of the answer, one self-contained HTML file, and return its path.

        Raises:
            InputError: the name ends as that of a file of another kind.
        """
        page_file = local_path(path, "path")
        if page_file.suffix.lower() not in ("", ".html", ".htm"):
            raise InputError(f"{page_file}: the page is HTML; end its name in .html")
        write_page(page_file, self.title, dict(self.document), self.parts)
        return page_file

    def __repr__(self) -> str:
        """Verdict, size of the table, charts: what a console shows."""
        told = self.verdict or self.title
        charts = ", ".join(self.charts) or "none"
        return f"<{type(self).__name__}: {told} {plural(len(self.rows), 'row')}; charts: {charts}>"

    def _repr_html_(self) -> str:
        """The page, as notebooks show it."""
        return page(self.title, dict(self.document), self.parts)

    def _drawn(self) -> dict[str, Callable[[], Any]]:
        """Functions that draw the charts, by their names."""
        return {self.short.get(part.title, _hyphenated(part.title)): part.chart for part in self.parts if part.chart}


def _hyphenated(title: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        elif not isinstance(value, list | tuple):
            flat[f"{before}{key}"] = value
    return flat
