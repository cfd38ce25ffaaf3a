"""The production edge: an RSGI application in front of the Flask app.

A WSGI thread that reads a slow client's body is lost to everyone else, so bodies are read here, on the
event loop, under a deadline and a size limit; a thread is taken only for a request that is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import orjson
from flask import Flask

from service import wsgi
from service.errors import ApiError, body_too_large, body_too_slow, too_busy
from service.guard import check_chunks, check_head
from service.metrics import NO_MODEL, Metrics
from service.requests import request_id
from service.settings import Settings

_CLOSE = ("connection", "close")


class Scope(Protocol):
    """What granian tells of a request (the parts used here)."""

    method: str
    path: str
    query_string: str
    client: str
    scheme: str
    headers: Any


class Exchange(Protocol):
    """Granian's side of one request: body in, answer out."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in chunks."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send the answer."""
        ...


class Edge:
    """Reads each request whole, then runs the app on it in a thread.

    Args:
        app: the gateway's app.
        settings: limits and deadlines.
        metrics: counts what is refused here.
    """

    def __init__(self, app: Flask, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="request")
        self._inflight = 0
        self.draining = False

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            check_head(scope.path, scope.query_string, scope.headers.items())
            body = await self._body(scope, exchange)
            self._admit()
        except ApiError as error:
            self._refuse(scope, exchange, error)
            return
        try:
            answer = await self._run(scope, body)
        finally:
            self._inflight -= 1
            self._metrics.inflight.dec()
        headers = [*answer.headers, _CLOSE] if self.draining else answer.headers
        exchange.response_bytes(answer.status, headers, answer.body)

    def close(self) -> None:
        """Let the threads finish."""
        self._threads.shutdown(wait=True)

    def _admit(self) -> None:
        """Count the request in, or refuse it: more waiting in front of the threads would only age."""
        if self._inflight >= self._settings.max_inflight:
            self._metrics.rejected.labels("overloaded").inc()
            raise too_busy()
        self._inflight += 1
        self._metrics.inflight.inc()

    async def _run(self, scope: Scope, body: bytes) -> wsgi.Answer:
        values = wsgi.environ(
            scope.method, scope.path, scope.query_string, scope.headers.items(), scope.client, scope.scheme, body
        )
        return await asyncio.get_running_loop().run_in_executor(self._threads, wsgi.run, self._app, values)

    async def _body(self, scope: Scope, exchange: Exchange) -> bytes:
        """The whole body; 413 before it is read where its length is known, 408 past the deadline."""
        limit = self._settings.max_body_bytes
        length = scope.headers.get("content-length")
        if length is None and scope.headers.get("transfer-encoding") is None:
            return b""
        if length is not None and length.isdigit() and int(length) > limit:
            raise body_too_large(limit)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_timeout):
                async for chunk in exchange:
                    size += len(chunk)
                    if size > limit:
                        raise body_too_large(limit)
                    chunks.append(chunk)
                    check_chunks(len(chunks), size)
        except TimeoutError:
            raise body_too_slow(self._settings.body_timeout) from None
        return b"".join(chunks)

    def _refuse(self, scope: Scope, exchange: Exchange, error: ApiError) -> None:
        """An error before the app is reached: in the same shape, counted the same way, the connection closed."""
        self._metrics.requests.labels(NO_MODEL, NO_MODEL, "http", str(error.status)).inc()
        given = request_id(scope.headers.get("x-request-id"))
        headers = [("content-type", "application/json"), ("x-request-id", given), _CLOSE]
        headers += [(name.lower(), value) for name, value in error.headers.items()]
        exchange.response_bytes(error.status, headers, orjson.dumps(error.document(given)))
