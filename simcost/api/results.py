"""Result of a run: the folder, its document, its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from simcost.api.answers import Answer, Document
from simcost.api.inputs import local_path
from simcost.api.values import check_choice
from simcost.errors import InputError, did_you_mean
from simcost.present.parts import Part
from simcost.studies.plans import sections

_CHARTS = {
    "Where the money went": "cost",
    "Cost against service level": "pareto",
    "Service level by hour": "slo",
    "Demand and fleet": "scaling",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result(Answer):
    """Result of a run, as its folder holds it.

    Attributes:
        folder: where the result and its runs are.
    """

    folder: Path

    @property
    def plans(self) -> list[Document]:
        """The plans, in the order of the scenario, with the keys of `simcost run --json`."""
        return list(self.document["plans"])

    @property
    def best(self) -> Document | None:
        """The cheapest plan that meets its targets; None where no plan does."""
        return next((plan for plan in self.plans if plan["name"] == self.document["best"]), None)

    def table(self, name: str) -> Any:
        """A table of the folder as a `pyarrow.Table`: `charges`, `runs`, `hours`, `latency`, `timeline` and others.

        Raises:
            InputError: no such table.
        """
        import pyarrow.parquet as pq

        known = sorted(path.stem for path in (self.folder / "tables").glob("*.parquet"))
        if name not in known:
            raise InputError(f"no table {name!r}{did_you_mean(str(name), known)}; there are: {', '.join(known)}")
        return pq.ParquetFile(self.folder / "tables" / f"{name}.parquet").read()

    def review(
        self, path: str | Path, *, author: str = "", title: str = "", paper: Literal["a4", "letter"] = "a4"
    ) -> Path:
        """Write the capacity-planning review, as `simcost report` does, and return its path.

        Args:
            path: file that ends in `.html`, `.md` or `.pdf`, which says what is written.
            author: of the review; empty = not said.
            title: empty = that of the scenario.
            paper: of a PDF.

        Raises:
            InputError: another end, or for a PDF no browser that prints.
        """
        from simcost.studies.review.command import write_review

        check_choice("paper", paper, ("a4", "letter"))
        target = local_path(path, "path")
        write_review(self.folder, target, _as_parts, author=str(author), title=str(title), paper=paper)
        return target


def read(folder: str | Path) -> Result:
    """The result that `simcost run`, or `CheckedScenario.run`, wrote to a folder.

    Raises:
        InputError: the folder holds no finished result.
    """
    place = local_path(folder, "folder", "a result is read from a folder here; name one")
    document, _, parts = _as_parts(place)
    return Result(document["scenario"], document, document["plans"], parts, short=_CHARTS, folder=place)


def _as_parts(folder: Path) -> tuple[dict[str, Any], Mapping[str, Any], Sequence[Part]]:
    """Document, tables and parts of a results folder."""
    document, shown = sections.read(folder)
    return document, shown, sections.parts(document, shown)
