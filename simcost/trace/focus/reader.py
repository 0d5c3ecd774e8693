"""Reading FOCUS exports: one pass over the rows of one or several files, in columns."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Floats
from simcost.tables.dates import time_findings
from simcost.tables.header import peek
from simcost.tables.sources import Chunk, open_chunks, row_of
from simcost.trace.focus import export, lines
from simcost.trace.focus.cells import FocusRows, FocusTimes, clean, flat_text
from simcost.trace.focus.columns import COLUMNS, WHAT, Header, find_header
from simcost.trace.focus.export import UsageSeries
from simcost.trace.focus.findings import Place, Quality
from simcost.trace.focus.lines import Lines
from simcost.trace.focus.repeats import DONE, SAYS, Repeats
from simcost.units import plural

_NONE: Mapping[str, float] = {}
_HOUR_S, _DAY_S = 3600, 86400
_NEVER_NAMES = ("BillingCurrency", "ChargeCategory")
"""Columns whose cells are never the name of a column."""
_ALWAYS = ("ChargeCategory", "ProviderName", "ChargePeriodStart")
"""Columns of which each charge has at least one."""
_NO_CHARGE = "name no ChargeCategory, ProviderName and ChargePeriodStart (sums below a table, blank lines)"
_LABEL = r"(?i)^((grand|sub)[ -]?)?(total|sum)s?:?$"
"""Name of a sum below a table, in whichever column it stands."""
_COUNTED_OTHERWISE = (
    "malformed",
    "no_charge",
    "unreadable",
    "repeated",
    "no_period",
    "backward_period",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuals:
    """Usage and cost of a provider's export."""

    lines: pa.Table
    """One row per day, SKU, way of buying and commitment; see `Lines.table`."""
    usage: pa.Table | None
    """The hours of machines by period, for `simcost bill`; None unless they were asked for."""
    quality: list[dict[str, object]]
    """Findings in the rows: rule, says, rows, share, example, done."""
    rows: int
    versions: tuple[str, ...]
    """Of FOCUS, by the columns of each file."""
    grain: str
    """Length of the periods of usage: hour, day or mixed."""
    span_h: float
    """Hours from the first to the end of the last period of usage, unused commitments among it; 0 without any."""
    end_s: int
    """End of the last of these periods, in seconds since 1970; 0 without any."""
    usd_per: Mapping[str, float]
    """The currencies of the bill, and their rates."""

    def told(self, basis: Literal["effective", "billed", "list"] = "effective") -> Iterator[tuple[str, str]]:
        """Kind and sentence of what a comparison of costs of a basis rests on: rows that count otherwise than they
        stand in the file, and the worth of other currencies.
        """
        for found in self.quality:
            if found["rule"] in (*_COUNTED_OTHERWISE, f"no_{basis}_cost"):
                yield str(found["rule"]), f"rows that {found['says']}: {found['rows']:,}; {found['done']}"
        for currency, usd in self.usd_per.items():
            if currency != "USD":
                yield "currency", f"1 {currency} is taken for {usd:g} USD, as --rate says"


def read_focus(paths: Sequence[Path], *, usd_per: Mapping[str, float] = _NONE, series: bool = False) -> Actuals:
    """Read exports of FOCUS 1.0 to 1.3, as they are.

    Args:
        paths: CSV (also .gz) or Parquet; several files are read as one.
        usd_per: USD that a unit of a currency is worth; needed for each other than USD.
        series: whether to keep the usage by period as well.

    Raises:
        TraceError: a file that is not a FOCUS export, is damaged, lacks columns that are needed (all are named), has
            no rows, or is billed in a currency whose worth is not given.
    """
    book = _Book(dict(usd_per) | {"USD": 1.0}, UsageSeries if series else None)
    versions = []
    for path in paths:
        header = header_of(path)
        versions.append(header.version)
        book.note_header(header)
        for rows, place in chunks(path, header, (*lines.READ, *(export.READ if series else ())), book.quality):
            book.add(rows, place, path)
    book.check(paths)
    return book.actuals(tuple(dict.fromkeys(versions)))


def header_of(path: Path) -> Header:
    """The columns of a file. Raises TraceError if it is not a FOCUS export."""
    return find_header(peek(path, WHAT).names, path)


