"""JSON schemas of rows that leave as they come out of a store: for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Column
from sqlalchemy.sql.elements import Label

from storage.relational import reads

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
FLAG: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
_TYPES: Final[Mapping[type, Schema]] = {str: TEXT, int: WHOLE, float: NUMBER, bool: FLAG}


def row(**fields: Schema) -> Schema:
    """Return the schema of an object that has all of these fields."""
    return {"type": "object", "required": list(fields), "properties": fields}


def or_null(schema: Schema) -> Schema:
    """Return the schema of what may be missing."""
    return schema | {"type": [schema["type"], "null"]}


def of_list(kind: str | reads.List, **more: Schema) -> Schema:
    """Return the schema of an item of a list of `storage.relational`, with `more` fields.

    What is joined from another table is null when there is no row of it.
    """
    a_list = reads.LISTS[kind] if isinstance(kind, str) else kind
    fields: dict[str, Schema] = {}
    for column in a_list.columns:
        if column.key in more:
            continue
        source = column.element if isinstance(column, Label) else column
        assert isinstance(source, Column)
        schema = _TYPES[source.type.python_type]
        if source.name in reads.JSON_LISTS:
            schema = TEXTS
        is_joined = source.table is not a_list.order.table
        fields[column.key or source.name] = (
            or_null(schema) if is_joined or source.nullable else schema
        )
    return row(**(fields | more))


def of_struct(kind: type[msgspec.Struct], *left_out: str) -> Schema:
    """Return the schema of a record."""
    return row(
        **{
            field.name: msgspec.json.schema(field.type)
            for field in msgspec.structs.fields(kind)
            if field.name not in left_out
        }
    )
