"""Fields of Parquet structs by dotted path: `usage.prompt_tokens`."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc


def field_paths(schema: pa.Schema) -> list[str]:
    """Names of the columns and dotted paths of the fields of structs."""
    return [path for field in schema for path in _paths(field, field.name)]


def _paths(field: pa.Field, path: str) -> Iterator[str]:
    yield path
    if pa.types.is_struct(field.type):
        for inner in field.type:
            yield from _paths(inner, f"{path}.{inner.name}")


def field_of(schema: pa.Schema, path: str) -> pa.Field:
    """The column or field at a path that `field_paths` gave."""
    for field in schema:
        if field.name == path:
            return field
    return _walk(schema, path)[-1]


def values_at(table: pa.RecordBatch, path: str) -> pa.Array:
    """The values of a column or field; null where the struct around it is."""
    if path in table.schema.names:
        return table[path]
    first, *inner = _walk(table.schema, path)
    column = table[first.name]
    for field in inner:
        column = pc.struct_field(column, field.name)
    return column


def _walk(fields: pa.Schema | pa.StructType, path: str) -> list[pa.Field]:
    """The fields from the column down to a path; names may themselves hold dots."""
    for field in fields:
        if field.name == path:
            return [field]
        if path.startswith(f"{field.name}.") and pa.types.is_struct(field.type):
            deeper = _walk(field.type, path[len(field.name) + 1 :])
            if deeper:
                return [field, *deeper]
    return []