def chunks(path: Path, header: Header, wanted: Sequence[str], quality: Quality) -> Iterator[tuple[FocusRows, Place]]:
    """The cleaned rows of a file, and the place of each."""
    asked = {ours: theirs for ours, theirs in header.theirs.items() if ours in wanted}
    container = peek(path, WHAT).container

    def again(ours: str) -> Iterator[pa.Array]:
        found = open_chunks(path, container, lambda _: {ours: asked[ours]}, WHAT, nested=True, is_number=_is_decimal)
        return (flat_text(chunk.columns[ours]) for chunk in found if ours in chunk.columns)

    read = FocusTimes(asked, again)
    for chunk in open_chunks(path, container, lambda _: asked, WHAT, nested=True, is_number=_is_decimal):
        for at, reason in chunk.malformed[:1]:
            quality.count("malformed", f"cannot be read ({reason})", "left out", len(chunk.malformed), at)
        columns, place = _charges(chunk, quality)
        if columns and len(next(iter(columns.values()))):
            try:
                rows = clean(columns, read)
            except TraceError as error:
                raise TraceError(f"{path}: {error}") from error
            yield rows, place
    for kind, _, message in time_findings(read.rules):
        names = (name for name, rule in read.rules.items() if rule.finding()[0] == kind)
        quality.columns(kind, "not written as ISO times", names, message)


def _charges(chunk: Chunk, quality: Quality) -> tuple[Mapping[str, pa.Array], Place]:
    """The rows of a chunk without lines that repeat the header, as files that were put together have them, without
    blank lines and without sums below the table.
    """
    headers = [
        pc.equal(column, chunk.theirs[ours])
        for ours, column in chunk.columns.items()
        if ours in _NEVER_NAMES and pa.types.is_string(column.type)
    ]
    sums = [_without_value(chunk.columns[ours]) for ours in _ALWAYS if ours in chunk.columns]
    repeat = reduce(pc.or_kleene, headers).fill_null(fill_value=False) if headers else None
    blank = reduce(pc.and_, sums) if len(sums) == len(_ALWAYS) else None
    dropped = None
    for flags, rule, says in ((repeat, "repeated_header", "repeat the header"), (blank, "no_charge", _NO_CHARGE)):
        if flags is None or not pc.any(flags).as_py():
            continue
        first = chunk.place(pc.index(flags, value=True).as_py())
        quality.count(rule, says, "left out", pc.sum(flags).as_py(), first)
        dropped = flags if dropped is None else pc.or_(dropped, flags)
    if dropped is None:
        return chunk.columns, chunk.place
    number = np.flatnonzero(~dropped.to_numpy(zero_copy_only=False))
    kept = {ours: column.take(pa.array(number)) for ours, column in chunk.columns.items()}
    return kept, partial(row_of, chunk.place, number)


def _without_value(column: pa.Array) -> pa.Array:
    """Flags of the cells that are empty, or name a sum."""
    if not pa.types.is_string(column.type):
        return column.is_null()
    text = pc.utf8_trim_whitespace(column.fill_null(""))
    return pc.or_(pc.equal(text, ""), pc.match_substring_regex(text, _LABEL))


def _is_decimal(ours: str) -> bool:
    return ours in COLUMNS and COLUMNS[ours].kind == "decimal"


