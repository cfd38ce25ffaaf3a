"""Small words of JSON Schema (2020-12), which OpenAPI 3.1 speaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
# What CommonMark, in which descriptions are written, takes for more than itself.
_MARKS = re.compile(r"[\\`*_\[\]#|~]")


def plain(text: str) -> str:
    """Words of a model's maker, for a description: shown as they are, neither as Markdown nor as markup."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")


def component(kind: str, name: str) -> Json:
    """A reference to a component of the document, such as ("schemas", "Error")."""
    return {"$ref": f"#/components/{kind}/{name}"}


def record(required: Json, optional: Json | None = None, *, is_open: bool = True) -> Json:
    """An object with these properties; `is_open` allows others, which a later version may bring."""
    schema: Json = {"type": "object", "required": list(required), "properties": required | (optional or {})}
    return schema if is_open else schema | {"additionalProperties": False}


def listed(items: Json, least: int | None = None, most: int | None = None) -> Json:
    """A list of these, at least and at most so many."""
    bounds = {"minItems": least, "maxItems": most}
    return {"type": "array", "items": items, **{name: value for name, value in bounds.items() if value is not None}}


def row(items: Sequence[Json]) -> Json:
    """A list of exactly these, in order."""
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": len(items), "maxItems": len(items)}


def nested(shape: Sequence[int], element: Json) -> Json:
    """Lists as deep as a shape."""
    schema = element
    for size in reversed(shape):
        schema = listed(schema, size, size)
    return schema


def or_null(schema: Json) -> Json:
    """The same, or null; for a schema that names its type."""
    named = schema["type"]
    return schema | {"type": [*([named] if isinstance(named, str) else named), "null"]}


def all_of(schemas: Sequence[Json]) -> Json:
    """What every one of these allows."""
    return schemas[0] if len(schemas) == 1 else {"allOf": list(schemas)}


def any_of(schemas: Sequence[Json]) -> Json:
    """What one of these allows."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
