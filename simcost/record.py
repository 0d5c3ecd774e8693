"""Records: the classes of which scenarios and the catalog are made; each costs a command little time to define.

`dataclass` compiles six methods for each class, which took half of the time of `simcost check`. The methods of a record
are closures over the names of its fields instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")
_put = object.__setattr__


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """A frozen, slotted, keyword-only dataclass; `fields`, `replace` and inheritance work as ever.

    >>> @record
    ... class Price:
    ...     usd_per_h: float
    ...     minimum_s: float = 60.0
    >>> Price(usd_per_h=2.5), Price(usd_per_h=2.5) == Price(usd_per_h=2.5, minimum_s=60.0)
    (Price(usd_per_h=2.5, minimum_s=60.0), True)
    """
    result = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=True)(cls)
    for name, method in _methods(fields(result)).items():  # type: ignore[arg-type]  # it is a dataclass now
        if name not in cls.__dict__:
            setattr(result, name, method)
    return result


def _methods(own: Sequence[Field[Any]]) -> Mapping[str, Callable[..., Any]]:
    """The methods of a record with these fields."""
    names = [one.name for one in own]
    content = attrgetter(*names, "__class__")

    def equal(self: object, other: object) -> bool:
        return content(self) == content(other) if other.__class__ is self.__class__ else NotImplemented

    def text(self: object) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def state(self: object) -> list[Any]:
        return [getattr(self, name) for name in names]

    def restore(self: object, values: Sequence[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            _put(self, name, value)

    return {
        "__init__": _initializer(own),
        "__eq__": equal,
        "__hash__": lambda self: hash(content(self)),
        "__repr__": text,
        "__getstate__": state,
        "__setstate__": restore,
        "__setattr__": _frozen,
        "__delattr__": _frozen,
    }


def _initializer(own: Sequence[Field[Any]]) -> Callable[..., None]:
    """The method that sets all fields, by name or by default."""
    makers = {one.name: one.default_factory for one in own}
    defaults = {one.name: one.default for one in own}

    def initialize(self: Any, /, **values: Any) -> None:
        for name, default in defaults.items():
            if name in values:
                _put(self, name, values.pop(name))
            elif default is not MISSING:
                _put(self, name, default)
            elif (make := makers[name]) is not MISSING:
                _put(self, name, make())
            else:
                raise TypeError(f"{self.__class__.__name__}() lacks the argument {name!r}")
        if values:
            raise TypeError(f"{self.__class__.__name__}() has no argument {next(iter(values))!r}")
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    return initialize


def _frozen(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot change {name!r} of a {self.__class__.__name__}")
