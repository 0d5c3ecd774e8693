"""Demand series from ServeGen: the published rates of the clients of a model, and the tokens of their requests."""

import ast
import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.tables.calendar import STEPS, divides
from simcost.tables.cells import Floats, Ints
from simcost.tables.faults import Faults, quoted
from simcost.trace.requests.store import MAX_TOKENS
from simcost.trace.series.from_traces import QUANTITIES, check_asked, stem
from simcost.trace.series.resample import coarsen, finding
from simcost.trace.series.series import LARGEST, Grid, Series

_NAME = re.compile(r"chunk-(\d+)-trace\.csv")
_LAWS = ("Gamma", "Weibull", "")
_CELLS = "start of the window (s), requests a second, CV of the gaps, law, shape, scale"
_PUBLISHED = {"prompt_tokens": "input_tokens", "output_tokens": "output_tokens"}
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class Client:
    """Rates of one client; arrays with one value per window."""

    path: Path
    name: str
    start_s: Ints
    rate: Floats
    """Requests a second."""
    law: tuple[str, ...]
    """Of the gaps: `Gamma`, `Weibull`, or empty where there were too few requests."""
    shape: Floats

    @property
    def step_s(self) -> int:
        """Length of a window."""
        return int(self.start_s[1] - self.start_s[0])


@dataclass(frozen=True, slots=True)
class TokenLaw:
    """Tokens and the share of requests that have them."""

    tokens: Ints
    share: Floats

    @property
    def mean(self) -> float:
        """Mean tokens of a request."""
        return float(self.tokens @ self.share)


def is_servegen(path: Path) -> bool:
    """True if a path is a client of ServeGen, `chunk-N-trace.csv`, or a folder of clients."""
    return bool(_files(path))


def servegen_series(
    path: Path, *, step_s: int | None, by: Sequence[str], timezone: str, quantity: str | None
) -> tuple[list[Series], list[dict[str, Any]]]:
    """Requests or tokens per step: those of all clients together, or of each.

    Args:
        path: `chunk-N-trace.csv`, or a folder of them; tokens are in the `chunk-N-dataset.json` beside each.
        step_s: the step in seconds, 0 = months; None = the windows of the file.
        by: `client` for a series of each; empty = their sum.
        timezone: where days begin.
        quantity: one of `QUANTITIES`; None = requests. Tokens are requests times the mean length of the time.

    Raises:
        FaultsError: lines or lengths at fault, with their places.
        InputError: an unknown quantity or column, clients with different windows, or no whole step.
    """
    counted = quantity or "requests"
    check_asked(path, counted, QUANTITIES, by, ["client"])
    clients = read_clients(path)
    grid = Grid(start_s=int(clients[0].start_s[0]), step_s=clients[0].step_s)
    values = [client.rate * grid.step_s * _tokens(client, counted) for client in clients]
    named = [(client.name, value) for client, value in zip(clients, values, strict=True)]
    asked = named if by else [(stem(path), np.sum(values, axis=0))]
    fine = [Series(name=name, quantity=counted, grid=grid, values=each) for name, each in asked]
    coarse = [coarsen(series, grid.step_s if step_s is None else step_s, timezone) for series in fine]
    unknown = "ServeGen does not say when it began: its second 0 is written as 1970-01-01 00:00; weekdays are unknown"
    found = [finding("clock_unknown", "", 1, unknown)]
    return [series for series, _ in coarse], found + [said for _, more in coarse for said in more]


def read_clients(path: Path) -> list[Client]:
    """The clients of a file or folder, by their numbers.

    Raises:
        FaultsError: lines at fault.
        InputError: clients with different windows.
    """
    clients = [_read_client(file) for file in _files(path)]
    first = clients[0]
    for client in clients[1:]:
        if not np.array_equal(client.start_s, first.start_s):
            raise InputError(
                f"{client.path}: its windows are not those of {first.path.name}; put each set of clients into a "
                "folder of its own"
            )
    return clients


def _files(path: Path) -> list[Path]:
    """The files of rates, by the number of their client."""
    files = list(path.glob("chunk-*-trace.csv")) if path.is_dir() else [path] if path.is_file() else []
    numbered = [(int(name[1]), file) for file in files if (name := _NAME.fullmatch(file.name))]
    return [file for _, file in sorted(numbered)]


