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
_FIRST_LINE = re.compile(rb"HTTP/1\.\S* ([0-9]{3})(?: |\r|$)")
# ASCII alone: int() would refuse some of what isdigit() takes, and numbers of thousands of digits.
_LENGTH = re.compile(r"[0-9]{1,12}")


class ConnectionLostError(Exception):
    """The other side is not there, or the connection ended without a whole answer."""


class UnreachableError(ConnectionLostError):
    """No connection was made: nothing was sent."""


class BrokenAnswerError(ConnectionLostError):
    """What came is no answer: it ended before it was whole, or is not HTTP/1.1."""


class _UnusedError(ConnectionLostError):
    """The connection was closed before any of the answer came: on a kept one, the request was never taken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, head as it came, whole body. Of a dozen headers two or three are asked for: only these are looked for."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case; the last one's where several have it."""
        return _header(self.head, name)


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Reply] | None = None
        self._transport: asyncio.Transport | None = None
        self._head: tuple[int, bytes, int, int] | None = None
        self.used = False
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, problem: Exception | None) -> None:
        self.closed = True
        error = BrokenAnswerError if self._buffer else _UnusedError
        self._fail(error("the connection ended before the answer was whole"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._waiter is None:
            self.close()  # an answer that nobody asked for
            return
        try:
            reply = self._parsed()
        except BrokenAnswerError as problem:
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
                    raise BrokenAnswerError("the head of an answer does not end")
                return None
            head = bytes(self._buffer[:end])
            status, length = _status(head), _header(head, "content-length") or ""
            if not _LENGTH.fullmatch(length) or int(length) > self._most:
                raise BrokenAnswerError("an answer without a length, or longer than expected")
            self._head = (status, head, end + len(_END), int(length))
        status, head, start, size = self._head
        if len(self._buffer) < start + size:
            return None
        if len(self._buffer) > start + size:
            raise BrokenAnswerError("more bytes than the answer has")
        return Reply(status, head, bytes(self._buffer[start:]))


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
            ConnectionLostError: nobody listens, or the connection ended without an answer.
            BrokenAnswerError: what came is none.
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
        if self._is_closed or len(self._kept) >= self._idle or (reply.header("connection") or "").lower() == "close":
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


def _status(head: bytes) -> int:
    """The status in the head of an answer; raises BrokenAnswerError where it has none."""
    match = _FIRST_LINE.match(head)
    if match is None:
        raise BrokenAnswerError("not an HTTP/1.1 answer")
    return int(match[1])


def _header(head: bytes, name: str) -> str | None:
    """The value of the last header of that name."""
    start = head.lower().rfind(f"\r\n{name}:".encode())
    if start < 0:
        return None
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip().decode("latin-1")
