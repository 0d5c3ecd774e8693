"""The page of forecasts: choose or upload a series, state what is known of the future, look at what may come."""

import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from zoneinfo import available_timezones

import streamlit as st

from simcost.cli.main import parsed
from simcost.errors import InputError, SimcostError
from simcost.forecast.names import GrowthMode, ModelName
from simcost.present.parts import page
from simcost.studies.forecasting import view
from views import background, fields
from views.files import COLUMNS, beside, renamed, titled, traces
from views.result import body
from views.text import headline, on_page, plain, same_command

WORK = "forecast"
KINDS = ("csv", "gz", "parquet")
FIELDS = {"--by": "Columns that name a series", "--json": "forecast.json", "--model": "Model"}
"""Fields and files of this page alone, by the options that mean the same."""
LONGEST = 50_000  # characters of events
EXAMPLE = """\
events:
  - kind: launch
    name: second region
    start: +7d
    ramp: 5d
    share: 0.3
    range: [0.2, 0.5]
"""


def show(scenarios: Path, lock: threading.Lock) -> None:
    """The page, from top to bottom."""
    st.title("Forecast")
    st.caption("What demand may come, from what was recorded and what you know of the future.")
    fields.begin("Forecast")
    with st.sidebar:
        file = choose(scenarios)
        upload = fields.upload("Or your own", KINDS, "series")
        asked = ask()
        finished, busy = background.taken(WORK), WORK in background.works()
        pressed = st.button("Forecast", type="primary", width="stretch", disabled=busy or not (file or upload))
    with st.expander("What you know of the future"):
        events = fields.area("Events as YAML", key="events", height=220, max_chars=LONGEST, placeholder=EXAMPLE)
    named = upload.name if upload else str(file)
    stated = {**asked, "series": named, "upload": upload and upload.file_id, "events": events}
    if pressed:
        st.session_state.pop("forecast", None)
        background.start(WORK, partial(run, file, upload, events, stated), lock, f"the forecast of {Path(named).name}")
    if finished is not None:
        st.session_state["forecast"] = finished.result
        for line in finished.error.splitlines():
            st.error(plain(on_page(line, COLUMNS, FIELDS)))
    if WORK in background.works():
        background.watch(WORK)
    elif st.session_state.get("forecast"):
        if st.session_state["forecast"]["asked"] != stated:
            st.warning("This forecast is of other inputs; press Forecast for those above.")
        result(st.session_state["forecast"])
    elif finished is None:
        st.info(
            "A series (`timestamp` and a value, such as the requests of each hour) or a trace. Choose or upload it, "
            "then press Forecast."
        )


def choose(scenarios: Path) -> Path | None:
    """A series or trace beside the scenarios."""
    files = [*traces(scenarios), *beside(scenarios, "requests-hourly.csv")]
    file: Path | None = fields.choice(
        "Series or trace",
        files,
        index=None,
        format_func=titled,
        placeholder="choose one" if files else "no files in scenarios",
    )
    return file


def ask() -> dict[str, Any]:
    """Options of the forecast, as words of its command; those that are left open are not among them."""
    asked: dict[str, str | None] = {
        "--horizon": fields.text("Horizon", placeholder="by the history, e.g. 28d or 3mo"),
        "--freq": fields.text("Step", placeholder="that of the file, e.g. 1h"),
    }
    columns = renamed("value=requests", "series")
    asked |= {
        "--by": fields.text(FIELDS["--by"], placeholder="none, e.g. model"),
        "--quantity": fields.text("Quantity", placeholder="of a trace, e.g. output_tokens"),
        "--time-format": fields.text("Time format", placeholder="found, e.g. %d/%m/%Y %H:%M"),
        "--timezone": fields.choice(
            "Time zone", sorted(available_timezones()), index=None, placeholder="UTC, or that of what you know"
        ),
        "--model": fields.choice("Model", get_args(ModelName)),
        "--growth": fields.choice(
            "Growth",
            get_args(GrowthMode),
            index=None,
            placeholder="measured, unless stated",
            help="From weeks ahead on: as measured on the history and damped, none, or as events state it in its place",
        ),
        "--unit-cost": fields.text("Price of one", placeholder="none, e.g. $0.002 or $0.60/1M"),
    }
    given = {name: (value or "").strip() for name, value in asked.items()}
    return {"options": [*(f"{name}={value}" for name, value in given.items() if value), *columns]}


