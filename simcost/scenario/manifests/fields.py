"""Fields of a manifest, read one by one: wrong values become located faults, unread keys are remembered.

Numbers may be Kubernetes quantities or Go durations.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from math import fsum, inf
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin, get_type_hints

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import YamlNode, dotted

_DECIMAL = {
    "n": "1e-9",
    "u": "1e-6",
    "m": "1e-3",
    "": "1",
    "k": "1e3",
    "M": "1e6",
    "G": "1e9",
    "T": "1e12",
    "P": "1e15",
    "E": "1e18",
}
_SUFFIXES = {name: Decimal(factor) for name, factor in _DECIMAL.items()} | {
    f"{name}i": Decimal(2) ** (10 * power) for power, name in enumerate("KMGTPE", 1)
}
_LARGEST = 1e100
"""Products and quotients of what is below stay finite."""
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def quantity(text: str) -> float:
    """A Kubernetes quantity.

    Raises:
        ValueError: it is none; the message says how one is written.

    >>> quantity("200m"), quantity("1.5k"), quantity("2Gi"), quantity("12e3")
    (0.2, 1500.0, 2147483648.0, 12000.0)
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a quantity; write e.g. 4, 0.5, 500m or 2Gi")
    try:
        value = float(Decimal(match[1]) * _SUFFIXES[match[2]])
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"{text!r} is too large for a number") from error
    if value and not 1 / _LARGEST <= abs(value) <= _LARGEST:
        raise ValueError(f"{text!r} is too {'large' if abs(value) > 1 else 'near 0'} for a number")
    return value


def go_duration(text: str) -> float:
    """Seconds of a duration in Go's form.

    Raises:
        ValueError: it is none; the message says how one is written.

    >>> go_duration("1h30m"), go_duration("100ms"), go_duration("0")
    (5400.0, 0.1, 0.0)
    """
    bare = text.strip()
    if bare in ("0", "+0", "-0"):
        return 0.0
    parts = _PART.findall(bare)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        raise ValueError(f"{text!r} is not a duration; write e.g. 30s, 5m or 1h30m")
    return float(f"{fsum(float(number) * _SECONDS[unit] for number, unit in parts):.15g}")


ALIKE = 0.85
"""Likeness of a key to a field, or of a metric to another, from which on it is taken as misspelt."""


def _last(key: str) -> str:
    """A key without its group, in small letters."""
    return key.rpartition("/")[2].lower()


T = TypeVar("T")
_LONGEST = 300
"""Digits of a number that is a float."""


