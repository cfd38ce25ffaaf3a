"""One request whose body and answer are streams: pressure is felt on both sides."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.calls import Reply
    from service.http1.connection import Connection

# Of a body that nobody takes; beyond it the connection is not read.
MOST_WAITING = 256 * 1024


class Exchange:
    """The body in, the answer out, of one request of a connection.

    Args:
        connection: whose request it is.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._came = asyncio.Event()
        self._ended = False
        self.is_whole = False
        self.is_lost = False
        self.on_change: Callable[[], object] = lambda: None

    async def read(self) -> bytes:
        """The next bytes of the body; b"" at its end, also where the client left in the middle of it."""
        while not self._chunks and not self._ended:
            self._came.clear()
            await self._came.wait()
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self._waiting -= len(chunk)
        if self._waiting <= MOST_WAITING:
            self._connection.read_on()
        return chunk

    def answer(self, reply: Reply) -> None:
        """Answer in one piece, and close the connection."""
        self._connection.end_stream(reply)

    def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Begin an answer whose length is not known."""
        self._connection.begin_answer(status, headers)

    def write(self, data: bytes) -> None:
        """Send a piece of it; see `is_clogged`."""
        self._connection.write_piece(data)

    def finish(self) -> None:
        """The answer is whole."""
        self._connection.end_stream(None)

    def abort(self) -> None:
        """End the connection so that the client sees that the answer is not whole."""
        self._connection.abort()

    @property
    def is_clogged(self) -> bool:
        """Whether the client has to read before more is written; `on_change` is called when that changes."""
        return self._connection.is_clogged

    def feed(self, data: bytes) -> None:
        """Bytes of the body have come."""
        self._chunks.append(data)
        self._waiting += len(data)
        self._came.set()
        if self._waiting > MOST_WAITING:
            self._connection.hold_reading()

    def end(self, is_whole: bool) -> None:
        """The body is whole, or will not be."""
        self.is_whole = self.is_whole or (is_whole and not self._ended)
        self._ended = True
        self._came.set()

    def lose(self) -> None:
        """The client is gone."""
        self.is_lost = True
        self.end(False)
        self.on_change()
