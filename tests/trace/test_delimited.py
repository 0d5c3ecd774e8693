"""Records of delimited text: quotes, line ends, encodings; nothing that a file holds is lost in silence."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simcost.tables import delimited
from simcost.tables.delimited import (
    Malformed,
    RecordBlock,
    TextDialect,
    count_lines,
    read_blocks,
    read_header,
)
from simcost.tables.encoding import not_utf8, wide_encoding

NAMES = ("time", "note", "value")
OTHER_SHAPES = [
    b'1,"a\nb",2\n',
    b'1,"a,\n,b",2\n',
    b'"1","{""a"": 1,\n""b"": 2}",3\n',
    b'1,"Dear all,\r\nfirst, second\r\nthanks",2\r\n',
    b'1,"\n",2\n',
    b'1,5" disk,2\n',
    b'1,"ab"cd,2\n',
]
"""Records that are legal, whatever else is in the file."""


def blocks(text: bytes, delimiter: str = ",", *, quoted: bool = True) -> list[RecordBlock]:
    layout = TextDialect(delimiter=delimiter, quoted=quoted, names=NAMES, read=(0, 1, 2))
    return list(read_blocks(io.BytesIO(text), layout))


def malformed(text: bytes) -> list[Malformed]:
    return [each for block in blocks(text) for each in block.malformed]


def kept(text: bytes) -> list[list[str]]:
    """The cells of the records that are left, as Python's reader sees them."""
    data = b"".join(block.data for block in blocks(text)).decode()
    return list(csv.reader(io.StringIO(data, newline="")))


@pytest.mark.parametrize("record", OTHER_SHAPES)
@pytest.mark.parametrize("size", [7, 2_097_152])
def test_legal_records_stay_whole(record: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
    text = b"0,x,1\n" + record + b"9,y,1\n"
    assert malformed(text) == []
    assert kept(text) == list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert sum(block.count for block in blocks(text)) == 3


@given(
    st.lists(
        st.sampled_from(["0,a,1", "", '"0,a,1', '1,"b",2', '"']).flatmap(
            lambda line: st.sampled_from(["\n", "\r", "\r\n"]).map(lambda end: (line + end).encode())
        ),
        max_size=6,
    )
)
def test_records_that_are_left_keep_their_number_whatever_ends_their_lines(lines: list[bytes]) -> None:
    text = b"".join(lines)
    count = sum(block.count for block in blocks(text))
    assert len(kept(text)) == count


def test_a_line_that_is_set_aside_does_not_join_the_line_ends_around_it() -> None:
    text = b'0,a,1\r"1,b,2\n\n3,c,4\n'
    assert [one.line for one in malformed(text)] == [3]
    assert kept(text) == [["0", "a", "1"], [], ["3", "c", "4"]]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b'0,a,1\n1,"b,2\n2,c,3\n', [3]),
        (b'0,a,1\n1,b,"2\n2,c,3\n', [3]),
        (b'0,a,1\n1,"b,2\n2,"c",3\n', [3]),
        (b'0,a,1\n1,"b,2\n2,c,3\n3,"d,4\n4,e,5\n', [3, 5]),
        (b'0,a,1\n1,b,"2\n2,c,3\n3,d,4"\n4,e,5\n', [3]),
        (b'0,a,1\n1,b,"2\n2,c,3\n3,d,"\n4,e,5\n', [3, 5]),
        (b'"0,a,1\n1,b,2\n"2,c,3\n', [2, 4]),
        (b'0,a,1\n1,"b\nc",2,3,4\n4,e,5\n', [3, 4]),
        (b'0,a,1\r1,"b,2\r2,c,3\r', [3]),
        (b'0,a,"', [2]),
        (b'\n0,a,1\n\n1,"b,2\n\n2,c,3\n\n3,d""",4\n\n4,e,5\n', [2, 4, 5, 6, 8, 10]),
    ],
)
def test_a_quote_that_is_never_closed_costs_its_line_only(text: bytes, lines: list[int]) -> None:
    found = malformed(text)
    short = [block.placer()(i) for block in blocks(text) for i, cells in enumerate(kept(text)) if len(cells) != 3]
    numbers = [each.line for each in found] + [int(place.split("line ")[1][:-1]) for place in short]
    assert sorted(numbers) == lines
    assert all("never closed" in each.reason for each in found)
    assert sum(block.count for block in blocks(text)) + len(found) == count_lines(text)


