"""Answers as bytes (RFC 9112, 4 and 6; RFC 9110, 6.6.1)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

from service.calls import Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# Set here alone: two of them would be an ambiguous frame.
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "date"})


class _Date:
    """The Date header's line, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = ""

    def line(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._line = second, f"date: {formatdate(second, usegmt=True)}\r\n"
        return self._line


_date = _Date()


def whole(reply: Reply, is_head: bool, connection: str | None) -> bytes:
    """A whole answer.

    Args:
        reply: header names in lower case; its `connection` header and lengths are replaced.
        is_head: whether it answers HEAD: then without its body.
        connection: value of the Connection header, where there is to be one.
    """
    body = reply.body
    size: int | str = len(body)
    if is_head and not body:
        size = next((value for name, value in reply.headers if name == "content-length"), 0)
    # A 304 has no body, and its length would be that of the one which the client has (RFC 9110, 8.6).
    length = f"content-length: {size}\r\n" if reply.status >= 200 and reply.status not in (204, 304) else ""
    ending = f"connection: {connection}\r\n\r\n" if connection is not None else "\r\n"
    head = f"{_line(reply.status)}{_fields(reply.headers)}{length}{_date.line()}{ending}".encode("latin-1")
    return head if is_head else head + body


def beginning(status: int, headers: Iterable[tuple[str, str]], is_chunked: bool) -> bytes:
    """The head of an answer whose length is not known; without chunks the connection's end is its end."""
    coding = "transfer-encoding: chunked\r\n" if is_chunked else ""
    return f"{_line(status)}{_fields(headers)}{coding}{_date.line()}connection: close\r\n\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _line(status: int) -> str:
    return _LINES.get(status) or f"HTTP/1.1 {status} \r\n"


def _fields(headers: Iterable[tuple[str, str]]) -> str:
    fields = [f"{name}: {value}\r\n" for name, value in headers if name not in _OURS]
    lines = "".join(fields)
    # A header can't hold a line's end: whoever put one there would write the next header, or the body.
    if lines.count("\n") != len(fields) or lines.count("\r") != len(fields):
        raise ValueError("a header holds a line's end")
    return lines
