"""Files of every kind that simcost reads, what may befall them, and the law: refused in words, or read whole.

A damaged file is refused with exit code 2 and a message that names it, or each of its rows is read, or counted as left
out. Nothing ends in a traceback or a warning, and what is printed as JSON is JSON.
"""

import csv
import gzip
import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from support import damaged_files

from simcost.cli.main import main
from simcost.tables import sources

ODD_CELLS = (
    "",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "1e-320",
    "-1",
    "0",
    "9" * 25,
    "1" * 400,
    "=1+1",
    "NULL",
    "2024-13-45",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1,5",
    "\u00fc",
    "\u0660\u0661",
    "true",
    "a" * 5000,
    "1e5000",
    "0x10",
    "\x00",
    " ",
    "{}",
    "[1, 2]",
    "\u2028",
    "-0",
    "1_000",
    "T",
    "5 GB",
)
ENCODINGS = ("latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037")
Split = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        name: for messages.
        suffix: of its name.
        make: its undamaged content.
        words: the command that reads it; FILE stands for it.
        counted: from the answer of the command to how many of its rows are in it or counted; None = not known.
        text: whether it is a table of `lines`, a `structure` of text, or `parquet`.
        lenient: whether rows at fault may be left out, if that is said.
        place: where the command looks for it; None = FILE.
    """

    name: str
    suffix: str
    make: Callable[[], bytes]
    words: tuple[str, ...]
    counted: Callable[[dict[str, Any]], int] | None = None
    text: str = "lines"
    lenient: bool = False
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a damaged file: `read`, `refused`, `traceback`, `loss`, `unnamed` or `not json`."""

    word: str
    detail: str = ""


def damaged(kind: Kind, random: Random) -> bytes:
    """The content of a file of that kind after one to three accidents."""
    data = kind.make()
    if kind.text == "parquet":
        table = pq.read_table(io.BytesIO(data))
        for _ in range(random.choice((1, 1, 2))):
            table = _column_accident(table, random)
        out = io.BytesIO()
        pq.write_table(table, out)
        data = out.getvalue()
        return _byte_accident(data, random) if random.random() < 0.4 else data
    accidents: dict[str, tuple[Callable[[bytes, Random], bytes], ...]] = {
        "lines": (_line_accident, _quote_accident, _cell_accident, _byte_accident, _encoding_accident, _shape_accident),
        "structure": (_token_accident, _byte_accident, _encoding_accident, _line_accident),
    }
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(accidents[kind.text])(data, random)
    return data


def _byte_accident(data: bytes, random: Random) -> bytes:
    """Bytes changed, inserted or lost."""
    at, length = random.randrange(len(data) + 1), random.choice((1, 1, 2, 8, 64))
    noise = random.randbytes(length) if random.random() < 0.7 else bytes(random.choices(b'",;\n\r\t|{}[]:', k=length))
    return random.choice(
        (
            data[:at] + noise + data[at + length :],
            data[:at] + noise + data[at:],
            data[:at] + data[at + length :],
            data[:at],
            data[at:],
            data[:at] + data[at : at + length] * 3 + data[at + length :],
        )
    )


