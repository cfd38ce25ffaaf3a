"""A small HTTP/1.1 client over a Unix socket or TCP: kept-open connections, POST with a known length.

The general clients cost more per call than the prediction itself, and model servers need no more than this: they
answer with a Content-Length and keep connections open. Deadlines are the caller's: a cancelled call closes
its connection, so that a late answer never reaches another request.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

MAX_HEAD = 64 * 1024
# Where a machine is gone nobody refuses: the kernel would try for minutes.
CONNECT_SECONDS = 2.0
_END = b"\r\n\r\n"
# ASCII alone: int() would refuse some of what isdigit() takes, and numbers of thousands of digits.
_STATUS, _LENGTH = re.compile(r"[0-9]{3}"), re.compile(r"[0-9]{1,12}")


class ConnectionLostError(Exception):
    """The other side is not there, closed the connection, or does not speak HTTP/1.1."""


class UnreachableError(ConnectionLostError):
    """No connection was made: nothing was sent."""


class _UnusedError(ConnectionLostError):
    """The connection was closed before any of the answer came: on a kept one, the request was never taken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (names in lower case), whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Reply] | None = None
        self._transport: asyncio.Transport | None = None
        self._head: tuple[int, dict[str, str], int, int] | None = None
        self.used = False
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, problem: Exception | None) -> None:
        self.closed = True
        error = ConnectionLostError if self._buffer else _UnusedError
        self._fail(error("the connection ended before the answer was whole"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._waiter is None:
            self.close()  # an answer that nobody asked for
            return
        try:
            reply = self._parsed()
        except ConnectionLostError as problem:
            self._fail(problem)
            self.close()
            return
        if reply is not None:
            waiter, self._waiter, self._head = self._waiter, None, None
            self._buffer.clear()
            if not waiter.done():
                waiter.set_result(reply)

    def exchange(self, request: bytes) -> asyncio.Future[Reply]:
        """Send a request; the future holds its answer."""
        assert self._transport is not None
        waiter: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        if self.closed:
            self._fail(_UnusedError("the connection is closed"))
        else:
            self._transport.write(request)
        return waiter

    def close(self) -> None:
        """Close it; safe to call twice."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, problem: ConnectionLostError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(problem)

    def _parsed(self) -> Reply | None:
        """The answer, where all of it is here."""
        if self._head is None:
            end = self._buffer.find(_END)
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise ConnectionLostError("the head of an answer does not end")
                return None
            status, headers = _parse_head(bytes(self._buffer[:end]))
            length = headers.get("content-length", "")
            if not _LENGTH.fullmatch(length) or int(length) > self._most:
                raise ConnectionLostError("an answer without a length, or longer than expected")
            self._head = (status, headers, end + len(_END), int(length))
        status, headers, start, size = self._head
        if len(self._buffer) < start + size:
            return None
        if len(self._buffer) > start + size:
            raise ConnectionLostError("more bytes than the answer has")
        return Reply(status, headers, bytes(self._buffer[start:]))


class HttpClient:
    """Calls one server.

    Args:
        where: path of its Unix socket, or (host, port); asyncio switches Nagle's algorithm off on TCP.
        idle: how many unused connections are kept.
        most: the largest answer body that is read.
    """

    def __init__(self, where: str | tuple[str, int], idle: int = 64, most: int = 64 * 2**20) -> None:
        self._where = where
        self._host = "localhost" if isinstance(where, str) else authority(*where)
        self._most = most
        self._kept: deque[_Connection] = deque()
        self._idle = idle
        self._is_closed = False

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request.

        Raises:
            ConnectionLostError: nobody listens, or the connection ended before the answer was whole.
        """
        lines = [f"POST {target} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join((*lines, "", "")).encode("latin-1") + body
        while True:
            connection = await self._connection()
            try:
                reply = await connection.exchange(request)
            except _UnusedError:
                if not connection.used:
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                self._keep(connection, reply)
                return reply

    async def close(self) -> None:
        """Close the kept connections, and those that are in use once they are not."""
        self._is_closed = True
        while self._kept:
            self._kept.pop().close()

    def _keep(self, connection: _Connection, reply: Reply) -> None:
        connection.used = True
        if self._is_closed or len(self._kept) >= self._idle or reply.headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self._kept.append(connection)

    async def _connection(self) -> _Connection:
        while self._kept:
            connection = self._kept.pop()
            if not connection.closed:
                return connection
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if isinstance(self._where, str):
                    _, connection = await loop.create_unix_connection(self._connected, self._where)
                else:
                    _, connection = await loop.create_connection(self._connected, *self._where)
        except OSError as problem:  # a time-out is one
            raise UnreachableError(str(problem) or "no connection in time") from problem
        return connection

    def _connected(self) -> _Connection:
        return _Connection(self._most)


def authority(host: str, port: int) -> str:
    """Host and port as an address has them: `[::1]:80` for IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not _STATUS.fullmatch(parts[1]):
        raise ConnectionLostError("not an HTTP/1.1 answer")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return int(parts[1]), headers
