"""The page of a log: choose one, see what is in it, get a scenario whose plans serve it."""

import dataclasses
import re
import shlex
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from simcost.catalog import load_catalog
from simcost.errors import InputError, SimcostError
from simcost.present.format import count
from simcost.scenario.inputs.trace_models import logged_model
from simcost.studies.argument_types import condition, pairs
from simcost.studies.traces import view
from simcost.tables.json_objects import one_row
from simcost.trace.requests.cached_tokens import spend_row
from simcost.trace.requests.formats import FORMATS, format_by_columns
from simcost.trace.requests.likely_columns import LogHead, likely_columns, read_head
from simcost.trace.requests.log_files import format_of_name
from simcost.trace.requests.readers import Notation
from views import background, drafts, fields, runs
from views.files import COLUMNS as OTHERS
from views.files import Chosen, beside, choose
from views.result import body
from views.text import on_page, plain, same_command

WORK = "log"
KINDS = ("csv", "tsv", "txt", "gz", "zst", "bz2", "json", "jsonl", "parquet")
COLUMNS = {"arrival": "Arrival", "prompt_tokens": "Prompt tokens", "output_tokens": "Output tokens"}
TARGETS = {
    "attainment": "Requests that must be good",
    "ttft": "Time to first token, at most",
    "tpot": "Time per output token, at most",
}
"""Labels of the targets, by their keys in `slo` of a scenario."""
NESTED = frozenset(name for name, form in FORMATS.items() if form.rows not in (one_row, spend_row))
"""Formats whose fields stand inside others: they say where."""
OPTIONAL = (
    "Of columns that a log may have besides: status (failed requests are left out by it), model, tenant, session, "
    "priority, cached_tokens, ttft_s or ttft_ms, e2e_s or e2e_ms."
)
ROWS = "Takes the rows with this value, as of one model. Several after commas: `COL=VALUE, COL=VALUE`."
_NEEDED = re.compile(rf"pass --map ({'|'.join(COLUMNS)})=COLUMN")
"""Remedy of an import for a needed column that is missing."""
UNITS = ("s", "ms", "us", "ns")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
BEGINNING = 4_000
"""Bytes by which an export of OpenTelemetry is known."""
HEAD_BYTES = 4_000_000
"""Of a text, in which its first rows surely are."""
_ABOUT = (
    "A log of requests as a gateway or an inference engine writes it: for each request when it arrived, its prompt "
    "tokens and its output tokens."
)
_BEGIN = (
    "Choose a log on the left, half an hour of a synthetic one to try, or upload your own, of up to 200 MB (import a "
    "larger one with `simcost trace import`); its columns are found, or you choose them. Nothing leaves this machine."
)


def show(scenarios: Path, plans: Any) -> None:
    """The page, from top to bottom.

    Args:
        scenarios: folder of scenario files; the trace goes into its folder `traces`.
        plans: the page that compares plans.
    """
    st.title("Your own log")
    st.caption(_ABOUT)
    ended = background.taken(WORK)
    fields.begin("Your log")
    with st.sidebar:
        chosen = choose("Log of requests", beside(scenarios, "requests-log.csv.gz"), "log", KINDS)
        guess = _format_of(chosen) if chosen else "csv"
        formats = sorted(FORMATS)
        fmt = fields.choice("Format", formats, index=formats.index(guess), key=f"format of {guess}")
        head = _head(chosen, fmt)
        needed = _columns(chosen, fmt, head)
        others, refused = ({}, []) if fmt in NESTED else _other_columns()
        where, unknown = _conditions()
        refused += unknown
        notation = _notation()
        skip = fields.check("Leave rows out that cannot be read")
        told = head is not None and head.rows and fmt not in NESTED
        lacking = [COLUMNS[ours] for ours in COLUMNS if ours not in needed] if told else []
        busy = WORK in background.works()
        why = f"Choose the column of: {', '.join(lacking)}." if lacking else None
        off = busy or not chosen or bool(lacking or refused)
        pressed = st.button("Read", type="primary", width="stretch", disabled=off, help=why)
    for line in refused:
        st.error(plain(line))
    if pressed and chosen:
        options = {
            "mapping": needed | others,
            "where": where,
            "on_error": "skip" if skip else "stop",
            "notation": notation,
        }
        st.session_state.pop("log", None)
        background.start(
            WORK,
            partial(_read, chosen, fmt, options, scenarios),
            runs.one_at_a_time(),
            f"the reading of {chosen.name}",
        )
    if ended is not None:
        st.session_state["log"] = ended.result
        for line in ended.error.replace("with --on-error skip", "by the checkbox").splitlines():
            st.error(plain(on_page(_NEEDED.sub("choose it under Columns", line), OTHERS)))
    if WORK in background.works():
        background.watch(WORK)
    elif (log := st.session_state.get("log")) and (not chosen or log["of"] == chosen.identity):
        _found(log, scenarios, plans)
    elif head is not None and head.rows:
        _preview(head, lacking, asked=fmt not in NESTED)
    elif chosen and ended is None:
        st.info("No row of it can be shown. Press Read, which says why.")
    elif ended is None:
        st.info(_BEGIN)