def _encoding_accident(data: bytes, random: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    if random.random() < 0.6:
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(("\u00fc", "\u00e9\u00df", "\u20ac", "\u732b")) + text[at:]
    choice = random.random()
    if choice < 0.15:
        packed = gzip.compress(data)
        return packed if random.random() < 0.5 else packed[: random.randrange(len(packed))]
    if choice < 0.3:
        return text.replace("\n", random.choice(("\r\n", "\r", "\n\n", "\u2028"))).encode()
    return text.encode(random.choice(ENCODINGS), "replace")


def _line_accident(data: bytes, random: Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b"\n"]
    at = random.randrange(len(lines))
    return b"".join(
        random.choice(
            (
                lines[:1],
                lines[:at],
                [*lines[:at], b"\n", *lines[at:]],
                [*lines, lines[at]],
                random.sample(lines, len(lines)),
                [*lines[:at], *lines[at + 1 :]],
                [*lines[:at], lines[at].rstrip() + b",,\n", *lines[at + 1 :]],
                [_twice(lines[0]), *lines[1:]],
                [],
                [*lines[:at], lines[at][: len(lines[at]) // 2] + b"\n", *lines[at + 1 :]],
            )
        )
    )


def _shape_accident(data: bytes, random: Random) -> bytes:
    """A column missing, renamed, empty, of another type or twice, in the header and in all rows; or no rows at all."""
    lines = data.split(b"\n")
    mark = b"|" if b"|" in lines[0] else b","
    rows = [line.split(mark) for line in lines if line]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return data
    at, other = random.randrange(len(rows[0])), random.randrange(len(rows[0]))
    shape = random.randrange(6)
    for number, row in enumerate(rows):
        if shape == 0 and len(rows[0]) > 1 - bool(number):
            del row[at]
        elif shape == 1 and not number:
            row[at] = random.choice((b"", b"x", b" " + row[at].upper() + b" ", row[other], b"date", b"value"))
        elif shape == 2 and number:
            row[at] = b""
        elif shape == 3 and number:
            row[at] = random.choice((b"46023.5", b"03/02/2026", b"1767225600000", b"true", b"{}", b"x y", b"7"))
        elif shape == 4:
            row.append(row[at])
    kept = rows[:1] if shape == 5 else rows
    return b"".join(mark.join(row) + b"\n" for row in kept)


def _twice(header: bytes) -> bytes:
    """The header with its last column called as its first."""
    names = header.rstrip().split(b",")
    return b",".join([*names[:-1], names[0]]) + b"\n"


def _quote_accident(data: bytes, random: Random) -> bytes:
    """Quotes at the edges of one or two cells."""
    for _ in range(random.choice((1, 1, 2))):
        edges = [i for i, byte in enumerate(data) if byte in b",\n"] or [0]
        at = random.choice(edges) + random.choice((0, 1))
        data = data[:at] + random.choice((b'"', b'"', b'""', b'"""')) + data[at:]
    return data


def _cell_accident(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    mark = b"|" if b"|" in lines[0] else b","
    cells = lines[at].split(mark)
    cells[random.randrange(len(cells))] = random.choice(ODD_CELLS).encode()
    lines[at] = mark.join(cells)
    return b"\n".join(lines)


def _token_accident(data: bytes, random: Random) -> bytes:
    """A value, a key or a bracket of YAML or JSON replaced."""
    text = data.decode("utf-8", "replace")
    spots = [i for i, letter in enumerate(text) if letter in " :,{}[]\"'\n"] or [0]
    first = random.choice(spots)
    later = [i for i in spots if i > first] or [len(text)]
    odd = (
        *ODD_CELLS,
        "{",
        "[",
        "]",
        "}",
        "- a",
        "a: {b: c}",
        "null",
        "*x",
        "&x",
        "!!python/none",
        "[" * 2000,
        '"',
        "'",
        "99999999999999999999999999",
        "1e400",
        "-5s",
        "500%",
        "~",
    )
    return (text[: first + 1] + random.choice(odd) + text[later[0] :]).encode()


def _column_accident(table: pa.Table, random: Random) -> pa.Table:
    """A column of another name or type, missing, twice, with odd values; rows or metadata lost."""
    at = random.randrange(table.num_columns)
    name, rows = table.column_names[at], table.num_rows
    odd: list[Callable[[], pa.Array]] = [
        lambda: pa.array([[1]] * rows),
        lambda: pa.array([{"a": 1}] * rows),
        lambda: pa.nulls(rows, pa.int64()),
        lambda: pa.nulls(rows),
        lambda: pa.array([float("inf")] * rows),
        lambda: pa.array([float("nan")] * rows),
        lambda: pa.array([1e308, 1e-320] * rows)[:rows],
        lambda: pa.array([2**63 - 1] * rows),
        lambda: pa.array([random.choice(ODD_CELLS) for _ in range(rows)]),
        lambda: pa.array([True] * rows),
        lambda: pa.array([b"a\xff\xfe"] * rows, pa.binary()),
        lambda: pa.array([-(2**62)] * rows, pa.timestamp("us")),
        lambda: pa.Array.from_buffers(pa.string(), rows, pa.array([b"\xfc\xff"] * rows, pa.binary()).buffers()),
        lambda: pa.array(["\u00fc"] * rows).dictionary_encode(),
        lambda: pa.array(["5"] * rows, pa.large_string()),
        lambda: pa.array([5] * rows).cast(pa.decimal128(30, 5)),
        lambda: pa.array([-1] * rows, pa.int8()),
        lambda: pa.array([2**64 - 1] * rows, pa.uint64()),
        lambda: pa.array([20_000] * rows, pa.date32()),
        lambda: pa.array([3_600] * rows, pa.time32("s")),
        lambda: pa.array([60] * rows, pa.duration("s")),
        lambda: pa.array([46_023.5] * rows),
        lambda: pa.array(["03/02/2026 09:00"] * rows),
        lambda: pa.array([None] * rows, pa.string()).dictionary_encode(),
        lambda: pa.array([[{"a": "b"}]] * rows),
        lambda: pa.array([1.5] * rows, pa.float16()) if rows else pa.array([], pa.float16()),
    ]
    metadata = dict(table.schema.metadata or {})
    return random.choice(
        (
            lambda: table.set_column(at, name, random.choice(odd)()),
            lambda: table.set_column(at, name, random.choice(odd)()),
            lambda: table.append_column(name, table[at]),
            lambda: table.append_column(name, random.choice(odd)()),
            lambda: table.remove_column(at),
            lambda: table.slice(0, 0),
            lambda: table.slice(random.randrange(rows + 1)),
            lambda: table.take(pa.array(random.sample(range(rows), rows), pa.int64())),
            lambda: table.rename_columns(
                [f"{column_name}\u00fc" if column_name == name else column_name for column_name in table.column_names]
            ),
            lambda: table.replace_schema_metadata(
                {key: _leaf_accident(text, random) for key, text in metadata.items()}
            ),
        )
    )()


def _leaf_accident(text: bytes, random: Random) -> bytes:
    """A JSON document with one value changed."""
    try:
        document = json.loads(text)
    except ValueError:
        return text[: len(text) // 2]
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = random.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and random.random() < 0.8:
            at = at[key]
            continue
        odd = (
            None,
            "x",
            -1,
            0,
            1e308,
            1e-320,
            float("nan"),
            float("inf"),
            [],
            {},
            [[]],
            True,
            2**70,
            "2024",
            [1, "a"],
        )
        if isinstance(at, dict) and random.random() < 0.3:
            del at[key]
        else:
            at[key] = random.choice(odd)
        break
    return json.dumps(document).encode()


def outcome(kind: Kind, data: bytes, folder: Path) -> Outcome:
    """Read a file as the command does, and say what became of it."""
    file = folder / (kind.place or f"damaged.{kind.suffix}")
    file.write_bytes(data)
    words = [word.replace("FILE", str(file)).replace("FOLDER", str(folder)) for word in kind.words]
    out, err, code = io.StringIO(), io.StringIO(), 0
    split: Split = {}
    try:
        with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings(), watched(split):
            warnings.simplefilter("error")
            code = main(words)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    except BaseException as error:  # noqa: BLE001  # any is a traceback
        return Outcome("traceback", f"{type(error).__name__}: {error}")
    if "Exception ignored" in err.getvalue() or "Traceback" in err.getvalue() or code not in (0, 2):
        return Outcome("traceback", f"exit {code}: {err.getvalue()}")
    if code == 2:
        names = {Path(word).name for word in words if word.startswith(str(folder))} | {file.stem}
        known = [*names, "the catalog has no"]  # of a SKU, which the message names
        named = any(name in err.getvalue() for name in known) and not out.getvalue()
        return Outcome("refused" if named else "unnamed", err.getvalue())
    if "--json" not in words:
        return Outcome("read")
    try:
        document = json.loads(out.getvalue(), parse_constant=lambda word: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return Outcome("not json", out.getvalue()[:300])
    return lost(kind, data, document, split.get(str(file)), out.getvalue())


def lost(kind: Kind, data: bytes, document: dict[str, Any], split: tuple[int, int] | None, out: str) -> Outcome:
    """`loss` where a file was read, but not all of its rows."""
    there = rows_of(kind, data)
    if split is not None and kind.text == "lines" and sum(split) != there:
        return Outcome("loss", f"{there} rows, {split[0]} split and {split[1]} set aside")
    named = kind.lenient and ("malformed" in out or "cannot be" in out)
    if split is not None and split[1] and kind.counted is None and not named:
        return Outcome("loss", f"{split[1]} rows set aside in silence")
    if kind.counted is not None and (counted := kind.counted(document)) != there:
        return Outcome("loss", f"{there} rows, {counted} read or counted")
    return Outcome("read")


@contextmanager
def watched(split: Split) -> Iterator[None]:
    """Note by file how many rows its reader was given, and how many were set aside."""
    plain = sources._csv_chunks  # below all readers

    def chunks(path: Path, *more: Any, **named: Any) -> Iterator[sources.Chunk]:
        rows = aside = 0
        for chunk in plain(path, *more, **named):
            rows += len(next(iter(chunk.columns.values()))) if chunk.columns else 0
            aside += len(chunk.malformed)
            yield chunk
        split[str(path)] = (rows, aside)

    sources._csv_chunks = chunks  # type: ignore[assignment]  # as above
    try:
        yield
    finally:
        sources._csv_chunks = plain  # as above


def rows_of(kind: Kind, data: bytes) -> int:
    """How many rows are in a file that was read."""
    if kind.text == "parquet":
        return int(pq.ParquetFile(io.BytesIO(data)).metadata.num_rows)
    data = damaged_files.unpacked(data)
    if kind.suffix == "jsonl":
        return sum(not line.isspace() and bool(line) for line in data.split(b"\n"))
    lines = [line.decode("latin-1") for line in data.splitlines()]
    if b"|" in data[:10]:
        return len(lines) - 1
    width, rows, at = len(next(csv.reader(lines[:1]), [])), 0, 1
    while at < len(lines):
        rows, at = rows + 1, at + _lines_of_cell(lines[at : at + 40], width)
    return rows


def _lines_of_cell(lines: list[str], width: int) -> int:
    """How many lines a row takes: more than one where a cell in quotes spans them, none of which is a row."""
    for end in range(2, len(lines) + 1):
        text = "\n".join(lines[:end])
        if lines[0].count('"') % 2 == 0 or len(next(csv.reader(lines[end - 1 : end]), [])) == width:
            break
        if text.count('"') % 2 == 0:
            try:
                rows = list(csv.reader(io.StringIO(text), strict=True))
            except csv.Error:
                break
            return end if [len(row) for row in rows] == [width] else 1
    return 1


def kinds() -> dict[str, Kind]:
    """All of them, by name; the files that their commands need are made with `prepare`."""
    requests = (
        "trace",
        "import",
        "FILE",
        "-o",
        "FOLDER/o.parquet",
        "--json",
        "--on-error",
        "skip",
        "--format",
    )
    jobs = ("trace", "import", "FILE", "-o", "FOLDER/o.parquet", "--json", "--jobs-log", "--format")

    def imported(document: dict[str, Any]) -> int:
        passed = sum(finding["count"] for finding in document["findings"] if finding["kind"] == "steps")
        return int(document["rows"]) + int(document["dropped"]) + passed

    named: Iterable[Kind] = (
        *(
            Kind(f"requests {form}", suffix, make, (*requests, form), imported, text)
            for form, suffix, make, text in damaged_files.REQUESTS
        ),
        *(
            Kind(f"jobs {form}", suffix, make, (*jobs, form), None if form == "kubernetes" else imported, text)
            for form, suffix, make, text in damaged_files.JOB_LOGS
        ),
        *(
            Kind(
                name,
                suffix,
                make,
                words,
                text=text,
                lenient=name in ("focus", "accounting"),
                place="catalog/offers.csv" if name == "own facts" else None,
            )
            for name, suffix, make, words, text in damaged_files.OTHERS
        ),
    )
    return {kind.name: kind for kind in named} | {
        kind.name + " stop": replace(
            kind,
            name=kind.name + " stop",
            words=tuple("stop" if word == "skip" else word for word in kind.words),
        )
        for kind in named
        if kind.name == "requests csv"
    }


prepare = damaged_files.prepare
