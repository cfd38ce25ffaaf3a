"""Readers of single values: each takes what TOML gave and returns the recipe's value, or says what was expected."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from mulgam.registry import MODEL_NAME

# Raises ValueError with what was expected, in words that end the sentence "KEY must be …".
Reader = Callable[[Any], Any]


def text(value: Any) -> str:
    """A line of text that is not blank."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("a text in quotes")
    return value


def model_name(value: Any) -> str:
    """The name of a model in the registry."""
    if not isinstance(value, str) or not MODEL_NAME.fullmatch(value):
        raise ValueError("letters, digits, '-' and '_' in quotes, at most 63")
    return value


def flag(value: Any) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise ValueError("true or false")
    return value


def one_of(*known: str) -> Reader:
    """One of some words; a near miss is pointed out."""

    def read(value: Any) -> str:
        if value not in known:
            near = difflib.get_close_matches(str(value), known, n=1)
            raise ValueError(f"one of {', '.join(known)}" + (f" (did you mean {near[0]!r}?)" if near else ""))
        return cast(str, value)

    return read


def prefixed(prefix: str, what: str) -> Reader:
    """A word that begins with `prefix`; `what` says what follows."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(re.escape(prefix) + r"[\w.()+-]+", value):
            raise ValueError(f'"{prefix}…" with {what}')
        return value

    return read


def whole(low: int, high: int) -> Reader:
    """A whole number from `low` to `high`."""

    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def number(low: float, high: float) -> Reader:
    """A number above or at `low` and below `high`."""

    def read(value: Any) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value < high:
            raise ValueError(f"a number from {low:g} to below {high:g}")
        return float(value)

    return read


def list_of(item: Reader, most: int, *, one: bool = False) -> Reader:
    """A list without repetition of names; `one`: a bare value counts as a list of one."""

    def read(value: Any) -> tuple[Any, ...]:
        values = [value] if one and not isinstance(value, list) else value
        if not isinstance(values, list) or len(values) > most or (one and not values):
            raise ValueError(f"a list of at most {most} values")
        try:
            return tuple(item(single) for single in values)
        except ValueError as problem:
            raise ValueError(f"a list, each item {problem}") from None

    return read


def words_to(item: Reader, what: str) -> Reader:
    """A table of word = value; `what` describes it."""

    def read(value: Any) -> Mapping[str, Any]:
        try:
            if not isinstance(value, dict):
                raise ValueError
            return {word: item(single) for word, single in value.items()}
        except ValueError:
            raise ValueError(what) from None

    return read


def either(*readers: Reader) -> Reader:
    """Whatever one of the readers takes, tried in order."""

    def read(value: Any) -> Any:
        expected = []
        for reader in readers:
            try:
                return reader(value)
            except ValueError as problem:
                expected.append(str(problem))
        raise ValueError(", or ".join(expected))

    return read


def separator(value: Any) -> str:
    """One character that can stand between values."""
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n ' or not (value.isprintable() or value == "\t"):
        raise ValueError('one character in quotes, such as ";" or "\\t"')
    return value
