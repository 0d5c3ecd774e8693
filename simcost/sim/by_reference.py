"""Named tuples of arrays that entries and the functions in them get as a pointer.

By value a tuple of forty arrays is three hundred arguments of each call, and Python hands them over one by one. The
arrays stay where they are while an entry runs, so what is read of them by the pointer may be read once.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from operator import is_
from typing import Any, Generic, TypeVar

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import cgutils, types
from numba.core.types.containers import BaseNamedTuple
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from simcost.sim.compiled import code_for

R = TypeVar("R")


class ByReference(types.Type):
    """The type of a pointer to a named tuple of arrays, and of such tuples."""

    def __init__(self, fields: Any) -> None:
        self.fields, self.instance_class = fields, fields.instance_class
        short = sha256(str(fields).encode()).hexdigest()[:8]  # names of compiled functions are made of it
        super().__init__(name=f"{self.instance_class.__name__}_{short}")


@register_model(ByReference)
class _PointerModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, of: ByReference) -> None:
        super().__init__(manager, of, manager[of.fields].get_value_type().as_pointer())


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = ByReference

    def generic_resolve(self, value: ByReference, name: str) -> Any:
        if name not in value.fields.fields:
            return None
        found = value.fields.types[value.fields.fields.index(name)]
        return ByReference(found) if isinstance(found, BaseNamedTuple) else found


@lower_getattr_generic(ByReference)  # type: ignore[untyped-decorator]
def _read_field(context: Any, builder: Any, value: ByReference, pointer: Any, name: str) -> Any:
    """A tuple in the tuple by reference, an array by value."""
    i = value.fields.fields.index(name)
    found, place = value.fields.types[i], cgutils.gep_inbounds(builder, pointer, 0, i)
    if isinstance(found, BaseNamedTuple):
        return place
    return _read_once(builder, place, context.get_value_type(found))


def _read_once(builder: Any, place: Any, shape: Any) -> Any:
    """A structure of numbers and pointers that does not change."""
    if isinstance(shape, ir.LiteralStructType | ir.ArrayType):
        whole = ir.Constant(shape, ir.Undefined)
        for i in range(len(shape)):
            part = _read_once(
                builder, cgutils.gep_inbounds(builder, place, 0, i), shape.gep(ir.Constant(ir.IntType(32), i))
            )
            whole = builder.insert_value(whole, part, i)
        return whole
    read = builder.load(place)
    read.set_metadata("invariant.load", builder.module.add_metadata([]))
    return read


class Reference:
    """A pointer to a named tuple of arrays, and of such tuples, that Python keeps."""

    __slots__ = ("_words", "address", "kind")

    def __init__(self, arrays: Any) -> None:
        self.kind = ByReference(typeof(arrays))
        self._words = np.array([*_words(arrays)], np.intp)
        self.address = int(self._words.ctypes.data)


def _words(arrays: Any) -> Iterator[int]:
    """The tuple as compiled code has it: of each array no owner, no object, its size, place, lengths and strides."""
    for one in arrays:
        if isinstance(one, np.ndarray):
            yield from (0, 0, one.size, one.itemsize, one.ctypes.data, *one.shape, *one.strides)
        else:
            yield from _words(one)


@typeof_impl.register(Reference)  # type: ignore[untyped-decorator]
def _kind(reference: Reference, _context: Any) -> ByReference:
    return reference.kind


@unbox(ByReference)  # type: ignore[untyped-decorator]
def _pointer(kind: ByReference, reference: Any, c: Any) -> Any:
    number = c.pyapi.object_getattr_string(reference, "address")
    place = c.pyapi.long_as_voidptr(number)
    c.pyapi.decref(number)
    return NativeValue(c.builder.bitcast(place, c.context.get_value_type(kind)))


class Loop(Generic[R]):
    """An entry that is called thousands of times with the same named tuples: they are handed over once.

    Args:
        entry: its first arguments are the tuples, by reference; the types of the others are always the same.
    """

    def __init__(self, entry: Callable[..., R]) -> None:
        self._entry, self._code = entry, entry
        self._tuples: tuple[Any, ...] = ()
        self._references: tuple[Reference, ...] = ()

    def __call__(self, tuples: tuple[Any, ...], *others: Any) -> R:
        """Call the entry; return as it does."""
        if not (self._tuples and all(map(is_, tuples, self._tuples))):
            self._tuples, self._references = tuples, tuple(map(Reference, tuples))
            self._code = code_for(self._entry, *self._references, *others)
        return self._code(*self._references, *others)