def _read_client(path: Path) -> Client:
    faults, rows = Faults(path), list[tuple[int, float, str, float]]()
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            for line, cells in enumerate(csv.reader(lines), 1):
                if not (fault := _fault(cells)):
                    rows.append((int(cells[0]), float(cells[1]), cells[3], float(cells[4])))
                    fault = _off_grid(rows)
                if fault:
                    faults.add(f"line {line}", fault)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}; download it again") from error
    faults.check()
    if len(rows) < 2:
        raise InputError(f"{path}: has {len(rows)} windows, and at least two are needed; download it again")
    name = path.name.removesuffix("-trace.csv").replace("chunk", "client")
    start_s, rate, law, shape = zip(*rows, strict=True)
    return Client(path, name, np.array(start_s), np.array(rate), law, np.array(shape))


def _fault(cells: Sequence[str]) -> str:
    """The fault of a line, empty where there is none."""
    if len(cells) != 6:
        return f"has {len(cells)} cells instead of 6: {_CELLS}"
    if not re.fullmatch(r"\d{1,12}", cells[0], re.ASCII):
        return f"start of the window: {quoted(cells[0])} is not a whole number of seconds from 0 up"
    rate = _number(cells[1])
    if rate is None or not 0 <= rate <= LARGEST:
        return f"requests a second: {quoted(cells[1])} is not a number from 0 up"
    if cells[3] not in _LAWS:
        return f"law of the gaps: {quoted(cells[3])} is none of Gamma, Weibull and empty"
    shape = _number(cells[4])
    if shape is None or shape < 0 or (cells[3] and not shape):
        return f"shape of the gaps: {quoted(cells[4])} is not a number above 0"
    return ""


def _off_grid(rows: Sequence[tuple[int, float, str, float]]) -> str:
    """The fault of the last window, empty where it follows those before."""
    if len(rows) < 2:
        return ""
    step_s, apart = rows[1][0] - rows[0][0], rows[-1][0] - rows[-2][0]
    if apart != step_s:
        return f"its window starts {apart} s after the one before, those above {step_s} s; write a line for each window"
    return "" if step_s > 0 and divides(step_s) else f"its windows are {step_s} s apart; {STEPS}"


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) else None


def _tokens(client: Client, quantity: str) -> Floats:
    """Mean tokens of a request in each window; 1 where requests are counted, 0 where there are none."""
    if quantity == "requests":
        return np.ones(len(client.rate))
    return np.array([0.0 if law is None else law.mean for law in token_laws(client, quantity)])


def token_laws(client: Client, quantity: str) -> list[TokenLaw | None]:
    """Tokens of the requests of each window; None where there are no requests.

    Raises:
        FaultsError: laws at fault, or missing for requests.
        InputError: no file of lengths.
    """
    path = client.path.with_name(client.path.name.replace("trace.csv", "dataset.json"))
    what, faults = _PUBLISHED[quantity], Faults(path)
    known = _laws(path, what)
    place = np.searchsorted(list(known), client.start_s, side="right") - 1
    each = [None, *known.values()]
    laws = [each[number + 1] if rate > 0 else None for number, rate in zip(place, client.rate, strict=True)]
    silent = np.flatnonzero((client.rate > 0) & np.array([law is None for law in laws]))
    missing = f"no {what} for the requests of this window; leave the client out"
    faults.add_all(silent, lambda i: (f"{client.start_s[i]} s", missing))
    faults.check()
    return laws


def _laws(path: Path, what: str) -> dict[int, TokenLaw | None]:
    """Laws of tokens by the second from which they hold, in order; None where there were no requests."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: is missing, and holds the tokens of the client; put it beside its rates") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not one JSON document: {error}; download it again") from error
    if not isinstance(document, dict) or not document:
        raise InputError(f"{path}: is not a JSON object of lengths by their start in seconds; download it again")
    faults, found = Faults(path), dict[int, TokenLaw | None]()
    for start, laws in document.items():
        law = _law(laws.get(what)) if isinstance(laws, dict) else None
        if law is None or not re.fullmatch(r"\d{1,12}", start, re.ASCII):
            faults.add(f"{start}.{what}", "is not text such as '{128: 0.25, 512: 0.75}' with a sum of 1")
        else:
            found[int(start)] = law if len(law.tokens) else None
    faults.check()
    return dict(sorted(found.items()))


def _law(text: Any) -> TokenLaw | None:
    """Law of tokens, without any where there were no requests; None where the text is not a law."""
    try:
        law = ast.literal_eval(text) if isinstance(text, str) else None
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    if not isinstance(law, dict):
        return None
    known = all(
        type(tokens) is int and 0 <= tokens <= MAX_TOKENS and type(share) in (int, float) and 0 <= share <= 2
        for tokens, share in law.items()
    )
    if not known or (law and not abs(fsum(law.values()) - 1) <= _ROUNDING):
        return None
    return TokenLaw(np.array(list(law), np.int64), np.array(list(law.values()), np.float64))