def _head(log: Chosen, fmt: str) -> LogHead | None:
    """The first rows of a log; None where they cannot be read, which *Read* explains."""
    if not log:
        return None
    kept = st.session_state.setdefault("log heads", {})
    key = (log.identity, fmt)
    if key not in kept:
        with TemporaryDirectory() as folder:
            try:
                kept[key] = read_head(_begun(log, Path(folder)), FORMATS[fmt])
            except SimcostError:
                kept[key] = None
    found: LogHead | None = kept[key]
    return found


def _begun(log: Chosen, folder: Path) -> Path:
    """A file with the first rows of a log; of Parquet, whose end describes it, the whole."""
    if log.upload is None or log.begin(4) == b"PAR1":
        return log.on_disk(folder)
    begun = folder / "log"
    begun.write_bytes(log.begin(HEAD_BYTES))
    return begun


def _columns(log: Chosen, fmt: str, head: LogHead | None) -> dict[str, str]:
    """Ours -> the log's, as chosen among its columns; the probable ones are preselected."""
    if head is None or not head.names or fmt in NESTED:
        return {}
    likely = likely_columns(FORMATS[fmt], head.names)
    st.caption("Columns")
    chosen = {
        ours: fields.choice(
            label,
            head.names,
            index=head.names.index(likely[ours]) if ours in likely else None,
            placeholder="choose a column",
            key=f"{ours} of {log.identity} {fmt}",
        )
        for ours, label in COLUMNS.items()
    }
    return {ours: theirs for ours, theirs in chosen.items() if theirs}


def _other_columns() -> tuple[dict[str, str], list[str]]:
    """Ours -> the log's, of optional columns, and what is wrong with the field."""
    text = fields.text(
        "Columns of other names", placeholder="e.g. status=http_code, tenant=team", help=OPTIONAL, max_chars=1_000
    )
    try:
        return dict(pairs(text.strip())) if text.strip() else {}, []
    except ArgumentTypeError as error:
        return {}, [f"Columns of other names: {error}"]


