"""One client's connection: bytes → requests, one after the other, answers → bytes.

What is answered at once is answered inside the parser's callback, without a task. Everything that a client can hold up
has a deadline, which the listener looks at (`look`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import httptools

from service.calls import Reply
from service.errors import ApiError, body_too_large, body_too_slow, from_status
from service.guard import MAX_HEADERS, MAX_URL, check_chunks, check_head
from service.http1 import answers
from service.http1.exchange import Exchange
from service.http1.request import Handler, Request, read_target

if TYPE_CHECKING:
    from service.http1.listener import Listener

log = logging.getLogger(__name__)

# After a refusal the rest of what a client sends is read for so long, or the answer would be lost with a reset.
LINGER_SECONDS = 2.0
_MOST_HEAD = MAX_URL + MAX_HEADERS + 4096
_CLOSE = "close"
# What llhttp says of HTTP/9.9 and of the preface of HTTP/2.
_OTHER_VERSIONS = ("Invalid HTTP version", "Pause on PRI/Upgrade")
# A request line whose method may be one that is not known here (RFC 9110, 5.6.2: a token).
_METHOD = re.compile(rb"[\w!#$%&'*+.^`|~-]+ [/*h]")


class Connection(asyncio.Protocol):
    """A connection that the listener has taken.

    Args:
        listener: keeps it, and knows the handler and the times.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._handler: Handler = listener.handler
        self._transport: asyncio.Transport
        self._client = ""
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._target = b""
        self._in_head = self._began = False
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._size = self._limit = 0
        self._chunks = 0
        self._exchange: Exchange | None = None
        self._queue: deque[Request] = deque()
        self._task: asyncio.Task[Any] | None = None
        self._refusal: ApiError | None = None
        self._is_chunked = False
        self._is_lingering = False
        self._is_over = False
        self._unread = 0
        self.is_clogged = False
        self.deadline: float | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is here."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""
        self._listener.connections.add(self)
        self._wait(self._listener.keep_alive)

    def connection_lost(self, problem: Exception | None) -> None:
        """The client is gone: nobody waits for its answers any more."""
        self._is_over = True
        self._listener.connections.discard(self)
        if self._exchange is not None:
            self._exchange.lose()
        elif self._task is not None:
            self._task.cancel()
        self._give_up_queue()
        if self._request is not None:
            self._handler.abandon(self._request)
            self._request = None

    def eof_received(self) -> bool:
        """Whoever sends no more does not wait either, but for the answer to a stream."""
        if self._exchange is not None and not self._is_over:
            self._exchange.end(False)
            return True
        return False

    def pause_writing(self) -> None:
        """The client has to read before more can be sent."""
        self.is_clogged = True
        self._unread = self._transport.get_write_buffer_size()
        if self._exchange is None:
            self._wait(self._listener.patience)

    def resume_writing(self) -> None:
        """It has read."""
        self.is_clogged = False
        if self._exchange is not None:
            self._exchange.on_change()
        elif self._is_idle():
            self._wait(self._listener.keep_alive)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._is_over or self._is_lingering or self._refusal is not None:
            return
        self._began = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing else is spoken here: the request is answered as it is, what follows it is not read.
            self.hold_reading()
            return
        except httptools.HttpParserError as problem:
            self._refusal = self._refusal or _not_http(problem, data)
        self._after(len(data))

    def _after(self, came: int) -> None:
        """What the parser's callbacks left to do."""
        if self._is_lingering or self._is_over:
            return
        if self._refusal is None and self._in_head:
            self._wait_for_head(came)
        if self._refusal is not None:
            self._refuse(self._refusal)

    def _wait_for_head(self, came: int) -> None:
        """The head is not whole yet: it has a deadline from its first byte on, and a size."""
        if self._began:
            self._head_bytes = 0
            self._wait(self._listener.patience)
            return
        self._head_bytes += came
        if self._head_bytes > _MOST_HEAD:
            self._refusal = _head_too_large(len(self._target))

    # the parser's side

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._refusal is not None or self._is_lingering:
            return
        self._began = True
        self._request = Request(self._client)
        self._target = b""
        self._in_head = True

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer is dropped (RFC 9110, 6.5.1)."""
        request = self._request
        if not self._in_head or request is None:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        request.headers.append((key, text))
        fields = request.fields
        fields[key] = f"{fields[key]},{text}" if key in fields else text

    def on_headers_complete(self) -> None:
        """The head is whole: is the rest wanted?"""
        request = self._request
        self._in_head = False
        if request is None or self._refusal is not None:
            return
        try:
            self._admit(request)
        except ApiError as refusal:
            self._refusal = refusal

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self._refusal is not None:
            return
        self._size += len(data)
        self._chunks += 1
        if self._exchange is not None:
            self._exchange.feed(data)
        elif self._size > self._limit:
            self._refusal = body_too_large(self._limit)
        else:
            self._body.append(data)
            if self._chunks > 1:
                try:
                    check_chunks(self._chunks, self._size)
                except ApiError as refusal:
                    self._refusal = refusal

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self._request
        if request is None or self._refusal is not None:
            return
        request.is_kept = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        if self._exchange is not None:
            self._exchange.end(True)
            return
        self._request = None
        request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if self._task is not None or self._queue:
            self._queue.append(request)
            self.hold_reading()
        elif self._is_over or self._is_lingering:
            self._handler.abandon(request)
        else:
            self._answer(request)

    def _admit(self, request: Request) -> None:
        request.method = self._parser.get_method().decode("latin-1")
        request.is_1_0 = self._parser.get_http_version() == "1.0"
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            raise ApiError(505, "HTTP_VERSION_NOT_SUPPORTED", "This port speaks HTTP/1.1.")
        read_target(request, self._target)
        request.length = check_head(request.path, request.query, request.headers)
        self._body, self._size, self._chunks = [], 0, 0
        limit = self._handler.admit(request)
        if limit is None:
            self._limit = 0
            if self._task is not None or self._queue:
                # Streams are not pipelined: the answers before it would have to be waited for with its body in hand.
                raise ApiError(400, "BAD_FRAMING", "A table can't be sent before the answer to the last request.")
            self._begin_stream(request)
        else:
            self._limit = limit
            self._wait(self._listener.patience)
        if request.length != 0 and "expect" in request.fields:
            self._transport.write(answers.CONTINUE)

    # answering

    def _answer(self, request: Request) -> None:
        outcome = self._handler.answer(request)
        if isinstance(outcome, Reply):
            self._send(request, outcome)
        else:
            self.deadline = None
            self._task = outcome
            outcome.add_done_callback(functools.partial(self._came, request))

    def _came(self, request: Request, task: asyncio.Task[Reply]) -> None:
        """Send the answer that took a while, then answer what was asked meanwhile."""
        self._task = None
        if self._is_over or task.cancelled():
            return
        problem = task.exception()
        if problem is not None:
            log.error("a request failed", exc_info=problem)
        self._send(request, task.result() if problem is None else self._handler.refuse(request, from_status(500)))
        while self._queue and self._task is None:
            self._answer(self._queue.popleft())
        if self._task is not None or self._is_lingering:
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
        else:
            self.read_on()

    def _send(self, request: Request, reply: Reply) -> None:
        if self._is_over:
            return
        is_kept = request.is_kept and not self._handler.draining and ("connection", _CLOSE) not in reply.headers
        connection = (None if not request.is_1_0 else "keep-alive") if is_kept else _CLOSE
        try:
            data = answers.whole(reply, request.method == "HEAD", connection)
        except ValueError as problem:
            log.error("an answer could not be written: %s", problem)
            data = answers.whole(self._handler.refuse(request, from_status(500)), request.method == "HEAD", connection)
        self._transport.write(data)
        if is_kept:
            if not self.is_clogged:
                self._wait(self._listener.keep_alive)
        else:
            self._linger()

    def _refuse(self, error: ApiError) -> None:
        """Answer what is not read further, and close."""
        if self._exchange is not None:
            self._exchange.end(False)
            return
        if self._task is not None:
            self.hold_reading()  # the answers to what came before it go first
            return
        request, self._request = self._request, None
        if request is not None:
            self._handler.abandon(request)
        reply = self._handler.refuse(request if request is not None and request.method else None, error)
        is_head = request is not None and request.method == "HEAD"
        self._transport.write(answers.whole(reply, is_head, _CLOSE))
        self._linger()

    def _linger(self) -> None:
        """No more is sent; what still comes is read and dropped for a moment, so that the answer arrives."""
        self._is_lingering = True
        self._give_up_queue()
        self._transport.write_eof()
        self._wait(LINGER_SECONDS)
        self._transport.resume_reading()

    def _give_up_queue(self) -> None:
        while self._queue:
            self._handler.abandon(self._queue.popleft())

    # streams

    def _begin_stream(self, request: Request) -> None:
        self._exchange = Exchange(self)
        self.deadline = None
        self._task = self._listener.loop.create_task(self._stream(request, self._exchange))

    async def _stream(self, request: Request, exchange: Exchange) -> None:
        try:
            await self._handler.stream(request, exchange)
        except Exception:
            log.exception("a stream failed")
            self.abort()

    def begin_answer(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The head of a streamed answer."""
        assert self._request is not None or self._is_over
        if self._is_over or self._request is None:
            return
        self._is_chunked = not self._request.is_1_0
        self._transport.write(answers.beginning(status, headers, self._is_chunked))

    def write_piece(self, data: bytes) -> None:
        """A piece of its body."""
        if not self._is_over and data:
            self._transport.write(answers.chunk(data) if self._is_chunked else data)

    def end_stream(self, reply: Reply | None) -> None:
        """Its end, or the whole answer; the connection closes."""
        if self._is_over:
            return
        if reply is not None:
            self._transport.write(answers.whole(reply, False, _CLOSE))
        elif self._is_chunked:
            self._transport.write(answers.LAST_CHUNK)
        self._exchange = None
        self._task = None
        self._linger()

    def hold_reading(self) -> None:
        """Take no more from the client for now."""
        if not self._is_over:
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Take more."""
        if not self._is_over:
            self._transport.resume_reading()

    def abort(self) -> None:
        """End at once, with a reset."""
        self._transport.abort()

    # the listener's side

    @property
    def is_busy(self) -> bool:
        """Whether a request is being received or answered, or an answer is not sent yet."""
        return not self._is_idle() or self._transport.get_write_buffer_size() > 0

    def close_idle(self) -> None:
        """Close it where nothing is under way."""
        if not self.is_busy:
            self._transport.close()

    def look(self, now: float) -> None:
        """Is its deadline over? Then it ends: in the middle of a body with 408, else in silence."""
        if self.deadline is None or now < self.deadline:
            return
        if self.is_clogged and self._transport.get_write_buffer_size() < self._unread:
            self.pause_writing()  # it reads, if slowly
        elif self._request is not None and not self._in_head and not self.is_clogged and not self._is_lingering:
            self._refuse(body_too_slow(self._listener.patience))
        else:
            self._transport.abort()

    def _is_idle(self) -> bool:
        return self._request is None and self._task is None and not self._queue

    def _wait(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds


def _not_http(problem: httptools.HttpParserError, data: bytes) -> ApiError:
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
