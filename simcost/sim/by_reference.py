"""Named tuples of arrays that compiled functions pass on as a pointer.

By value a tuple of forty arrays is three hundred arguments of each call. The arrays stay where and as long as they are
while an entry runs, so what is read of them by the pointer may be read once.
"""

from hashlib import sha256
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.types.containers import BaseNamedTuple
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model


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


@intrinsic  # type: ignore[untyped-decorator]
def by_reference(_typing: Any, arrays: Any) -> Any:
    """A pointer to a named tuple, for the time that the function runs which calls this."""

    def write(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = cgutils.alloca_once_value(builder, arguments[0])
        # Nothing is known of the pointer from here on: else what is read once could be read before it is written.
        hidden = ir.FunctionType(place.type, [place.type])
        return builder.asm(hidden, "", "=r,0,~{memory}", [place], side_effect=True)

    return ByReference(arrays)(arrays), write
