"""Separated values, read into columns block by block: of a large file only its numbers and words are kept."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from model.data import cells, lines
from model.data.columns import Column, NumberBuilder, WordBuilder
from model.data.lines import Lines
from model.data.roles import Roles
from model.data.sheet import Sheet, check_names, check_rows, place
from model.errors import DataError
from mulgam.wording import shown

_BLOCK_ROWS = 8192

_Builders = dict[int, NumberBuilder | WordBuilder]


def read(path: Path, roles: Roles, separator: str | None = None, columns: Sequence[str] = ()) -> Sheet:
    """Read a file in UTF-8.

    Args:
        path: of the file.
        roles: what the recipe says of its columns.
        separator: between values; None: a tab for `.tsv`, else a comma.
        columns: names of the columns of a file without a header line; none: its first line names them.

    Raises:
        DataError: it can't be read, is ragged, lacks a column, or has too few rows.
    """
    separator = separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
    source = lines.lines(path, separator)
    first = next(iter(source), None)
    if first is None:
        raise DataError(f"{path.name} is empty; expected a header line and rows.")
    header = list(columns) or first[1]
    _check_header(header, path.name, separator)
    check_rows(_few(source, named=bool(columns)), path.name, "has" if columns else "has a header and")
    roles.check(header, path.name)
    reader = _Reader(source, header, roles, named=bool(columns))
    found, rows = reader.columns()
    return Sheet(path.name, found, rows, lines.sha256(path), reader.line)


def _few(source: Lines, *, named: bool) -> int:
    """How many rows there are, counted as far as it matters."""
    return len(list(itertools.islice(source, 32))) - (not named)


class _Reader:
    """Reads the columns of one file; the first block of rows decides which ones are taken for numbers."""

    def __init__(self, source: Lines, header: Sequence[str], roles: Roles, *, named: bool) -> None:
        self._source, self._header, self._roles, self._named = source, header, roles, named

    def columns(self) -> tuple[dict[str, Column], int]:
        """Name -> column of those that are not ignored, and the number of rows."""
        wanted = [place for place, name in enumerate(self._header) if name not in self._roles.ignore]
        builders: _Builders = {
            place: WordBuilder() if self._roles.are_words(name := self._header[place])
            else NumberBuilder(wide=name == self._roles.target)
            for place in wanted
        }  # fmt: skip
        rows, late = self._fill(builders)
        if late:
            # Words that begin after the first block: only now it shows, and the rows before are read again for them.
            again: _Builders = {place: WordBuilder() for place in late}
            self._fill(again)
            builders |= again
        return {self._header[place]: builders.pop(place).column() for place in wanted}, rows

    def line(self, row: int) -> int:
        """The line of a row, from 0."""
        return next(itertools.islice(self._rows(), row, None))[0]

    def _rows(self) -> Iterator[lines.Line]:
        return itertools.islice(self._source, 0 if self._named else 1, None)

    def _fill(self, builders: _Builders) -> tuple[int, Collection[int]]:
        """Read the columns of some builders; returns the number of rows, and the columns that are no numbers."""
        rows, late = 0, set()
        checked = self._checked()
        while block := list(itertools.islice(checked, _BLOCK_ROWS)):
            for position, builder in list(builders.items()):
                values = [row[position] for row in block]
                if isinstance(builder, WordBuilder):
                    builder.add(values)
                elif (numbers := cells.numbers(values)) is not None:
                    builder.add(numbers)
                elif rows:
                    late.add(position)
                    del builders[position]
                else:
                    builders[position] = words = WordBuilder()
                    words.add(values)
            rows += len(block)
        return rows, late

    def _checked(self) -> Iterator[list[str]]:
        """The values of each row."""
        width = len(self._header)
        for row, (number, values) in enumerate(self._rows()):
            if len(values) != width:
                names = "[data] columns names" if self._named else "the header has"
                where = place(self._source.path.name, row, line=number)
                raise DataError(f"{where} has {len(values)} values; {names} {width}.")
            yield values


def _check_header(header: Sequence[str], name: str, separator: str) -> None:
    check_names(header, name)
    if len(header) == 1:
        raise DataError(
            f"{name}: the header {shown(header[0])} has only one column when split at {separator!r};"
            " set [data] separator if the file uses another one."
        )
