"""Lines of separated values, read one after the other; every error names file, line and what was found."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.errors import DataError

_ENCLOSED = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Line = tuple[int, list[str]]


@dataclass(frozen=True)
class Lines:
    """A text file; each iteration reads it anew and gives (line number, stripped values) of all that hold something.

    Attributes:
        path: of a regular file.
        separator: between values.
        plain: one row a line, and a quote is a character unless it encloses the whole cell.
    """

    path: Path
    separator: str
    plain: bool = False

    def __iter__(self) -> Iterator[Line]:
        return _told(self._plain() if self.plain else self._quoted(), self.path)

    def _plain(self) -> Iterator[Line]:
        with _opened(self.path, newline="\n") as file:
            for number, line in enumerate(_without_nul(file, self.path.name), start=1):
                values = [_unquoted(value.strip()) for value in line.rstrip("\r\n").split(self.separator)]
                if any(values) or len(values) > 1:
                    yield number, values

    def _quoted(self) -> Iterator[Line]:
        begins = 1
        with _opened(self.path, newline="") as file, _cells_of_any_length():
            reader = csv.reader(_without_nul(file, self.path.name), delimiter=self.separator, strict=True)
            try:
                for values in reader:
                    stripped = [value.strip() for value in values]
                    if any(stripped) or len(stripped) > 1:
                        yield reader.line_num, stripped
                    begins = reader.line_num + 1
            except csv.Error as problem:
                # In the middle of the file another cell's quote ends what the one that lacks its end began.
                cut = "is" if "unexpected end" in str(problem) else "seems" if reader.line_num > begins else None
                if cut is not None:
                    raise DataError(
                        f"{self.path.name}: a quote in the row that begins on line {begins} {cut} never closed;"
                        ' write "" for a quote within quotes.'
                    ) from problem
                raise DataError(
                    f"{self.path.name}, line {reader.line_num} can't be read as separated values: {problem}."
                ) from problem


def lines(path: Path, separator: str) -> Lines:
    """The lines of a file; a TSV is plain, as most programs write it, where that gives rows of one width.

    Else its cells may hold tabs and line ends within quotes.
    """
    if separator != "\t":
        return Lines(path, separator)
    plain = Lines(path, separator, plain=True)
    return plain if len({len(values) for _, values in plain}) == 1 else Lines(path, separator)


def check_file(path: Path) -> None:
    """Raises DataError where a path leads to nothing, to a folder or to a device."""
    try:
        regular = path.is_file() or not path.stat()
        if not regular:
            what = "a folder" if path.is_dir() else "no regular file"
            raise DataError(f"{path} can't be read: it is {what}.")
        with path.open("rb") as file:
            first = file.read(2)
    except OSError as problem:
        raise DataError(f"{path} can't be read: {problem.strerror}.") from problem
    except ValueError as problem:
        raise DataError(f"{str(path)!r} can't be read: {problem}.") from problem
    if not first:
        raise DataError(f"{path.name} is empty; expected a header line and rows.")


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path, newline: str) -> io.TextIOWrapper:
    file = path.open("rb")
    if file.read(2) in _UTF16:
        file.close()
        raise DataError(f"{path.name} is text in UTF-16; save the file as UTF-8.")
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline)


def _told(lines: Iterator[Line], path: Path) -> Iterator[Line]:
    """The same lines; what is wrong with the file is told in a sentence."""
    try:
        yield from lines
    except UnicodeDecodeError as problem:
        raise DataError(
            f"{path.name}, line {_undecodable(path)} is not text in UTF-8; save the file as UTF-8."
        ) from problem
    except OSError as problem:
        raise DataError(f"{path} can't be read: {problem.strerror}.") from problem


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8."""
    with path.open("rb") as file:
        return next(number for number, line in enumerate(file, start=1) if not _decodes(line))


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without_nul(file: io.TextIOWrapper, name: str) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if "\0" in line:
            raise DataError(f"{name}, line {number} holds a NUL byte, which no table has; is it a text file in UTF-8?")
        yield line


def _unquoted(cell: str) -> str:
    match = _ENCLOSED.fullmatch(cell)
    return cell if match is None else match[1].replace('""', '"').strip()


@contextlib.contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Python's reader refuses cells above 131,072 characters, by a limit that the process shares."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
