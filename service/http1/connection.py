"""One client's connection: bytes → requests, one after the other, answers → bytes.

What is answered at once is answered inside the parser's callback, without a task. Everything that a client can hold up
has a deadline, which the listener looks at (`look`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, cast

from service.calls import Reply
from service.errors import ApiError, body_too_slow, from_status
from service.http1 import answers
from service.http1.exchange import Exchange
from service.http1.reading import Reading
from service.http1.request import Pending, Request

if TYPE_CHECKING:
    from service.http1.listener import Listener

log = logging.getLogger(__name__)

# After a refusal the rest of what a client sends is read for so long, or the answer would be lost with a reset.
LINGER_SECONDS = 2.0
# Of what came in one piece, in a turn of the loop: 256 KiB of small requests, one after the other, took it 9 ms.
_PORTION = 16 * 1024
# So much at once comes from a fast sender, of which libuv reads up to 32 pieces in a row: 8 MiB took it 7 ms.
_LONG_READ = 128 * 1024
_CLOSE = "close"
_NOTHING = memoryview(b"")


class Connection(Reading, asyncio.Protocol):
    """A connection that the listener has taken.

    Args:
        listener: keeps it, and knows the handler and the times.
    """

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener.handler)
        self._listener = listener
        self._transport: asyncio.Transport
        self._queue: deque[Request] = deque()
        self._pending: Pending | None = None
        self._is_chunked = False
        self._is_lingering = False
        self._is_over = False
        self._is_held = False
        self._left = _NOTHING
        self._is_noting = False
        self._noted: Request | None = None
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
        elif self._pending is not None:
            self._pending.cancel()
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
        if self._is_deaf():
            return
        if len(data) > _PORTION:
            self._take_portion(memoryview(data))
        elif not self._is_idle():
            self._take(data)
        elif not self._take_known(data):
            self._is_noting = True
            self._take(data)
            self._note(data)

    def _take_known(self, data: bytes) -> bool:
        """Answer a request whose head came before; False where it has to be read."""
        request = self._listener.heads.again(data, self._client)
        if request is None:
            return False
        try:
            self._handler.admit(request)
            self._handler.reserve(request, request.size)
        except ApiError as refusal:
            self._request, self._refusal = request, refusal
            self._refuse(refusal)
        else:
            self._whole(request)
        return True

    def _note(self, data: bytes) -> None:
        request, self._noted, self._is_noting = self._noted, None, False
        if request is not None:
            self._listener.heads.remember(data, request)

    def _take(self, data: bytes | memoryview) -> None:
        if self._read(data):
            self._after_reading()
        else:
            self.hold_reading()

    def _take_portion(self, data: memoryview) -> None:
        """As much as others can wait for, and the body that is in it to its end; what is left in the next turn."""
        is_long = len(data) >= _LONG_READ
        size = max(_PORTION, self._body_left())
        while data and size and not self._is_deaf():
            portion, data = data[:size], data[size:]
            self._take(portion)
            size = self._body_left()
        if (data or is_long) and not self._is_deaf():
            self._left = data
            self._transport.pause_reading()
            self._listener.loop.call_soon(self._take_left)

    def _take_left(self) -> None:
        if self._is_held or self._is_over:
            return
        left, self._left = self._left, _NOTHING
        if left:
            self._take_portion(left)
        if not self._left:
            self.read_on()

    def _is_deaf(self) -> bool:
        """Whether nothing that comes now means anything."""
        return self._is_over or self._is_lingering or self._refusal is not None

    def _after_reading(self) -> None:
        """What the callbacks could not do in the middle of the parser's work."""
        if self._is_lingering or self._is_over:
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
        elif self._in_head and self._began:
            self._wait(self._listener.patience)

    # what reading asks

    def _is_taken(self) -> bool:
        return not self._is_lingering

    def _admitted(self, request: Request, limit: int | None) -> None:
        if limit is None:
            if self._pending is not None or self._queue:
                # Streams are not pipelined: its body would have to be kept while the answers before it are waited for.
                raise ApiError(400, "BAD_FRAMING", "A table can't be sent before the answer to the last request.")
            self._begin_stream(request)
        else:
            self._wait(self._listener.patience)
        if request.length != 0 and "expect" in request.fields:
            self._transport.write(answers.CONTINUE)

    def _whole(self, request: Request) -> None:
        if self._is_noting:
            self._noted = request
        if self._pending is not None or self._queue:
            self._queue.append(request)
            self.hold_reading()
        elif self._is_over or self._is_lingering:
            self._handler.abandon(request)
        else:
            self._answer(request)

    # answering

    def _answer(self, request: Request) -> None:
        outcome = self._handler.answer(request, functools.partial(self._came, request))
        if isinstance(outcome, Reply):
            self._send(request, outcome)
        else:
            self.deadline = None
            self._pending = outcome

    def _came(self, request: Request, reply: Reply) -> None:
        """Send the answer that took a while, then answer what was asked meanwhile."""
        self._pending = None
        self._send(request, reply)
        while self._queue and self._pending is None:
            self._answer(self._queue.popleft())
        if self._pending is not None or self._is_lingering:
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
        if self._pending is not None:
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
        self._left = _NOTHING
        self._give_up_queue()
        self._transport.write_eof()
        self._wait(LINGER_SECONDS)
        self.read_on()

    def _give_up_queue(self) -> None:
        while self._queue:
            self._handler.abandon(self._queue.popleft())

    # streams

    def _begin_stream(self, request: Request) -> None:
        self._exchange = Exchange(self)
        self.deadline = None
        self._pending = self._listener.loop.create_task(self._stream(request, self._exchange))

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
        self._pending = None
        self._linger()

    def hold_reading(self) -> None:
        """Take no more from the client for now."""
        self._is_held = True
        if not self._is_over:
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Take more."""
        self._is_held = False
        if self._is_over:
            return
        if self._left:
            self._listener.loop.call_soon(self._take_left)
        else:
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

    def look(self, now: float) -> bool:
        """Is its deadline over? Then it ends: in the middle of a body with 408, else in silence."""
        if self.deadline is None or now < self.deadline:
            return False
        if self.is_clogged and self._transport.get_write_buffer_size() < self._unread:
            self.pause_writing()  # it reads, if slowly
        elif self._request is not None and not self._in_head and not self.is_clogged and not self._is_lingering:
            self._refuse(body_too_slow(self._listener.patience))
        else:
            self._transport.abort()
        return True

    def _is_idle(self) -> bool:
        return self._request is None and self._pending is None and not self._queue and not self._left

    def _wait(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