def _conditions() -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Columns and values of the rows to take, and what is wrong with the field."""
    text = fields.text("Rows with", placeholder="e.g. model=llama-3.1-8b", help=ROWS, max_chars=1_000)
    try:
        return tuple(condition(part.strip()) for part in text.split(",") if part.strip()), []
    except ArgumentTypeError as error:
        return (), [f"Rows with: {error}"]


def _notation() -> Notation:
    """Notation of the cells, where it is not certain."""
    with st.expander("How cells are written"):
        mark = fields.choice("Delimiter", DELIMITERS, index=None, placeholder="found in the header")
        said = {
            "delimiter": DELIMITERS[mark] if mark else "",
            "decimal": fields.text("Decimal mark", placeholder="."),
            "thousands": fields.text("Thousands mark", placeholder="none"),
            "time_format": fields.text("Time format", placeholder="found, e.g. %d/%m/%Y %H:%M:%S"),
            "time_unit": fields.choice("Time unit", UNITS, index=None, placeholder="of numbers; found by their size"),
            "timezone": fields.text("Time zone", placeholder="UTC, or e.g. Europe/Berlin").strip(),
        }
    return Notation(**{name: text for name, text in said.items() if text})


def _preview(head: LogHead, lacking: Sequence[str], *, asked: bool) -> None:
    """The next thing to do, and the first rows as they are.

    Args:
        head: of the log.
        lacking: columns that are not chosen.
        asked: whether columns are asked for.
    """
    if lacking:
        st.warning(f"Choose on the left the column of: {', '.join(lacking)}. Then press Read.")
    else:
        st.info("Check the columns on the left, then press Read." if asked else "Press Read.")
    st.header("First rows")
    st.dataframe([dict(zip(head.names, row, strict=False)) for row in head.rows], hide_index=True, alt="First rows")


def _format_of(log: Chosen) -> str:
    """The format that the name of a file suggests, its first characters and its columns, as `simcost trace import`."""
    begins = log.begin(BEGINNING)
    if b'"resourceSpans"' in begins:
        return "otel"
    generic = format_of_name(log.name) or ("jsonl" if begins.lstrip()[:1] in (b"{", b"[") else "csv")
    head = _head(log, generic)
    return (format_by_columns(FORMATS[generic], head.names) if head else None) or generic


def _read(
    chosen: Chosen, fmt: Any, options: dict[str, Any], scenarios: Path, tell: background.Progress
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
        asked = repr((fmt, options)).encode()  # other rows of the same log are another trace
        out = traces / f"{stem}-{_digest(log, asked)[:8]}.parquet"
        try:
            read = import_trace(
                log,
                fmt,
                out,
                **options,
                progress=lambda rows: tell(0.5, f"{count(rows)} rows read"),
            )
            seen = describe_trace(out)
        except SimcostError as error:
            raise type(error)(str(error).replace(f"{log.parent}/", "").replace(f"{traces}/", "")) from error
    told: list[dict[str, Any]] = [
        {**finding, "message": finding["message"].replace(f"{log.parent}/", "")} for finding in read["findings"]
    ]
    told += [finding for finding in seen["findings"] if finding not in told]
    of_import = {"dropped": read["dropped"], "repaired": read["repaired"], "cut": read.get("cut", {})}
    shown: dict[str, Any] = {**seen, **of_import, "file": out.name, "findings": told}
    command = _command(chosen.name, fmt, options, f"{traces.name}/{out.name}")
    return {"document": shown, "trace": out, "name": stem, "of": chosen.identity, "command": command}


def _digest(log: Path, asked: bytes) -> str:
    """SHA-256 of what is asked of a log, and of the log. Raises InputError where it cannot be read."""
    try:
        with log.open("rb") as file:
            return file_digest(file, lambda: sha256(asked)).hexdigest()
    except OSError as error:
        raise InputError(f"{log.name}: cannot be read: {error.strerror}") from error


def _command(name: str, fmt: str, options: Mapping[str, Any], out: str) -> str:
    """The import as a command."""
    words = ["simcost", "trace", "import", name, "--format", fmt]
    renamed = [(ours, theirs) for ours, theirs in options["mapping"].items() if ours != theirs]
    words += [word for ours, theirs in renamed for word in ("--map", f"{ours}={theirs}")]
    words += [word for column, value in options["where"] for word in ("--where", f"{column}={value}")]
    written = {field.name: getattr(options["notation"], field.name) for field in dataclasses.fields(Notation)}
    words += [f"--{key.replace('_', '-')}={value}" for key, value in written.items() if value]
    words += ["--on-error", "skip"] if options["on_error"] == "skip" else []
    return shlex.join([*words, "-o", out])


def _found(log: dict[str, Any], scenarios: Path, plans: Any) -> None:
    """Contents of the log, and the questions whose answers make a scenario."""
    with st.container(border=True):
        st.header("Compare plans for it")
        catalog = load_catalog()
        models = [one.name for one in catalog.facts.models]
        cards = [accelerator.name for accelerator in catalog.facts.accelerators if catalog.offers_for(accelerator.name)]
        left, middle, right = st.columns(3)
        with left:
            named = logged_model(log["trace"], catalog)
            first = named if named in models else "llama-3.1-8b"
            model = fields.choice("Model", models, index=models.index(first))
            on = fields.choices("Accelerators", cards, ["l40s", "h100-sxm"], max_selections=4)
        with middle:
            provider = fields.choice("Provider", ["aws", "azure", "gcp", "any"])
            limits = {"attainment": fields.text(TARGETS["attainment"], "99%").strip()}
        with right:
            limits |= {
                "ttft": fields.text(TARGETS["ttft"], "1s").strip(),
                "tpot": fields.text(TARGETS["tpot"], "60ms").strip(),
            }
        if st.button("Compare plans", type="primary", disabled=not on):
            answers = {"model": model, "accelerators": tuple(on), "provider": provider}
            file = _written(log, scenarios, answers | limits)
            if file is not None:
                st.session_state.update({"looked at": file, "due": True})
                st.switch_page(plans)
    body(view.parts(log["document"]), OTHERS)
    same_command(log["command"])


def _written(log: dict[str, Any], scenarios: Path, answers: dict[str, Any]) -> Path | None:
    """A new scenario file; None where the answers make none, with the reason on the page."""
    from simcost.studies.new_scenario.study import ScenarioAnswers, write_scenario

    file = _free(scenarios, log["name"])
    try:
        write_scenario(ScenarioAnswers(name=file.stem, trace=log["trace"], **answers), file)
    except (SimcostError, OSError) as error:
        st.error(plain(re.sub(r"\bslo\.(attainment|ttft|tpot):", lambda found: f"{TARGETS[found[1]]}:", str(error))))
        return None
    return file


def _free(scenarios: Path, name: str) -> Path:
    """The first name that no scenario has."""
    taken = {file.stem for file in drafts.listed(scenarios)}
    return (
        scenarios
        / f"{next(one for one in (name, *(f'{name}-{i}' for i in range(2, 10_000))) if one not in taken)}.yaml"
    )
