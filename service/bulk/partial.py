"""The answer while it is being written: a file beside it with a note of how far it is, renamed at the end.

After an interruption, whatever it was, the note tells where to go on: what was written after it is cut off.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from mulgam.errors import MulgamError

_EVERY_SECONDS = 1.0
Told = Callable[[int], None]
Pack = Callable[[Path, Path, Told], None]


class StandardOutput:
    """Standard output: nothing to resume."""

    rows = errors = 0

    def write(self, data: bytes, rows: int, errors: int) -> None:
        """Write the answers to some rows."""
        self.rows += rows
        self.errors += errors
        sys.stdout.buffer.write(data)

    def note(self) -> None:
        """Let the reader have it."""
        sys.stdout.buffer.flush()

    def finish(self, told: Told) -> None:
        """All is written."""
        self.note()

    def close(self) -> None:
        """Nothing to keep."""


class PartialFile:
    """A file that gets its name when it is whole.

    Args:
        path: the name it will have.
        made_of: what its content depends on; only the same can be resumed.
        resume: go on where an interrupted run left off, if there is one.
        pack: makes the file at the second path of what was written at the first, where that is not the file itself, and
            tells how many rows are done; raises OSError.

    Raises:
        MulgamError: it can't be written, or what is there was made of something else.
    """

    def __init__(self, path: Path, made_of: dict[str, Any], resume: bool, pack: Pack | None = None) -> None:
        self._path = path
        self._pack = pack
        self._partial = path.with_name(path.name + ".partial")
        self._note = path.with_name(path.name + ".partial.json")
        self._made_of = made_of
        self._noted = time.monotonic()
        self.rows = self.errors = 0
        size = self._resumed() if resume else 0
        try:
            self._file: IO[bytes] = self._partial.open("r+b" if size else "wb")
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as problem:
            raise MulgamError(f"{self._partial} can't be written: {problem.strerror}.") from problem

    def write(self, data: bytes, rows: int, errors: int) -> None:
        """Write the answers to some rows."""
        try:
            self._file.write(data)
            self.rows += rows
            self.errors += errors
            if time.monotonic() - self._noted > _EVERY_SECONDS:
                self.note()
        except OSError as problem:
            raise MulgamError(f"{self._partial} can't be written: {problem.strerror}.") from problem

    def note(self) -> None:
        """Write down how far it is, after what it speaks of is on the disk."""
        _flush(self._file)
        note = {**self._made_of, "rows": self.rows, "errors": self.errors, "bytes": self._file.tell()}
        new = self._note.with_name(self._note.name + ".new")
        new.write_text(json.dumps(note), encoding="utf-8")
        os.replace(new, self._note)
        self._noted = time.monotonic()

    def finish(self, told: Told) -> None:
        """The file is whole: give it its name; `told` hears how many rows are packed, where that has to be done."""
        try:
            _flush(self._file)
            if self._pack is None:
                os.replace(self._partial, self._path)
            else:
                self._put_packed(self._pack, told)
        except OSError as problem:
            raise MulgamError(f"{self._path} can't be written: {problem.strerror or problem}.") from problem
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; what is there stays."""
        self._file.close()

    def _put_packed(self, pack: Pack, told: Told) -> None:
        """Give the name to what is packed; what was written stays until then, so that this can be done again."""
        packed = self._path.with_name(self._path.name + ".packing")
        try:
            pack(self._partial, packed, told)
            with packed.open("rb+") as file:
                _flush(file)
            os.replace(packed, self._path)
        finally:
            packed.unlink(missing_ok=True)
        self._partial.unlink()

    def _resumed(self) -> int:
        if not self._partial.exists() or not self._note.exists():
            return 0
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            self.rows, self.errors, size = int(note["rows"]), int(note["errors"]), int(note["bytes"])
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise MulgamError(f"{self._note} can't be read; start again without --resume.") from problem
        for name, value in self._made_of.items():
            if note.get(name) != value:
                raise MulgamError(f"{self._partial} was made of another {name}; start again without --resume.")
        if self._partial.stat().st_size < size:
            raise MulgamError(f"{self._partial} is shorter than its note says; start again without --resume.")
        return size


def _flush(file: IO[bytes]) -> None:
    """See to it that what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())
