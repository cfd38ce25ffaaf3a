"""Bytes → requests, by llhttp's callbacks: what every request must be like, whoever answers it."""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod

import httptools

from service.errors import ApiError, body_too_large, from_status
from service.http1.exchange import Exchange
from service.http1.guard import MAX_HEADERS, MAX_URL, MOST_HEADERS, check_chunks, check_framing, check_head
from service.http1.request import Handler, Request, read_target

log = logging.getLogger(__name__)

_MOST_HEAD = MAX_URL + MAX_HEADERS + 4096
# What llhttp says of HTTP/9.9 and of the preface of HTTP/2.
_OTHER_VERSIONS = ("Invalid HTTP version", "Pause on PRI/Upgrade")
# A request line whose method may be one that is not known here (RFC 9110, 5.6.2: a token).
_METHOD = re.compile(rb"[\w!#$%&'*+.^`|~-]+ [/*h]")


class Reading(ABC):
    """The reading half of a connection, which fills in `_is_taken`, `_admitted` and `_whole`.

    A callback that raises ends the parser's work at once. What is refused (`_refusal`) is refused so: the rest of the
    bytes means nothing.

    Args:
        handler: says of each head whether its body is wanted.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._client = ""
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._exchange: Exchange | None = None
        self._refusal: ApiError | None = None
        self._target = b""
        self._in_head = self._began = False
        self._is_skipped = False
        self._head_bytes = 0
        self._size = self._limit = self._chunks = self._framing = 0

    @abstractmethod
    def _is_taken(self) -> bool:
        """Whether another request is wanted."""

    @abstractmethod
    def _admitted(self, request: Request, limit: int | None) -> None:
        """A head is here, and its body is wanted: None where it is a stream; raises ApiError."""

    @abstractmethod
    def _whole(self, request: Request) -> None:
        """A request is whole."""

    def _read(self, data: bytes | memoryview) -> bool:
        """Read on; False where what follows is no HTTP/1.1 any more."""
        rest = memoryview(data)
        while (place := self._feed(rest)) is not None and self._refusal is None:
            if self._parser.get_method() == b"CONNECT":
                return False  # the request is answered, what follows it is not read
            if self._is_skipped:
                self._read_body_anew()
            rest = rest[place:]
        return True

    def _feed(self, data: memoryview) -> int | None:
        """Have the parser read; the place where it stopped, because another protocol could begin there."""
        self._began = False
        place = None
        request, size = None if self._in_head else self._request, self._size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            place = stop.args[0]
        except httptools.HttpParserCallbackError as problem:
            self._refusal = _raised(problem)
        except httptools.HttpParserError as problem:
            self._refusal = _not_http(problem, data)
        try:
            if self._in_head:
                self._grow_head(len(data))
            elif request is not None and request is self._request:
                self._grow_framing(len(data), self._size - size)
        except ApiError as refusal:
            self._refusal = self._refusal or refusal
        return place

    def _body_left(self) -> int:
        """Bytes of the body that is being read which are still to come, where that is known."""
        request = self._request
        if request is None or self._in_head or not request.length:
            return 0
        return request.length - self._size

    def _grow_head(self, read: int) -> None:
        self._head_bytes = 0 if self._began else self._head_bytes + read
        if self._head_bytes > _MOST_HEAD:
            raise _head_too_large(len(self._target))

    def _grow_framing(self, read: int, of_body: int) -> None:
        # httptools puts a trailer together piece by piece, in time that grows with the square of its length.
        self._framing = 0 if of_body else self._framing + read
        check_framing(self._framing)

    def _read_body_anew(self) -> None:
        """Read on as if the request had no Upgrade, which may be ignored (RFC 9110, 7.8); httptools skips its body.

        A new parser is given a head with the same framing, of which nothing is heard.
        """
        request = self._request
        assert request is not None
        framing = "Transfer-Encoding: chunked" if request.length is None else f"Content-Length: {request.length}"
        ending = "" if request.is_kept else "\r\nConnection: close"
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}{ending}\r\n\r\n".encode())
        self._is_skipped = False

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._is_skipped or not self._is_taken():
            return
        if self._exchange is not None:
            raise ApiError(400, "BAD_FRAMING", "A table ends its connection: nothing may follow it.")
        self._began = self._in_head = True
        self._request = Request(self._client)
        self._target = b""

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer is dropped (RFC 9110, 6.5.1)."""
        request = self._request
        if not self._in_head or request is None:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        request.headers.append((key, text))
        fields = request.fields
        fields[key] = f"{fields[key]},{text}" if key in fields else text
        if len(request.headers) > MOST_HEADERS:
            raise ApiError(431, "HEADERS_TOO_LARGE", f"A request may have {MOST_HEADERS} headers, not more.")

    def on_headers_complete(self) -> None:
        """The head is whole: is the rest wanted?"""
        request = self._request
        self._in_head = False
        if request is not None and not self._is_skipped:
            self._admit(request)

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        request = self._request
        if request is None:
            return
        self._size += len(data)
        self._chunks += 1
        if self._exchange is not None:
            self._exchange.feed(data)
        elif self._size > self._limit:
            raise body_too_large(self._limit)
        else:
            self._handler.reserve(request, len(data))
            request.parts.append(data)
            check_chunks(self._chunks, self._size)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self._request
        if request is None:
            return
        if self._parser.should_upgrade() and request.length != 0 and request.method != "CONNECT":
            self._is_skipped = True
            return
        if self._exchange is not None:
            self._exchange.end(True)
            return
        self._request = None
        request.size = self._size
        self._whole(request)

    def _admit(self, request: Request) -> None:
        request.method = self._parser.get_method().decode("latin-1")
        version = self._parser.get_http_version()
        request.is_1_0 = version == "1.0"
        request.is_kept = self._parser.should_keep_alive() and request.method != "CONNECT"
        if version not in ("1.1", "1.0"):
            raise ApiError(505, "HTTP_VERSION_NOT_SUPPORTED", "This port speaks HTTP/1.1.")
        read_target(request, self._target)
        request.length = check_head(request.path, request.query, request.headers, request.is_1_0)
        self._size = self._chunks = self._framing = 0
        limit = self._handler.admit(request)
        self._limit = limit or 0
        self._admitted(request, limit)


def _raised(problem: httptools.HttpParserCallbackError) -> ApiError:
    """What a callback raised."""
    cause = problem.__context__
    if isinstance(cause, ApiError):
        return cause
    log.error("a request could not be read", exc_info=cause)
    return from_status(500)


def _not_http(problem: httptools.HttpParserError, data: memoryview) -> ApiError:
    if isinstance(problem, httptools.HttpParserInvalidMethodError) and _METHOD.match(data):
        return from_status(501)
    reason = str(problem).strip().rstrip(".") or "it can't be parsed"
    if reason in _OTHER_VERSIONS:
        return ApiError(505, "HTTP_VERSION_NOT_SUPPORTED", "This port speaks HTTP/1.1.")
    return ApiError(400, "BAD_HTTP", f"The request is not HTTP/1.1 as RFC 9112 has it: {reason}.")


def _head_too_large(target: int) -> ApiError:
    if target > MAX_URL:
        return ApiError(414, "URI_TOO_LONG", f"The URL is longer than the {MAX_URL} characters that are taken.")
    return ApiError(431, "HEADERS_TOO_LARGE", f"The headers are longer than the {MAX_HEADERS} bytes that are taken.")
