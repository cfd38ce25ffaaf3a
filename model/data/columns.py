"""Columns as they are read: numbers, or words by number; a table never lies in memory as cells of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import cells
from mulgam.encoding.categories import tidy
from mulgam.signature import FeatureType

# Up to here float32 tells all whole numbers apart.
_LARGEST_WHOLE = 2**24


@dataclass(frozen=True)
class NumberColumn:
    """[N] numbers in float32, NaN where missing; in float64 where only that tells whole numbers apart."""

    values: npt.NDArray[np.floating[Any]]

    @property
    def missing(self) -> int:
        """How many rows have no value."""
        return int(np.isnan(self.values).sum())


@dataclass(frozen=True)
class WordColumn:
    """[N] int32 numbers into `levels` (sorted, each occurs), -1 where missing; `type` where the source tells it."""

    codes: npt.NDArray[np.int32]
    levels: tuple[str, ...]
    type: FeatureType | None = None

    @property
    def missing(self) -> int:
        """How many rows have no value."""
        return int((self.codes < 0).sum())

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many rows have each level."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))


@dataclass(frozen=True)
class UnlearntColumn:
    """A column that can't be learnt from as it is, and why."""

    reason: str
    missing: int = 0


Column = NumberColumn | WordColumn | UnlearntColumn


def coded(
    codes: npt.NDArray[np.integer[Any]],
    levels: Sequence[str],
    type: FeatureType | None = None,
    missing: Callable[[str], bool] = cells.is_missing,
) -> WordColumn:
    """A column of words from [N] numbers into levels in any order, some perhaps unused or words for nothing."""
    used = np.bincount(codes[codes >= 0], minlength=len(levels)) > 0
    kept = (code for code in np.flatnonzero(used).tolist() if not missing(levels[code]))
    order = sorted(kept, key=levels.__getitem__)
    places = np.full(len(levels) + 1, -1, dtype=np.int32)  # the last one, which -1 picks, stays
    places[order] = np.arange(len(order), dtype=np.int32)
    return WordColumn(places[codes], tuple(levels[code] for code in order), type)


def narrowed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.floating[Any]]:
    """Numbers in float32, unless they are whole and too large for it: those may be keys, told by being different."""
    if np.nanmax(np.abs(values), initial=0.0) > _LARGEST_WHOLE and (np.isnan(values) | (values % 1 == 0)).all():
        return values
    return values.astype(np.float32)


def as_words(column: NumberColumn | WordColumn) -> WordColumn:
    """The same column as words."""
    if isinstance(column, WordColumn):
        return column
    distinct, codes = np.unique(column.values, return_inverse=True)
    return coded(codes, ["" if np.isnan(value) else tidy(float(value)) for value in distinct])


class _Growing:
    """An array that grows at its end. Room that is not used yet takes no memory."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._room = np.empty(0, dtype=dtype)
        self._length = 0

    def extend(self, block: npt.NDArray[Any]) -> None:
        """Append values; they decide the type where it has to be a wider one."""
        end = self._length + len(block)
        dtype = np.promote_types(self._room.dtype, block.dtype)
        if end > len(self._room) or dtype != self._room.dtype:
            room = np.empty(max(end, 2 * len(self._room)), dtype=dtype)
            room[: self._length] = self._room[: self._length]
            self._room = room
        self._room[self._length : end] = block
        self._length = end

    def values(self) -> npt.NDArray[Any]:
        """All of them."""
        return self._room[: self._length]


class NumberBuilder:
    """A column of numbers that comes in blocks; `wide` keeps float64."""

    def __init__(self, *, wide: bool = False) -> None:
        self._wide = wide
        self._values = _Growing(np.float64 if wide else np.float32)

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """The next rows."""
        self._values.extend(values if self._wide else narrowed(values))

    def column(self) -> NumberColumn:
        """All rows."""
        return NumberColumn(self._values.values())


class WordBuilder:
    """A column of words that comes in blocks."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._values = _Growing(np.int32)

    def add(self, values: Sequence[str]) -> None:
        """The next rows."""
        codes = self._codes
        self._values.extend(np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int32))

    def column(self) -> WordColumn:
        """All rows."""
        return coded(self._values.values(), list(self._codes))
