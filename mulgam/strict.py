"""Reading JSON documents of our own without tolerance: every key known, every type as written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mulgam.errors import RegistryError

NUMBER: tuple[type, ...] = (int, float)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        RegistryError: the file can't be read or holds something else.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise RegistryError(f"{path} can't be read: {problem.strerror}.") from problem
    return document(content, str(path))


def document(content: bytes, where: str) -> dict[str, Any]:
    """The JSON object in the content of a file; raises RegistryError where it holds something else."""
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicate)
    except (ValueError, RecursionError) as problem:
        raise RegistryError(f"{where} can't be read: it is not JSON in UTF-8.") from problem
    if not isinstance(found, dict):
        raise RegistryError(f"{where} must hold a JSON object, not {type(found).__name__}.")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _no_duplicate(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


def fields(value: object, where: str, required: Mapping[str, Any], optional: Mapping[str, Any]) -> dict[str, Any]:
    """The object's fields after checking names and types; absent optional ones are None.

    Args:
        value: what was parsed.
        where: what to call it in an error.
        required: name -> type (or tuple of types) of each field that must be there.
        optional: the same for those that may be absent or null.

    Raises:
        RegistryError: not an object, a field missing or unknown, or of another type.
    """
    if not isinstance(value, dict):
        raise RegistryError(f"{where} must be a JSON object, not {type(value).__name__}.")
    unknown = sorted(set(value) - set(required) - set(optional))
    if unknown:
        raise RegistryError(f"{where} has an unknown field {unknown[0]!r}.")
    missing = sorted(set(required) - set(value))
    if missing:
        raise RegistryError(f"{where} lacks the field {missing[0]!r}.")
    for name, kind in {**required, **optional}.items():
        found = value.get(name)
        if found is None and name in optional:
            continue
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise RegistryError(f"{where}: {name!r} has the wrong type, {type(found).__name__}.")
    return {name: value.get(name) for name in (*required, *optional)}