@given(
    rows=st.lists(st.sampled_from(["n", "q", "m", "e", "l"]), min_size=1, max_size=12),
    at=st.integers(0, 11),
    where=st.sampled_from(["note", "value", "time"]),
    size=st.sampled_from([16, 64, 1 << 21]),
)
def test_one_open_quote_among_rows_of_any_kind(rows: list[str], at: int, where: str, size: int) -> None:
    """Every other row is read, and the line of the quote is named."""
    kinds = {
        "n": "{i},x,1",
        "q": '{i},"x, ""y""",1',
        "m": '{i},"x\nlast words",1',
        "e": '{i},"",1',
        "l": '"{i}",x,"1"',
    }
    bad = {"note": '{i},"x,1', "value": '{i},x,"1', "time": '"{i},x,1'}[where]
    at = min(at, len(rows))
    texts = [kinds[kind].format(i=i) for i, kind in enumerate(rows)]
    texts.insert(at, bad.format(i=99))
    text = "".join(line + "\n" for line in texts).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", size)
        patch.setattr(delimited, "_LONGEST_CELL", 1 << 20)
        found = malformed(text)
        records = kept(text)
    line = 2 + sum(each.count("\n") + 1 for each in texts[:at])
    assert [each.line for each in found] == [line]
    assert [cells[0] for cells in records] == [str(i) for i in range(len(rows))]


@given(
    text=st.binary(max_size=80) | st.text('a",\n\r1\xe9', max_size=60).map(str.encode),
    size=st.sampled_from([4, 64]),
)
@example(text=b'00000000\r0\r"\r",,', size=4)
@example(text=b'\r0","\n\n', size=64)
def test_every_line_is_in_a_record_or_named(text: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", size)
        found = blocks(text)
    lines = sum(count_lines(block.data) + len(block.malformed) for block in found)
    assert lines == count_lines(text)
    numbers = [block.number(i) for block in found for i in range(block.count)]
    numbers += [(each.row, each.line) for block in found for each in block.malformed]
    assert sorted(row for row, _ in numbers) == list(range(1, len(numbers) + 1))
    assert sorted(numbers) == sorted(numbers, key=lambda number: number[1])


def test_rows_that_are_not_utf8_are_named_with_their_bytes_and_the_remedy() -> None:
    found = malformed("0,a,1\n1,Jürgen,2\n2,Jürgen\n3,€,1\n".encode("cp1252"))
    assert [(each.place, each.reason.split(";")[0]) for each in found] == [
        ("row 2 (line 3)", r"note: b'J\xfcrgen' is not UTF-8"),
        ("row 3 (line 4)", "2 values, but the header has 3 columns"),
        ("row 4 (line 5)", r"note: b'\x80' is not UTF-8"),
    ]
    assert "Latin-1: convert the file with iconv -f ISO-8859-1 -t UTF-8" in found[0].reason
    assert "'€' is meant, it is Windows-1252" in found[2].reason
    assert "is it damaged?" in not_utf8(b"\x81\xff")


def test_one_value_is_not_values() -> None:
    assert delimited.wrong_count(1, 3) == "1 value, but the header has 3 columns"


def test_bytes_of_columns_that_are_not_read_do_not_matter() -> None:
    layout = TextDialect(delimiter=",", quoted=True, names=NAMES, read=(0, 2))
    assert [block.malformed for block in read_blocks(io.BytesIO(b"1,J\xfcrgen,2\n"), layout)] == [[]]


def test_headers() -> None:
    assert read_header(b'\xef\xbb\xbf"a, b",c\r\n1,2\r\n', ",", quoted=True) == (
        ["a, b", "c"],
        b'\xef\xbb\xbf"a, b",c\r\n',
    )
    assert read_header(b'a,"b\nc"\n1,2\n', ",", quoted=True)[0] == ["a", "b\nc"]
    assert read_header(b'a|"b\n1|2\n', "|", quoted=False)[0] == ["a", '"b']
    for text, said in [
        (b'a,"b\n1,2\n', "line 1: the quote that opens here is never closed: '\"b'"),
        (b'a,"b\n1,2\n2,c"\n', "never closed"),
        (b"a,\xfc\n1,2\n", "not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "looks like UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "iconv -f UTF-16 -t UTF-8"),
    ]:
        with pytest.raises(csv.Error, match=said):
            read_header(text, ",", quoted=True)
    assert wide_encoding("a,b\n1,2\n".encode("utf-32")) == "UTF-32"
    assert wide_encoding(b"\0\1" * 90) == ""


def test_a_line_that_is_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 64)
    monkeypatch.setattr(delimited, "_LONGEST_LINE", 256)
    with pytest.raises(csv.Error, match="line 3 is longer"):
        blocks(b"1,2,3\n" + b"x" * 1000)
