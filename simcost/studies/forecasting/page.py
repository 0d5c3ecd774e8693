"""A forecast as one HTML page that needs nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from simcost.forecast.document import picture
from simcost.forecast.project import Projection
from simcost.outputs import whole_file
from simcost.present import forecast_charts, forecast_wording
from simcost.present.chart_style import Document
from simcost.present.html import bullets, frame, paragraphs, section, table
from simcost.present.parts import figure, provenance
from simcost.studies.forecasting import view

DRAWN = 20
"""Series with a chart; the others are rows of a table."""
COVERAGE = (
    "Coverage is how often, in the backtest, what came lay inside a level: of single steps, of sums of days, of "
    "the sum of the whole horizon, and of its largest step. A bill follows the sums, a fleet the peaks. With few "
    "looks back these shares are coarse."
)


def write_forecast_page(document: Document, outlooks: Sequence[Projection], path: Path) -> None:
    """Write the page of a forecast.

    Args:
        document: of `simcost forecast`.
        outlooks: the forecasts of its series, in its order.
        path: where to; what is there is replaced, as a whole.

    Raises:
        InputError: it cannot be written.
    """
    text = page(document, pictures(document, outlooks))
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def pictures(document: Document, outlooks: Sequence[Projection]) -> list[Document]:
    """Charts of the first series."""
    zone = document["timezone"]
    return [picture(one.forecast, one.stated, timezone=zone) for one in outlooks[:DRAWN]]


def page(document: Document, drawn: Sequence[Document]) -> str:
    """The whole page; every text of the document is escaped."""
    series = list(document["series"].items())
    body = [
        section("Series", table(view.overview(document))) if len(series) > 1 else "",
        *(
            _series(name, entry, shown, i, alone=len(series) == 1)
            for i, ((name, entry), shown) in enumerate(zip(series, drawn, strict=False))
        ),
        section("Provenance", table(provenance(document), left=True)) if "provenance" in document else "",
    ]
    headline = forecast_wording.verdict(*series[0]) if len(series) == 1 else forecast_wording.overview(document)
    return frame("forecast", headline, _source(document), "".join(body))


def _source(document: Document) -> str:
    return f"From {document['file']}; {document['paths']} sample paths; days of {document['timezone']}."


def _series(name: str, entry: Document, shown: Document, index: int, *, alone: bool) -> str:
    """Questions of a reader about a series, in their order."""
    figures = "".join(figure(title, chart, 2 * index + i) for i, (title, chart) in enumerate(drawings(shown)))
    return section(
        name,
        paragraphs(["" if alone else forecast_wording.verdict(name, entry), forecast_wording.basis(entry)]),
        figures,
        _course(entry),
        table(view.stated(entry)),
        paragraphs([forecast_wording.against_naive(entry)]),
        table(view.backtest(entry)),
        _coverage(entry),
        *_listed("Cleaning", forecast_wording.cleaning(entry)),
        *_listed("Findings", forecast_wording.findings(entry)),
    )


def _course(entry: Document) -> str:
    title = "Day by day" if entry["days"] else "Step by step"
    return f"<details><summary>{title}</summary>\n{table(view.course(entry))}</details>\n"


def _coverage(entry: Document) -> str:
    rows = view.coverage(entry)
    return paragraphs([COVERAGE]) + table(rows) if rows else ""


def _listed(title: str, items: list[str]) -> tuple[str, ...]:
    return (f"<h3>{title}</h3>\n", bullets(items)) if items else ()


def drawings(shown: Document) -> Iterator[tuple[str, object]]:
    """Name and chart: the fan, and user events where there are some."""
    yield f"Forecast of {shown['name']}", forecast_charts.fan(shown)
    if shown["parts"]:
        yield f"Stated for {shown['name']}", forecast_charts.parts(shown)
