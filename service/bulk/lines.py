"""Blocks of bytes as lines of text: UTF-8, `\\n` or `\\r\\n`, each row bounded whatever is sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from mulgam.errors import InputError

# The most that one row may have, line breaks within quotes included.
MAX_ROW = 2**20


class Lines:
    """An iterator over lines with their ends, which a bad one does not end.

    Whoever takes rows sets `given` to 0 before each: it counts the row's characters.

    Args:
        blocks: the bytes as they come.
        is_waiting: whether the next block would have to be waited for.
    """

    def __init__(self, blocks: Iterator[bytes], is_waiting: Callable[[], bool] = lambda: False) -> None:
        self.given = 0
        self._blocks = blocks
        self._is_waiting = is_waiting
        self._ready = io.StringIO()
        self._length = 0
        self._tail = b""
        self._is_first = True
        self._is_damaged = False
        self._is_skipping = False
        self._was_skipped = False

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """The next line; raises InputError BAD_UTF8 or ROW_TOO_LONG in its place."""
        while not self._was_skipped:
            line = self._ready.readline()
            if line:
                self.given += len(line)
                if self.given > MAX_ROW:
                    raise too_long()
                if self._is_damaged and not _is_utf8(line):
                    raise InputError("BAD_UTF8", "The row is not UTF-8.")
                return line
            if not self._fill():
                raise StopIteration
        self._was_skipped = False
        raise too_long()

    def would_wait(self) -> bool:
        """Whether all that has come was given out, and more is not here yet."""
        return self._ready.tell() >= self._length and self._is_waiting()

    def _fill(self) -> bool:
        """Take one block; False at the end."""
        block = next(self._blocks, b"")
        data = self._tail + block
        if self._is_skipping:
            # The rest of a line that was too long to be kept.
            first = block.find(b"\n") + 1
            if block and not first:
                return True
            self._is_skipping, self._was_skipped = False, True
            data = block[first:]
        end = data.rfind(b"\n") + 1 if block else len(data)
        self._tail = data[end:]
        if len(self._tail) > MAX_ROW:
            self._tail, self._is_skipping = b"", True
        self._decode(data[:end])
        return bool(block or data or self._was_skipped)

    def _decode(self, data: bytes) -> None:
        try:
            text = data.decode("utf-8")
            self._is_damaged = False
        except UnicodeDecodeError:
            text = data.decode("utf-8", "surrogateescape")
            self._is_damaged = True
        if self._is_first and text:
            text = text.removeprefix("\ufeff")
            self._is_first = False
        self._ready = io.StringIO(text, newline="\n")
        self._length = len(text)


def too_long() -> InputError:
    """A row that is not kept."""
    return InputError(
        "ROW_TOO_LONG", f"The row is longer than the {MAX_ROW} bytes that one may have; is a quote in it never closed?"
    )


def _is_utf8(line: str) -> bool:
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
