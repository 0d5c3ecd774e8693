"""YAML text to located nodes: YAML 1.2 core scalars, no tags, bounded aliases, every fault with its place.

Built from the parser's events, without recursion, so that no input can exhaust the stack or the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

import yaml

from simcost.errors import Fault
from simcost.scenario.files.nodes import Keys, Scalar, YamlNode, dotted
from simcost.scenario.files.syntax_faults import place_of, position, words_of
from simcost.tables.encoding import wide_encoding

MAX_BYTES = 2**24
MAX_NODES = 2_000_000
MAX_DEPTH = 50
MAX_INTEGER = 2**53

FUNCTIONS = {
    f"!{name}": name if name in ("Ref", "Condition") else f"Fn::{name}"
    for name in (
        "Ref",
        "Condition",
        "Sub",
        "GetAtt",
        "If",
        "Join",
        "Select",
        "Split",
        "FindInMap",
        "ImportValue",
        "Equals",
        "Not",
        "And",
        "Or",
        "Base64",
        "Cidr",
        "GetAZs",
        "Transform",
    )
}
"""Functions of CloudFormation by their tags, and what they are called without one."""
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(file: Path) -> tuple[str, list[Fault]]:
    """The text of a file, or the fault that keeps it from being read."""
    try:
        raw = file.read_bytes() if file.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        remedy = "; name a file in it" if file.is_dir() else ""
        return "", [Fault(file=str(file), message=f"cannot be read: {error.strerror}{remedy}")]
    if raw is None:
        return "", [Fault(file=str(file), message=f"is larger than {MAX_BYTES:,} bytes: too large for a scenario")]
    if raw.startswith(b"PAR1"):
        message = "is a Parquet file, not YAML; of a trace `simcost init FILE.yaml --trace TRACE` writes a scenario"
        return "", [Fault(file=str(file), message=message)]
    if wide := wide_encoding(raw):
        message = f"looks like {wide}; save it as UTF-8, or convert it with iconv -f {wide} -t UTF-8"
        return "", [Fault(file=str(file), message=message)]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return "", [Fault(file=str(file), line=line, column=column, message="is not UTF-8 text here; save it as UTF-8")]


def parse(text: str, file: str) -> tuple[YamlNode | None, list[Fault]]:
    """The document of a YAML text and all faults of its syntax; None where it has no usable document."""
    builder = _build(text, _Builder(file=file))
    return builder.root, builder.faults


def parse_documents(text: str, file: str) -> tuple[list[YamlNode], list[Fault]]:
    """All documents of a YAML text that hold something, and all faults of its syntax."""
    builder = _build(text, _Builder(file=file, many=True))
    roots = [*builder.roots, *([builder.root] if builder.root is not None else [])]
    return [root for root in roots if root.value is not None], builder.faults


def _build(text: str, builder: _Builder) -> _Builder:
    """The text taken in; its faults are among the faults."""
    try:
        text.encode("utf-8")  # lone surrogates cannot be parsed
        for event in _events(text):
            builder.take(event)
    except _TooLargeError:
        builder.root = None
        return builder
    except UnicodeEncodeError:
        builder.fault(1, 1, (), "is not UTF-8 text")
    except yaml.YAMLError as error:
        builder.fault(*place_of(error, text), (), words_of(error, text))
        builder.root = None
        return builder
    if builder.root is None and not builder.faults:
        builder.fault(1, 1, (), "is empty")
    return builder


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
    return events


def scalar_spans(text: str) -> Iterator[tuple[int, int, bool]]:
    """First and last offset of each scalar, and True if it is quoted or a block; up to the first syntax fault."""
    starts = [0, *(found.end() for found in re.finditer(r"\r\n|[\n\r\x85\u2028\u2029]", text))]
    with suppress(yaml.YAMLError):
        for event in _events(text):
            if isinstance(event, yaml.ScalarEvent) and event.start_mark and event.end_mark:
                first, last = (starts[mark.line] + mark.column for mark in (event.start_mark, event.end_mark))
                yield first, last, event.style in ("'", '"', "|", ">")


class _TooLargeError(Exception):
    """Further reading would not end well; the fault is noted already."""


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not been seen."""

    node: YamlNode
    anchor: str | None
    key: YamlNode | None = None
    """Of a mapping: the key that waits for its value."""
    size: int = 1
    height: int = 1


