"""Bytes that are not UTF-8: the encoding they look like, and how to convert the file."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

_SHOWN = 40
_SAMPLE = 256
_TAB = 9
_UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")
"""Bytes that Windows-1252 does not use."""


def without_mark(data: bytes) -> bytes:
    """The bytes without the mark of UTF-8 that spreadsheets put first."""
    return data.removeprefix(BOM_UTF8)


def is_utf8(data: bytes) -> bool:
    """True if the bytes are UTF-8 text."""
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_PACKED = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"PAR1": "is a Parquet file; pass --format parquet, or let its name end with .parquet",
    b"\xfd7zXZ\x00": "is packed by xz; unpack it, or pack it by gzip",
}
"""First bytes of binary formats, and the remedy for each."""


def not_text(head: bytes) -> str:
    """Message if the first bytes of a file are those of another format or of UTF-16, else the empty text."""
    if wide := wide_encoding(head):
        return f"looks like {wide}; convert it with iconv -f {wide} -t UTF-8"
    return next((said for mark, said in _PACKED.items() if head.startswith(mark)), "")


def wide_encoding(head: bytes) -> str:
    """`UTF-16` or `UTF-32` if the first bytes of a file look like it, else the empty text."""
    sample = head[:_SAMPLE]
    if sample.startswith((BOM_UTF32_LE, BOM_UTF32_BE)):
        return "UTF-32"
    if sample.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "UTF-16"
    text = sample.replace(b"\0", b"")
    share = 1 - len(text) / len(sample) if text and min(text) >= _TAB else 0.0
    return "UTF-32" if share > 0.7 else "UTF-16" if share > 0.4 else ""


def not_utf8(data: bytes) -> str:
    """Message for bytes that are not UTF-8: the bytes, what they would be, and the remedy."""
    first = next((i for i, byte in enumerate(data) if byte > 0x7F), 0)
    part = data[max(first - _SHOWN // 2, 0) :][:_SHOWN]
    high = {byte for byte in data if byte > 0x7F}
    name = "ISO-8859-1" if not any(0x80 <= byte < 0xA0 for byte in high) else "WINDOWS-1252"
    if high & _UNDEFINED:
        return f"{part!r} is not UTF-8; save the file as UTF-8, or is it damaged?"
    said = {"ISO-8859-1": "Latin-1", "WINDOWS-1252": "Windows-1252"}[name]
    read = part.decode("latin-1" if name == "ISO-8859-1" else "cp1252")
    return f"{part!r} is not UTF-8; if {read!r} is meant, it is {said}: convert the file with iconv -f {name} -t UTF-8"
