"""Values and names as the sentences of errors say them."""

from __future__ import annotations

from collections.abc import Iterable


def kind(value: object) -> str:
    """What a parsed JSON value is, in JSON's words."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "another type")


def shown(name: str, most: int = 40) -> str:
    """A caller's word, quoted for an error: cut to a bounded length, control characters escaped."""
    cut = name if len(name) <= most else name[:most] + "..."
    return repr(cut) if cut.isprintable() else ascii(cut)


def listed(names: Iterable[str], most: int = 6) -> str:
    """The first names of a list, and how many there are in all where these are not all."""
    all_of_them = list(names)
    rest = f", … ({len(all_of_them)} in all)" if len(all_of_them) > most else ""
    return ", ".join(all_of_them[:most]) + rest
