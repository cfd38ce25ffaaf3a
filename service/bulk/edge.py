"""Bulk requests at the edge: the body is received on the event loop, everything else happens in a thread.

The thread runs the Flask app as any WSGI server would: the body is a `Spool`, the answer goes through a `Pipe`.
So a slow sender or reader is waited for by nobody but its own thread, of which there are few.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from service import priority, wsgi
from service.bulk.outlet import Outlet, ReaderGone
from service.bulk.spool import Spool, cut_off
from service.bulk.window import Window
from service.calls import Reply
from service.errors import ApiError, body_too_large, service_stopping, too_busy
from service.http1.exchange import Exchange
from service.http1.guard import check_chunks
from service.plane import DataPlane

log = logging.getLogger(__name__)


class BulkEdge:
    """Runs bulk requests through the app.

    Args:
        app: the gateway's app.
        plane: what it serves.
    """

    def __init__(self, app: Flask, plane: DataPlane) -> None:
        self._app = app
        self._plane = plane
        self._settings = plane.settings
        self._threads = ThreadPoolExecutor(plane.settings.bulk_requests, "bulk", priority.stand_back)
        self._spools: set[Spool] = set()

    def admit(self, length: int | None) -> None:
        """Refuse a request by the length of its body, where that is known, or because of those under way.

        Raises:
            ApiError: 413 or 503.
        """
        if length is not None and length > self._settings.bulk_max_bytes:
            raise body_too_large(self._settings.bulk_max_bytes)
        if len(self._spools) >= self._settings.bulk_requests:
            self._plane.metrics.rejected.labels("bulk").inc()
            raise too_busy()

    async def answer(self, values: dict[str, Any], exchange: Exchange, length: int | None) -> None:
        """Answer one request.

        Args:
            values: the app's environ, but for the body.
            exchange: the HTTP server's side.
            length: of the body, where it is known.

        Raises:
            ApiError: 413 or 503, before anything is read.
        """
        self.admit(length)  # again: others may have begun since the head was read
        loop = asyncio.get_running_loop()
        moved = asyncio.Event()
        spool = Spool(functools.partial(loop.call_soon_threadsafe, moved.set))
        values["wsgi.input"], values[wsgi.IS_WAITING] = spool, spool.would_wait
        values["CONTENT_LENGTH"] = "" if length is None else str(length)
        job = Job(self._app, values, spool, exchange, self._window())
        self._spools.add(spool)
        self._plane.metrics.inflight_now += 1
        receiving = loop.create_task(self._receive(exchange, spool, job, moved), name="bulk body")
        try:
            reply = await loop.run_in_executor(self._threads, job.begin)
            if reply is not None:
                exchange.answer(reply)
            else:
                exchange.begin(200, job.headers)
                if await loop.run_in_executor(self._threads, job.send):
                    exchange.finish()
                else:
                    # A connection that breaks tells the client that the answer is not whole.
                    exchange.abort()
        finally:
            spool.close()
            receiving.cancel()
            receiving.add_done_callback(_noticed)
            self._spools.discard(spool)
            self._plane.metrics.inflight_now -= 1
            loop.run_in_executor(self._threads, job.close)

    def cut_off(self) -> None:
        """End the bodies that are being received; who reads them learns why."""
        for spool in self._spools:
            spool.end(service_stopping())

    async def close(self) -> None:
        """Let the threads finish."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    def _window(self) -> Window:
        return Window(self._settings.bulk_min_rate, self._settings.bulk_patience)

    async def _receive(self, exchange: Exchange, spool: Spool, job: Job, moved: asyncio.Event) -> None:
        """Put the body into the spool, at the speed at which it is taken from there."""
        loop = asyncio.get_running_loop()
        window = self._window()
        count = sent = 0
        coming: asyncio.Task[bytes] | None = None
        try:
            while True:
                # A client that is waited for reads nothing yet: then its body must not be held up.
                while spool.is_full() and not job.is_blocked:
                    moved.clear()
                    await moved.wait()
                coming = loop.create_task(exchange.read())
                since, chunk = loop.time(), None
                while chunk is None:
                    await asyncio.wait((coming,), timeout=max(window.left, 0.001))
                    chunk = coming.result() if coming.done() else None
                    now = loop.time()
                    if window.is_too_slow(now - since, len(chunk or b"") + job.sent - sent) and not coming.done():
                        raise _too_slow(self._settings.bulk_min_rate)
                    since, sent = now, job.sent
                if not chunk:
                    break
                count += 1
                if spool.received + len(chunk) > self._settings.bulk_max_bytes:
                    raise body_too_large(self._settings.bulk_max_bytes)
                check_chunks(count, spool.received + len(chunk))
                if spool.is_full():
                    await loop.run_in_executor(None, spool.put, chunk)
                else:
                    spool.put(chunk)
            spool.end(None if exchange.is_whole else cut_off())
        except ApiError as problem:
            spool.end(problem)
        finally:
            if coming is not None:
                coming.cancel()  # this task may have been cancelled while it waited for that one
            # Only where nothing else has ended it: the request is over.
            spool.end(cut_off())


class Job:
    """One request in its thread: `begin`, then `send` where its answer comes in blocks, then `close`.

    Args:
        app: the gateway's app.
        values: its environ.
        spool: the body.
        exchange: where the answer goes.
        window: the least speed at which the client must read.
    """

    def __init__(self, app: Flask, values: dict[str, Any], spool: Spool, exchange: Exchange, window: Window) -> None:
        self.headers: list[tuple[str, str]] = []
        self.is_blocked = False
        self.sent = 0
        self._app = app
        self._values = values
        self._spool = spool
        self._outlet = Outlet(exchange, asyncio.get_running_loop(), window, self._blocked, lambda: spool.received)
        self._chunks: Iterable[bytes] = ()
        self._lock = threading.Lock()

    def begin(self) -> Reply | None:
        """The whole answer; None where it is to be sent block by block."""
        with self._lock:
            status, self.headers, self._chunks = wsgi.begin(self._app, self._values)
            if status != 200 or any(name == "content-length" for name, _ in self.headers):
                return Reply(status, self.headers, b"".join(self._chunks))
            return None

    def send(self) -> bool:
        """Send the blocks as they are made; False where the client does not read them, or one can't be made."""
        with self._lock:
            try:
                for chunk in self._chunks:
                    self._outlet.write(chunk)
                    self.sent += len(chunk)
                self._outlet.flush()
            except ReaderGone:
                return False
            except Exception:
                log.debug("the answer ends early; the reason was logged where it arose")
                return False
            return True

    def close(self) -> None:
        """Whatever happened, the app learns of the end."""
        with self._lock:
            wsgi.end(self._chunks)

    def _blocked(self, blocked: bool) -> None:
        self.is_blocked = blocked
        self._spool.nudge()


def _too_slow(rate: int) -> ApiError:
    return ApiError(408, "BODY_TOO_SLOW", f"The body came at less than the {rate} bytes a second that it must.")


def _noticed(task: asyncio.Task[None]) -> None:
    """The body of a client that is gone is no event."""
    if not task.cancelled() and task.exception() is not None:
        log.debug("the body was given up: %s", task.exception())
