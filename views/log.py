"""The page of a log: upload one, see what is in it, get a scenario whose plans serve it."""

import re
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from simcost.catalog import load_catalog
from simcost.errors import SimcostError
from simcost.present.format import count
from simcost.studies.traces import view
from simcost.trace.requests.formats import FORMATS
from views import background, drafts, runs
from views.files import Chosen
from views.result import body
from views.text import plain

WORK = "log"
KINDS = ("csv", "gz", "jsonl", "parquet")
COLUMNS = {"arrival": "Arrival", "prompt_tokens": "Prompt tokens", "output_tokens": "Output tokens"}


def show(scenarios: Path, plans: Any) -> None:
    """The page, from top to bottom.

    Args:
        scenarios: folder of scenario files; the trace goes into its folder `traces`.
        plans: the page that compares plans.
    """
    st.title("Your own log")
    st.caption("A log of requests with their token counts, as a gateway or an inference engine writes it.")
    ended = background.taken(WORK)
    with st.sidebar:
        upload = st.file_uploader("Log of requests", type=list(KINDS), key="own log")
        guess = _format_of(upload.name) if upload else "csv"
        formats = sorted(FORMATS)
        fmt = st.selectbox("Format", formats, index=formats.index(guess), key=f"format of {guess}")
        with st.expander("Columns with names of your own"):
            named = {name: st.text_input(label, key=f"column {name}") for name, label in COLUMNS.items()}
        skip = st.checkbox("Leave rows out that cannot be read")
        busy = WORK in background.works()
        pressed = st.button("Read", type="primary", width="stretch", disabled=busy or upload is None)
    if pressed and upload is not None:
        mapping = {name: column.strip() for name, column in named.items() if column.strip()}
        chosen = Chosen(None, upload)
        st.session_state.pop("log", None)
        background.start(
            WORK,
            lambda tell: _read(chosen, fmt, mapping, "skip" if skip else "stop", scenarios, tell),
            runs.one_at_a_time(),
        )
    if ended is not None:
        st.session_state["log"] = ended.result
        for line in ended.error.splitlines():
            st.error(plain(line))
    if WORK in background.works():
        background.watch(WORK)
    elif st.session_state.get("log"):
        _found(st.session_state["log"], scenarios, plans)
    elif ended is None:
        st.info("Upload a log and press Read. Nothing leaves this machine.")


def _format_of(name: str) -> str:
    """The format that a file name suggests."""
    return next((kind for kind in ("parquet", "jsonl") if f".{kind}" in name.lower()), "csv")


def _read(
    chosen: Chosen, fmt: Any, mapping: dict[str, str], on_error: Any, scenarios: Path, tell: background.Progress
) -> dict[str, Any]:
    """Import the log as a trace of the scenarios, and describe it."""
    from simcost.trace.requests.describe import describe_trace
    from simcost.trace.requests.readers import import_trace

    tell(0.0, "Reads the log")
    traces = scenarios / "traces"
    traces.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=traces, prefix=".upload-") as folder:
        log = chosen.on_disk(Path(folder))
        stem = re.sub(r"[^a-z0-9]+", "-", log.name.partition(".")[0].lower()).strip("-")[:40] or "log"
        out = traces / f"{stem}-{sha256(log.read_bytes()).hexdigest()[:8]}.parquet"
        try:
            read = import_trace(
                log,
                fmt,
                out,
                mapping=mapping,
                on_error=on_error,
                progress=lambda rows: tell(0.5, f"{count(rows)} rows read"),
            )
            seen = describe_trace(out)
        except SimcostError as error:
            raise type(error)(str(error).replace(f"{folder}/", "").replace(f"{traces}/", "")) from error
    shown = {**seen, "file": out.name, "dropped": read["dropped"], "repaired": read["repaired"]}
    return {"document": shown, "trace": out, "name": stem}


def _found(log: dict[str, Any], scenarios: Path, plans: Any) -> None:
    """Contents of the log, and the questions whose answers make a scenario."""
    with st.container(border=True):
        st.header("Compare plans for it")
        catalog = load_catalog()
        models = [one.name for one in catalog.facts.models]
        cards = [one.name for one in catalog.facts.accelerators if catalog.offers_for(one.name)]
        left, middle, right = st.columns(3)
        model = left.selectbox("Model", models, index=models.index("llama-3.1-8b"))
        on = left.multiselect("Accelerators", cards, ["l40s", "h100-sxm"], max_selections=4)
        provider = middle.selectbox("Provider", ["aws", "azure", "gcp", "any"])
        attainment = middle.text_input("Requests that must be good", "99%")
        ttft = right.text_input("Time to first token, at most", "1s")
        tpot = right.text_input("Time per output token, at most", "60ms")
        if st.button("Compare plans", type="primary", disabled=not on):
            answers = {"model": model, "accelerators": tuple(on), "provider": provider}
            limits = {"ttft": ttft.strip(), "tpot": tpot.strip(), "attainment": attainment.strip()}
            file = _written(log, scenarios, answers | limits)
            if file is not None:
                st.session_state.update({"looked at": file, "due": True})
                st.switch_page(plans)
    body(view.parts(log["document"]))


def _written(log: dict[str, Any], scenarios: Path, answers: dict[str, Any]) -> Path | None:
    """A new scenario file; None where the answers make none, with the reason on the page."""
    from simcost.scenario.checks.load import find_faults
    from simcost.studies.new_scenario.study import ScenarioAnswers, write_scenario

    file = _free(scenarios, log["name"])
    try:
        write_scenario(
            ScenarioAnswers(
                name=file.stem, rate_per_s=1.0, prompt_tokens=1, output_tokens=1, trace=log["trace"], **answers
            ),
            file,
        )
        faults = find_faults(file)
    except (SimcostError, OSError) as error:
        st.error(plain(str(error)))
        return None
    if not faults:
        return file
    file.unlink()
    for fault in faults:
        st.error(plain(f"{fault.path}: {fault.message}"))
    return None


def _free(scenarios: Path, name: str) -> Path:
    """The first name that no scenario has."""
    taken = {file.stem for file in drafts.listed(scenarios)}
    return (
        scenarios
        / f"{next(one for one in (name, *(f'{name}-{i}' for i in range(2, 10_000))) if one not in taken)}.yaml"
    )