@dataclass(slots=True)
class _Book:
    """Retained values of the rows read so far."""

    usd_per: dict[str, float]
    make_series: type[UsageSeries] | None
    lines: Lines = field(default_factory=Lines)
    repeats: Repeats = field(default_factory=Repeats)
    quality: Quality = field(default_factory=Quality)
    series: UsageSeries | None = None
    unpriced: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Currencies without a worth: rows, and the first of them."""
    currencies: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    first_s: int | None = None
    last_s: int = 0

    def __post_init__(self) -> None:
        self.series = self.make_series(self.lines.reading) if self.make_series else None

    def note_header(self, header: Header) -> None:
        gone, strange, other = header.missing, header.strangers, header.respelled
        self.quality.columns("missing_column", "mandatory in FOCUS 1.2, but not there", gone, "read without them")
        self.quality.columns("unknown_column", "neither FOCUS nor x_", strange, "ignored")
        self.quality.columns("renamed_column", "spelled otherwise than in FOCUS 1.2", other, "read as what is meant")

    def add(self, rows: FocusRows, place: Place, path: Path) -> None:
        self.quality.look(rows, place)
        rate = self._rates(rows, place, path)
        self.lines.add(rows, rate)
        self.repeats.add(rows)
        if self.series:
            self.series.add(rows, rate)
        self._note_periods(rows)

    def _note_periods(self, rows: FocusRows) -> None:
        """The periods of usage; commitments that nothing used are of the time that the file covers, too."""
        start, end = rows.times_s["ChargePeriodStart"], rows.times_s["ChargePeriodEnd"]
        whole = rows.has("ChargePeriodStart") & rows.has("ChargePeriodEnd") & (end > start)
        used, covered = whole & rows.used, whole & rows.is_("ChargeCategory", "Usage")
        lengths, counts = np.unique((end - start)[used], return_counts=True)
        self.lengths.update(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
        if covered.any():
            first = int(start[covered].min())
            self.first_s = first if self.first_s is None else min(first, self.first_s)
            self.last_s = max(int(end[covered].max()), self.last_s)

    def _rates(self, rows: FocusRows, place: Place, path: Path) -> Floats:
        """The worth of each row's currency; rows without one have that of the others."""
        said = rows.word("BillingCurrency")
        names = [name.upper() for name in said.distinct.to_pylist()]
        counts = np.bincount(said.codes[said.given], minlength=len(names))
        for code, name in enumerate(names):
            self.currencies[name] += int(counts[code])
            if name not in self.usd_per and counts[code]:
                first = place(int((said.codes == code).argmax()))
                rows_so_far, at = self.unpriced.get(name, (0, f"{path}: {first}"))
                self.unpriced[name] = (rows_so_far + int(counts[code]), at)
        self.quality.note(
            "no_currency",
            "have no BillingCurrency",
            "taken to be in that of the others, or in USD where no row says one",
            ~said.given,
            place,
        )
        worth = [self.usd_per.get(name, np.nan) for name in names]
        other = self.currencies.most_common(1)[0][0] if self.currencies else "USD"
        result: Floats = np.array([*worth, self.usd_per.get(other, np.nan)])[said.codes]
        return result

    def check(self, paths: Sequence[Path]) -> None:
        """Raise TraceError for currencies without a worth, several where one is missing, or no rows."""
        if not self.quality.rows:
            files, unread = ", ".join(map(str, paths)), self.quality.found.get("malformed")
            if unread is not None:
                raise TraceError(f"{files}: {unread.example}: {unread.says}, and no other row can")
            raise TraceError(f"{files}: no rows; give a {WHAT} with at least one")
        if self.unpriced:
            said = "; ".join(
                f"{at}: BillingCurrency is {name} ({plural(rows, 'row')})" for name, (rows, at) in self.unpriced.items()
            )
            remedy = " ".join(f"--rate {name}=..." for name in self.unpriced)
            raise TraceError(f"{said}; say how many USD one is worth: {remedy}")

    def actuals(self, versions: tuple[str, ...]) -> Actuals:
        table = self._usage(self.series) if self.series else None
        if repeated := self.repeats.count():
            self.quality.count("repeated", SAYS, DONE, repeated)
        return Actuals(
            lines=self.lines.table(),
            usage=table,
            quality=self.quality.table(),
            rows=self.quality.rows,
            versions=versions,
            grain=_grain(self.lengths),
            span_h=0.0 if self.first_s is None else (self.last_s - self.first_s) / _HOUR_S,
            end_s=self.last_s,
            usd_per={name: self.usd_per[name] for name, count in self.currencies.items() if count},
        )

    def _usage(self, series: UsageSeries) -> pa.Table:
        """The hours of machines; usage that could not be counted in them is noted."""
        table, below = series.table()
        if coarse := sum(count for length, count in self.lengths.items() if length > _HOUR_S):
            done = "written as even over it; commitments, settled by the hour, cover less of what goes up and down"
            self.quality.count("coarse", "are usage of more than an hour", done, coarse)
        for rule, rows, says in (
            ("not_hourly", series.others, "are usage in other units than hours"),
            ("negative_usage", below, "periods of a SKU that are below zero after corrections"),
        ):
            if rows:
                self.quality.count(rule, says, "costs count; left out of the usage", rows)
        return table


def _grain(lengths: Counter[int]) -> str:
    """`hour` or `day` where all periods of usage are that long."""
    names = {_HOUR_S: "hour", _DAY_S: "day"}
    found = {names.get(length, "mixed") for length in lengths}
    return found.pop() if len(found) == 1 else "mixed" if found else "none"