@dataclass(slots=True)
class ManifestFile:
    """One file as it is read."""

    file: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[Fields] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Notes on what is simulated otherwise than it is written."""

    def fault(self, node: YamlNode, message: str, *more: str) -> None:
        """Note a fault at a node; `more` extends its path."""
        self.faults.append(fault_at(node, message, self.file, *more))

    def not_simulated(self) -> list[str]:
        """Paths of unread keys, and the notes."""
        unread = [
            dotted((*fields.node.path, key)) + fields.misspelt(key)
            for fields in self.seen
            for key in fields.mapping
            if key not in fields.read
        ]
        return [*unread, *self.notes]


@dataclass(slots=True)
class Fields:
    """The mapping at a node."""

    reading: ManifestFile
    node: YamlNode
    read: set[str] = field(default_factory=set)
    children: dict[str, Fields] = field(default_factory=dict)
    lists: dict[str, list[Fields]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reading.seen.append(self)

    @property
    def mapping(self) -> dict[str, YamlNode]:
        """Its entries; none where it is not a mapping."""
        return self.node.value if isinstance(self.node.value, dict) else {}

    def get(self, key: str) -> YamlNode | None:
        """The value of a key, which counts as read; None where it is absent or null."""
        self.read.add(key)
        node = self.mapping.get(key)
        return None if node is None or node.value is None else node

    def has(self, key: str) -> bool:
        """True if a key is given."""
        node = self.mapping.get(key)
        return node is not None and node.value is not None

    def misspelt(self, key: str) -> str:
        """The field that a key was most likely meant as, of those that were looked for and are not given."""
        asked = {_last(name): name for name in sorted(self.read) if name not in self.mapping}
        near = get_close_matches(_last(key), asked, n=1, cutoff=ALIKE)
        return f" (did you mean {asked[near[0]]}?)" if near else ""

    def passes(self, *keys: str) -> None:
        """Keys that say which object is meant, and change no number."""
        self.read.update(keys)

    def fault(self, message: str, key: str = "") -> None:
        """Note a fault of the mapping, or of a key of it."""
        child = self.mapping.get(key) if key else None
        if child is not None:
            self.reading.fault(child, message)
        else:
            self.reading.fault(self.node, message, *([key] if key else []))

    def child(self, key: str, *, required: bool = False) -> Fields | None:
        """The mapping at a key."""
        if key in self.children:
            return self.children[key]
        node = self.get(key)
        if node is None:
            if required:
                self.fault("is required, and missing", key)
            return None
        if not isinstance(node.value, dict):
            self.reading.fault(node, f"expected a mapping, not {shown(node.value)}")
            return None
        return self.children.setdefault(key, Fields(self.reading, node))

    def items(self, key: str, *, required: bool = False) -> list[Fields]:
        """The mappings of a list."""
        if key not in self.lists:
            nodes = self.nodes(key, required=required)
            self.lists[key] = [Fields(self.reading, node) for node in nodes if self._is_mapping(node)]
        return self.lists[key]

    def nodes(self, key: str, *, required: bool = False) -> list[YamlNode]:
        """The values of a list."""
        node = self.get(key)
        if node is None:
            if required:
                self.fault("is required, and missing", key)
            return []
        if not isinstance(node.value, list):
            self.reading.fault(node, f"expected a list, not {shown(node.value)}")
            return []
        return node.value

    def _is_mapping(self, node: YamlNode) -> bool:
        if isinstance(node.value, dict):
            return True
        self.reading.fault(node, f"expected a mapping, not {shown(node.value)}")
        return False

    def text(self, key: str, *, required: bool = False) -> str | None:
        """A text; numbers are taken as they are written."""
        node = self._scalar(key, required=required)
        return None if node is None else str(node.value)

    def words(self, key: str) -> list[str]:
        """A list of texts."""
        return [str(node.value) for node in self.nodes(key) if not isinstance(node.value, dict | list)]

    def choice(self, key: str, known: Sequence[str], *, required: bool = False) -> str | None:
        """One of some words."""
        node = self._scalar(key, required=required)
        if node is None or str(node.value) in known:
            return None if node is None else str(node.value)
        near = did_you_mean(str(node.value), known)
        self.reading.fault(node, f"{shown(node.value)} is not one of {', '.join(known)}{near}")
        return None

    def flag(self, key: str) -> bool | None:
        """True or false, in quotes or not."""
        node = self._scalar(key, required=False)
        if node is None:
            return None
        word = str(node.value).lower()
        if word not in ("true", "false"):
            self.reading.fault(node, f"{shown(node.value)} is neither true nor false")
            return None
        return word == "true"

    def quantity(
        self, key: str, low: float = 0.0, high: float = inf, *, above: bool = False, required: bool = False
    ) -> float | None:
        """A Kubernetes quantity or a plain number, from `low` up, or above it, to `high`."""
        value = self._parsed(key, quantity, required=required)
        if value is not None and value > high:
            self.fault(f"{shown(self.mapping[key].value)} must be at most {high:g}", key)
            return None
        if value is not None and (value < low or (above and value == low)):
            self.fault(f"{shown(self.mapping[key].value)} must be {'above' if above else 'at least'} {low:g}", key)
            return None
        return value

    def count(self, key: str, low: int = 0, high: int = 1_000_000, *, required: bool = False) -> int | None:
        """A whole number, in quotes or not."""
        value = self._parsed(key, _whole, required=required)
        if value is not None and not low <= value <= high:
            self.fault(f"{value} must be from {low} to {high}", key)
            return None
        return value

    def seconds(self, key: str, low: float = 0.0, high: float = 1e9) -> float | None:
        """A number of seconds."""
        value = self._parsed(key, quantity, required=False)
        if value is not None and not low <= value <= high:
            self.fault(f"{value:g} must be from {low:g} to {high:g} seconds", key)
            return None
        return value

    def duration(self, key: str, low: float = 0.0, high: float = 1e9) -> float | None:
        """A duration in Go's form."""
        value = self._parsed(key, go_duration, required=False)
        if value is not None and not low <= value <= high:
            self.fault(f"{shown(self.mapping[key].value)} must be from {low:g} to {high:g} seconds", key)
            return None
        return value

    def _parsed(self, key: str, parse: Callable[[str], T], *, required: bool) -> T | None:
        node = self._scalar(key, required=required)
        if node is None:
            return None
        if isinstance(node.value, bool):
            self.reading.fault(node, f"{shown(node.value)} is not a number")
            return None
        try:
            return parse(str(node.value))
        except ValueError as error:
            self.reading.fault(node, str(error))
            return None

    def _scalar(self, key: str, *, required: bool) -> YamlNode | None:
        result = self.get(key)
        if result is None:
            if required:
                self.fault("is required, and missing", key)
            return None
        if isinstance(result.value, dict | list):
            self.reading.fault(result, f"expected one value, not {shown(result.value)}")
            return None
        return result

    def build(self, make: Callable[..., T], /, **fields: object) -> T | None:
        """The object of these fields, None = its own default; what it refuses is a fault of the mapping."""
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            _check_limits(make, given)
            return make(**given)
        except (ValueError, TypeError) as error:
            if not self.reading.faults:
                self.fault(str(error))
            return None


def _check_limits(make: Callable[..., object], given: Mapping[str, object]) -> None:
    """Raise ValueError for numbers beyond the limits that the fields of a class declare."""
    hints = get_type_hints(make, include_extras=True) if isinstance(make, type) else {}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        for limit in _limits(hints.get(name)):
            for bound, holds, word in (
                ("ge", operator.ge, "at least"),
                ("gt", operator.gt, "above"),
                ("le", operator.le, "at most"),
                ("lt", operator.lt, "below"),
            ):
                if (end := getattr(limit, bound, None)) is not None and not holds(value, end):
                    raise ValueError(f"{name} ({value:g}) must be {word} {end:g}")


def _limits(hint: object) -> Iterator[object]:
    """Limits of a type in `Annotated`, or of the members of a union."""
    if get_origin(hint) is Annotated:
        yield from get_args(hint)[1:]
    elif get_origin(hint) in (Union, UnionType):
        for part in get_args(hint):
            yield from _limits(part)


def _whole(text: str) -> int:
    number = float(text) if len(text) < _LONGEST and text.replace(".", "", 1).isdecimal() else None
    if number is None or number != int(number):
        raise ValueError(f"{text!r} is not a whole number")
    return int(number)


def each(fields: Sequence[Fields], read: Callable[[Fields], T | None]) -> Iterator[T]:
    """Readable part of each mapping."""
    for one in fields:
        made = read(one)
        if made is not None:
            yield made
