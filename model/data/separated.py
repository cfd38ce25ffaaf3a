"""Separated values, read into columns of cells; every error names file, line and what was found."""

from __future__ import annotations

import contextlib
import csv
import difflib
import hashlib
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import DataError
from mulgam.encoding import shown

FEWEST_ROWS = 10
_ENCLOSED = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)


@dataclass(frozen=True)
class Sheet:
    """The cells of a file by column; `lines` are the rows' line numbers in the file, `name` is the file's."""

    name: str
    columns: dict[str, list[str]]
    lines: list[int]
    sha256: str

    def place(self, row: int, column: str | None = None) -> str:
        """How an error names a row (from 0), or a cell of it."""
        cell = "" if column is None else f", column {shown(column)}"
        return f"{self.name}, row {row + 1} (line {self.lines[row]}){cell}"

    def check_known(self, wanted: Iterable[str], sentence: str) -> None:
        """Raises DataError, `sentence` about the column and the nearest name, where one is not there."""
        for column in wanted:
            if column not in self.columns:
                near = difflib.get_close_matches(column, self.columns, n=1)
                known = ", ".join(list(self.columns)[:8]) + (", …" if len(self.columns) > 8 else "")
                hint = f"did you mean {near[0]!r}?" if near else f"it has {known}."
                raise DataError(f"{self.name} has no column {shown(column)} {sentence}; {hint}")


def read(path: Path, separator: str | None = None, columns: Sequence[str] = ()) -> Sheet:
    """Read a file in UTF-8.

    Args:
        path: of the file.
        separator: between values; None: a tab for `.tsv`, else a comma.
        columns: names of the columns of a file without a header line; none: its first line names them.

    Raises:
        DataError: it can't be read, is ragged, or has too few rows.
    """
    content = _content(path)
    separator = separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
    lines = _lines(_decoded(content, path.name), separator, path.name)
    if not lines:
        raise DataError(f"{path.name} is empty; expected a header line and rows.")
    header = list(columns) or lines.pop(0).values
    _check_header(header, path.name, separator)
    if len(lines) < FEWEST_ROWS:
        found = f"{len(lines)} row" if len(lines) == 1 else f"{len(lines) or 'no'} rows"
        start = "has" if columns else "has a header and"
        raise DataError(f"{path.name} {start} {found}; at least {FEWEST_ROWS} are needed.")
    for row, line in enumerate(lines, start=1):
        if len(line.values) != len(header):
            names = "[data] columns names" if columns else "the header has"
            raise DataError(
                f"{path.name}, row {row} (line {line.number}) has {len(line.values)} values; {names} {len(header)}."
            )
    cells = map(list, zip(*(line.values for line in lines), strict=True))
    return Sheet(
        path.name,
        dict(zip(header, cells, strict=True)),
        [line.number for line in lines],
        hashlib.sha256(content).hexdigest(),
    )


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path} can't be read: {problem.strerror}.") from problem
    if not content.strip():
        raise DataError(f"{path.name} is empty; expected a header line and rows.")
    return content


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise DataError(f"{name}, line {line} is not text in UTF-8; save the file as UTF-8.") from problem


@dataclass(frozen=True)
class _Line:
    number: int
    values: list[str]


def _lines(text: str, separator: str, name: str) -> list[_Line]:
    """All lines that hold something, with their numbers in the file."""
    plain = _plain_lines(text) if separator == "\t" else None
    return plain or _quoted_lines(text, separator, name)


def _plain_lines(text: str) -> list[_Line] | None:
    """A TSV as most programs write it: one row a line, a quote is a character unless it encloses the whole cell.

    None where that gives rows of different widths: then cells may hold tabs and line ends within quotes.
    """
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        values = [_unquoted(value.strip()) for value in line.rstrip("\r").split("\t")]
        if any(values) or len(values) > 1:
            lines.append(_Line(number, values))
    return lines if len({len(line.values) for line in lines}) == 1 else None


def _unquoted(cell: str) -> str:
    match = _ENCLOSED.fullmatch(cell)
    return cell if match is None else match[1].replace('""', '"').strip()


def _quoted_lines(text: str, separator: str, name: str) -> list[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines = []
    begins = 1
    with _cells_of_any_length():
        try:
            for values in reader:
                stripped = [value.strip() for value in values]
                if any(stripped) or len(stripped) > 1:
                    lines.append(_Line(reader.line_num, stripped))
                begins = reader.line_num + 1
        except csv.Error as problem:
            if "unexpected end" in str(problem):
                raise DataError(
                    f"{name}: a quote in the row that begins on line {begins} is never closed;"
                    ' write "" for a quote within quotes.'
                ) from problem
            raise DataError(
                f"{name}, line {reader.line_num} can't be read as separated values: {problem}."
            ) from problem
    return lines


@contextlib.contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Python's reader refuses cells above 131,072 characters, by a limit that the process shares."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_header(header: list[str], name: str, separator: str) -> None:
    for position, column in enumerate(header, start=1):
        if not column:
            raise DataError(f"{name}: column {position} has no name in the header.")
        if header.index(column) != position - 1:
            raise DataError(f"{name}: the header names {shown(column)} twice; column names must differ.")
    if len(header) == 1:
        raise DataError(
            f"{name}: the header {shown(header[0])} has only one column when split at {separator!r};"
            " set [data] separator if the file uses another one."
        )
