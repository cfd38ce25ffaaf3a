"""A small HTTP/1.1 client over a Unix socket: kept-open connections, POST with a known length, deadlines.

The general clients cost more per call than the prediction itself (`docs/benchmarks.md`), and TorchServe
needs no more than this: it answers with a Content-Length and keeps connections open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

MAX_HEAD = 64 * 1024


class ConnectionLostError(Exception):
    """The other side is not there, closed the connection, or does not speak HTTP/1.1."""


@dataclass(frozen=True)
class Reply:
    """Status, headers (names in lower case), whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.used = False

    async def exchange(self, request: bytes, most: int) -> Reply:
        self.writer.write(request)
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        status, headers = _parse_head(head)
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > most:
            raise ConnectionLostError("an answer without a length, or longer than expected")
        return Reply(status, headers, await self.reader.readexactly(int(length)))


class UnixClient:
    """Calls one server on a Unix socket.

    Args:
        path: the socket.
        idle: how many unused connections are kept.
        most: the largest answer body that is read.
    """

    def __init__(self, path: str, idle: int = 64, most: int = 64 * 2**20) -> None:
        self._path = path
        self._most = most
        self._idle: deque[_Connection] = deque(maxlen=idle)

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request; the caller sets the deadline (a cancelled call closes its connection).

        Raises:
            ConnectionLostError: nobody listens, or the connection ended before the answer was whole.
        """
        lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join((*lines, "", "")).encode("latin-1") + body
        while True:
            connection = await self._connection()
            try:
                reply = await connection.exchange(request, self._most)
            except (OSError, EOFError, asyncio.LimitOverrunError, ConnectionLostError) as problem:
                connection.writer.close()
                # A kept-open connection may have been closed meanwhile; that request was never taken.
                if connection.used and isinstance(problem, OSError | EOFError) and not _partial(problem):
                    continue
                raise ConnectionLostError(str(problem)) from problem
            except BaseException:
                connection.writer.close()
                raise
            if reply.headers.get("connection", "").lower() == "close":
                connection.writer.close()
            else:
                connection.used = True
                self._keep(connection)
            return reply

    async def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop().writer.close()

    def _keep(self, connection: _Connection) -> None:
        if len(self._idle) == self._idle.maxlen:
            connection.writer.close()
        else:
            self._idle.append(connection)

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.writer.close()
        try:
            return _Connection(*await asyncio.open_unix_connection(self._path, limit=MAX_HEAD))
        except OSError as problem:
            raise ConnectionLostError(str(problem)) from problem


def _partial(problem: BaseException) -> bool:
    """Whether some of the answer had come before the connection ended."""
    return isinstance(problem, asyncio.IncompleteReadError) and bool(problem.partial)


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise ConnectionLostError("not an HTTP/1.1 answer")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return int(parts[1]), headers