@contextmanager
def on_disk(file: Path | None, upload: Any, events: str) -> Iterator[tuple[Path, Path | None, Path]]:
    """The series and the events as files, and a folder for results; what is not the user's own is removed."""
    if file is None and upload is None:
        raise InputError("no series; choose a file or upload one")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stated = folder / "events.yaml" if events.strip() else None
        if stated:
            stated.write_text(events, encoding="utf-8")
        if file is None or upload is not None:
            file = folder / "series" / (re.sub(r"[^\w. -]", "_", upload.name)[-80:].lstrip(".") or "series")
            file.parent.mkdir()
            file.write_bytes(upload.getvalue())
        yield file, stated, folder


def run(
    file: Path | None, upload: Any, events: str, asked: dict[str, Any], tell: background.Progress
) -> dict[str, Any]:
    """The forecast.

    Raises:
        InputError: why there is none, without the places where files lay for a moment.
    """
    with on_disk(file, upload, events) as (series, stated, folder):
        try:
            return forecast(series, stated, folder, asked, tell) | {"asked": asked}
        except (SimcostError, OSError) as error:
            told = str(error)
            for place in (series.parent, folder):
                told = told.replace(f"{place}/", "")
            raise InputError(told) from error


def forecast(series: Path, events: Path | None, folder: Path, asked: dict[str, Any], progress: Any) -> dict[str, Any]:
    """The document, what to draw, and the files to take along."""
    from simcost.forecast.project import ProjectionOptions
    from simcost.studies.forecasting.study import SeriesOptions, forecast_file, pictures

    kept = folder / "forecast.parquet"
    stated = parsed(["forecast", str(series), *asked["options"]])
    document, outlooks = forecast_file(
        series,
        ProjectionOptions(seed=1, model=stated.model, growth=stated.growth),
        horizon_s=stated.horizon,
        reading=SeriesOptions(
            freq=stated.freq,
            timezone=stated.timezone,
            by=stated.by,
            quantity=stated.quantity,
            mapping=dict(stated.map),
            time_format=stated.time_format,
        ),
        events=events,
        out=kept,
        unit_usd=stated.unit_cost,
        progress=progress,
    )
    inputs = document["provenance"]["inputs"]
    document |= {"file": series.name, "files": []}
    for entry in document["series"].values():  # places in the events are told without where they lay for a moment
        entry["findings"] = [
            note | {"message": note["message"].replace(f"{folder}/", "")} for note in entry["findings"]
        ]
    document["provenance"]["inputs"] = {Path(file).name: digest for file, digest in inputs.items()}
    drawn = pictures(document, outlooks[: view.DRAWN])
    html = page("forecast", document, view.parts(document, drawn))
    known = {"events.yaml": (events.read_bytes(), "application/yaml")} if events else {}
    return {
        "document": document,
        "pictures": drawn,
        "files": {
            "forecast.json": (json.dumps(document, allow_nan=False, indent=1).encode(), "application/json"),
            "forecast.parquet": (kept.read_bytes(), "application/vnd.apache.parquet"),
            "forecast.html": (html.encode(), "text/html"),
            **known,
        },
    }


def command(asked: dict[str, Any]) -> str:
    """The command that gives the same; events lie in `events.yaml`."""
    events = ["--events=events.yaml"] if asked["events"].strip() else []
    return shlex.join(["simcost", "forecast", Path(asked["series"]).name, *asked["options"], *events])


def result(found: dict[str, Any]) -> None:
    """Verdict, chart, how good it is, what to be wary of, files."""
    document, pictures = found["document"], {picture["name"]: picture for picture in found["pictures"]}
    name, *others = pictures
    headline(document["verdict"])
    if len(document["series"]) > 1:
        body([view.several(document)], COLUMNS, FIELDS)
        left = len(document["series"]) - len(pictures)
        name = st.selectbox(f"Look at (the first {len(pictures)})" if left else "Look at", [name, *others])
    body(view.of_series(document, name, pictures[name]), COLUMNS, FIELDS)
    same_command(command(found["asked"]))
    with st.container(horizontal=True):
        for file, (content, kind) in found["files"].items():
            st.download_button(f"Download {file}", content, file, kind, on_click="ignore")