@dataclass(slots=True)
class _Builder:
    """Nodes from events."""

    file: str
    many: bool = False
    """True if there may be several documents."""
    faults: list[Fault] = field(default_factory=list)
    root: YamlNode | None = None
    roots: list[YamlNode] = field(default_factory=list)
    """The documents before."""
    documents: int = 0
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[YamlNode, int, int]] = field(default_factory=dict)
    """Name to node, number of nodes in it, and height."""

    def fault(self, line: int, column: int, path: Keys, message: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(file=self.file, line=line, column=column, path=dotted(path), message=message))

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        line, column = position(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.root is not None and self.many:
                self.roots.append(self.root)
                self.root, self.anchors = None, {}
            elif self.documents > 1 and not self.many:
                self.fault(line, column, (), "starts a second document; a scenario file holds one")
                raise _TooLargeError
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event, line, column)
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self.open.pop()
            self._add(closed.node, closed.anchor, closed.size, closed.height)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), line, column)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line, column)

    def _start(self, event: yaml.CollectionStartEvent, line: int, column: int) -> None:
        self._no_tag(event, line, column)
        if len(self.open) >= MAX_DEPTH:
            self._too_large(line, column, f"is nested deeper than {MAX_DEPTH} levels")
        empty: dict[str, YamlNode] | list[YamlNode] = {} if isinstance(event, yaml.MappingStartEvent) else []
        node = YamlNode(value=empty, line=line, column=column, path=self._path())
        self.open.append(_Open(node=node, anchor=event.anchor))

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> None:
        function = FUNCTIONS.get(event.tag or "") if self.many else None
        if function is None:
            self._no_tag(event, line, column)
        is_key = bool(self.open) and isinstance(self.open[-1].node.value, dict) and self.open[-1].key is None
        value: Scalar = event.value
        if event.implicit[0] and not is_key:  # quoted and block scalars are text, and so are keys
            try:
                value = scalar(event.value)
            except ValueError as error:
                self.fault(line, column, self._path(), str(error))
        node = YamlNode(value=value, line=line, column=column, path=self._path())
        if function is not None:
            node = replace(node, value={function: node})
        self._add(node, event.anchor, 1, 0)

    def _alias(self, anchor: str, line: int, column: int) -> None:
        if anchor not in self.anchors:
            nested = any(one.anchor == anchor for one in self.open)
            why = "refers to a value that contains it" if nested else "refers to no anchor before it"
            self.fault(line, column, self._path(), f"*{anchor} {why}")
            self._add(YamlNode(value=None, line=line, column=column, path=self._path()), None, 1, 0)
            return
        node, size, height = self.anchors[anchor]
        if len(self.open) + height > MAX_DEPTH:
            self._too_large(line, column, f"*{anchor} makes values nested deeper than {MAX_DEPTH} levels")
        self._add(replace(node, line=line, column=column, path=self._path()), None, size, height)

    def _add(self, node: YamlNode, anchor: str | None, size: int, height: int) -> None:
        """Put a finished node into the open one around it."""
        if anchor is not None:
            self.anchors[anchor] = (node, size, height)
        if not self.open:
            self.root = node
            return
        around = self.open[-1]
        around.size, around.height = around.size + size, max(around.height, height + 1)
        if sum(one.size for one in self.open) > MAX_NODES:
            self._too_large(node.line, node.column, f"holds more than {MAX_NODES:,} values, aliases expanded")
        if isinstance(around.node.value, list):
            around.node.value.append(node)
        elif isinstance(around.node.value, dict):
            self._pair(around, around.node.value, node)

    def _pair(self, around: _Open, mapping: dict[str, YamlNode], node: YamlNode) -> None:
        """The key, or the value that belongs to the key seen before."""
        if around.key is None:
            around.key = node
            return
        key, around.key = around.key, None
        if not isinstance(key.value, str):
            self.fault(key.line, key.column, around.node.path, "is not a key: keys are plain text")
        elif key.value in mapping:
            first = mapping[key.value].key or (0, 0)
            self.fault(
                key.line,
                key.column,
                (*around.node.path, key.value),
                f"the key {key.value!r} appears twice; first in line {first[0]}",
            )
        else:
            mapping[key.value] = replace(node, key=(key.line, key.column))

    def _path(self) -> Keys:
        """Path of the next node."""
        if not self.open:
            return ()
        around = self.open[-1]
        if isinstance(around.node.value, list):
            return (*around.node.path, len(around.node.value))
        return (*around.node.path, str(around.key.value)) if around.key else around.node.path

    def _no_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int, column: int) -> None:
        if event.tag is not None and not (self.many and event.tag in FUNCTIONS):
            self.fault(line, column, self._path(), f"has the tag {event.tag!r}; tags are not allowed: remove it")

    def _too_large(self, line: int, column: int, message: str) -> None:
        self.fault(line, column, self._path(), message)
        raise _TooLargeError


def scalar(text: str) -> Scalar:
    """A plain scalar by the YAML 1.2 core schema: no `yes`/`on`, no sexagesimals, no dates.

    Raises:
        ValueError: an integer of 2^53 or more, an infinite number or none.

    >>> [scalar(word) for word in ("on", "1e3", "08:30", "0o17", "~", "true")]
    ['on', 1000.0, '08:30', 15, None, True]
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _DECIMAL.fullmatch(text) or _BASED.fullmatch(text):
        number = int(text, 0) if _BASED.fullmatch(text) else _decimal(text)
        if abs(number) >= MAX_INTEGER:
            raise ValueError(f"{text[:20]} is too large for a whole number: 2^53 or more")
        return number
    if _SPECIAL.fullmatch(text) or (_FLOAT.fullmatch(text) and not isfinite(float(text))):
        raise ValueError(f"{text[:20]} is not a finite number")
    return float(text) if _FLOAT.fullmatch(text) else text


def _decimal(text: str) -> int:
    """An integer; one of very many digits is cut, it is too large anyway."""
    return int(text.lstrip("+-0")[:30] or "0") * (-1 if text.startswith("-") else 1)
