"""Texts as NFC Unicode code points, int32, cut at the signature's length, padded with 0."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np
import numpy.typing as npt

from mulgam.encoding.rows import place, wrong
from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.wording import kind


def text_points(feature: Feature, value: object, row: int) -> npt.NDArray[np.int32]:
    """One text of an instance, [L]; raises InputError WRONG_TYPE or BAD_UTF8, in that row."""
    if value is None and feature.missing:
        value = ""
    if not isinstance(value, str):
        raise wrong("WRONG_TYPE", feature, row, f" must be a string, not {kind(value)}.")
    return code_points(value, feature.length or 0, place(feature, row))


def code_points(text: str, length: int, where: str = "text") -> npt.NDArray[np.int32]:
    """A text as NFC code points, int32 [length], cut or padded with 0.

    Raises:
        InputError: the text (called `where`) holds half of a surrogate pair, which no Unicode encoding can carry.
    """
    try:
        encoded = unicodedata.normalize("NFC", text).encode("utf-32-le")
    except UnicodeEncodeError as problem:
        message = f"{where} holds a lone surrogate, which is not a character."
        raise InputError("BAD_UTF8", message, field=where) from problem
    points = np.frombuffer(encoded, dtype="<i4")[:length]
    padded = np.zeros(length, dtype=np.int32)
    padded[: len(points)] = points
    return padded


def check_points(name: str, points: npt.NDArray[np.int32]) -> None:
    """Raise InputError where an encoded text (of the graph's input `name`) holds what is no code point."""
    if ((points < 0) | (points > sys.maxunicode)).any():
        raise InputError("OUT_OF_RANGE", f"The input {name!r} holds a number that is no code point.", field=name)
