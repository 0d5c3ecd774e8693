"""A value of a file with the place where it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

Keys = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""

Scalar = None | bool | int | float | str
Plain = Scalar | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlNode:
    """A value and where it was written; lines and columns count from 1."""

    value: Scalar | list[YamlNode] | dict[str, YamlNode]
    line: int
    column: int
    path: Keys
    """Keys and indices from the top of the file to where the value was written."""
    key: tuple[int, int] | None = None
    """Line and column of the key that leads here."""

    def plain(self) -> Plain:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        return [child.plain() for child in self.value] if isinstance(self.value, list) else self.value

    def get(self, key: str | int) -> YamlNode | None:
        """The child at a key or index, None where there is none."""
        if isinstance(self.value, dict):
            return self.value.get(str(key))
        inside = isinstance(self.value, list) and isinstance(key, int) and key < len(self.value)
        return self.value[key] if inside and isinstance(self.value, list) and isinstance(key, int) else None


def dotted(path: Keys) -> str:
    """Notation of a path: `plans.0.buy`."""
    return ".".join(map(str, path))


def items(node: YamlNode | None) -> list[YamlNode]:
    """The items of a list; none where there is no list."""
    return node.value if node is not None and isinstance(node.value, list) else []


def nested(keys: Sequence[str], value: YamlNode) -> YamlNode:
    """A mapping that holds nothing but a value, below keys."""
    for key in reversed(keys):
        value = replace(value, value={key: value})
    return value


def is_given(node: YamlNode | None) -> bool:
    """True if something was written: not `null`, `{}` or `[]`."""
    return node is not None and node.value is not None and node.value not in ({}, [])


def placed(value: Plain, place: YamlNode, path: tuple[str | int, ...]) -> YamlNode:
    """Plain data as if written at a place."""
    if isinstance(value, dict):
        under = {key: placed(child, place, (*path, key)) for key, child in value.items()}
        return replace(place, value=under, path=path)
    if isinstance(value, list):
        return replace(place, value=[placed(child, place, (*path, i)) for i, child in enumerate(value)], path=path)
    return replace(place, value=value, path=path)
