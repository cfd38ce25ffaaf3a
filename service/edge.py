"""The production edge: an RSGI application in front of the Flask app.

A WSGI thread that reads a slow client's body is lost to everyone else, so bodies are read here, on the
event loop, under a deadline and a size limit. Predictions are answered on the loop by the same `respond` that
Flask's routes call; every other request, and a large body, takes a thread and goes through the Flask app.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from service import wsgi
from service.bulk.edge import BulkEdge
from service.bulk.kinds import bulk_kind
from service.calls import Call, Reply, request_id
from service.errors import ApiError, body_too_large, body_too_slow, too_busy
from service.guard import check_chunks, check_head
from service.metrics import NO_MODEL
from service.overdue import Overdue
from service.plane import DataPlane
from service.protocols.base import PredictionProtocol
from service.protocols.paths import PATHS, concrete
from service.requests import has_foreign_hooks
from service.respond import error_reply, log_error, respond
from service.rsgi import CLOSE, Exchange, Scope
from service.served import Catalogue, Served
from service.trace import taken

# Parsing more than this would hold the event loop for longer than a cheap model may.
LOOP_BYTES = 32 * 1024


class Edge:
    """Reads each request whole, then answers it: a prediction on the loop, the rest through the app.

    Args:
        app: the gateway's app.
        plane: what it serves.
    """

    def __init__(self, app: Flask, plane: DataPlane) -> None:
        self._app = app
        self._plane = plane
        self._settings = plane.settings
        self._metrics = plane.metrics
        self._keys = plane.keys
        self._threads = ThreadPoolExecutor(plane.settings.threads, thread_name_prefix="request")
        self._overdue = Overdue(plane.settings.body_timeout)
        # A hook that someone added to the app must see every request: then all of them go there.
        self._has_short_ways = not has_foreign_hooks(app)
        self._ways: dict[str, tuple[PredictionProtocol, Served]] = {}
        self._ways_of: Catalogue | None = None
        self._bulk = BulkEdge(app, plane)
        self._reading = 0

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        metrics = self._metrics
        try:
            length = check_head(scope.path, scope.query_string, scope.headers.items())
            if self._keys is not None:
                self._keys.check(scope.path, scope.headers.get)
            if bulk_kind(scope.method, scope.path, scope.headers.get("content-type")) is not None:
                await self._bulk.answer(self._environ(scope, b""), exchange, scope.client, length)
                return
            body = await self._body(scope, exchange, length)
            if metrics.inflight_now >= self._settings.max_inflight:
                metrics.rejected.labels("overloaded").inc()
                raise too_busy()
        except ApiError as error:
            self._refuse(scope, exchange, error)
            return
        metrics.inflight_now += 1
        try:
            reply = await self._answer(scope, body)
        finally:
            metrics.inflight_now -= 1
        if self._plane.is_draining:
            reply.headers.append(CLOSE)
        exchange.response_bytes(reply.status, reply.headers, reply.body)

    def cut_off(self) -> None:
        """End the tables that are under way: there is no more time for them."""
        self._plane.is_closing = True
        self._bulk.cut_off()

    async def close(self) -> None:
        """Let the threads finish."""
        self.cut_off()
        self._overdue.close()
        await self._bulk.close()
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        way = self._short_ways().get(scope.path)
        header = scope.headers.get
        # A small compressed body can become a large one.
        if way is None or scope.method != "POST" or len(body) > LOOP_BYTES or header("content-encoding"):
            return await self._through_app(scope, body)
        protocol, served = way
        call = Call(header, scope.query_string, body, request_id(header("x-request-id")), time.perf_counter())
        return await respond(self._plane, protocol, served, call)

    def _short_ways(self) -> dict[str, tuple[PredictionProtocol, Served]]:
        """The exact paths of what is served now; any other path is the app's to answer."""
        catalogue = self._plane.catalogue
        if self._ways_of is not catalogue:
            self._ways_of = catalogue
            self._ways = _short_ways(catalogue) if self._has_short_ways else {}
        return self._ways

    async def _through_app(self, scope: Scope, body: bytes) -> Reply:
        run = asyncio.get_running_loop().run_in_executor
        return await run(self._threads, wsgi.run, self._app, self._environ(scope, body))

    def _environ(self, scope: Scope, body: bytes) -> dict[str, Any]:
        return wsgi.environ(
            scope.method, scope.path, scope.query_string, scope.headers.items(), scope.client, scope.scheme, body
        )

    async def _body(self, scope: Scope, exchange: Exchange, length: int | None) -> bytes:
        """The whole body; 413 before it is read where its length is known, 408 past the deadline."""
        limit = self._settings.max_body_bytes
        if length == 0:
            return b""
        if length is not None and length > limit:
            raise body_too_large(limit)
        size = limit if length is None else length
        if self._reading + size > self._settings.max_reading_bytes:
            self._metrics.rejected.labels("reading").inc()
            raise too_busy()
        self._reading += size
        try:
            if length is not None:
                return await self._overdue.bounded(exchange())
            async with asyncio.timeout(self._settings.body_timeout):
                return await _chunks(exchange, limit)
        except TimeoutError:
            raise body_too_slow(self._settings.body_timeout) from None
        finally:
            self._reading -= size

    def _refuse(self, scope: Scope, exchange: Exchange, error: ApiError) -> None:
        """An error before anything is called: counted as the app counts its own, the connection closed."""
        self._metrics.requests.labels(NO_MODEL, NO_MODEL, "http", str(error.status)).inc()
        identity = request_id(scope.headers.get("x-request-id"))
        log_error(error, identity, NO_MODEL, "http", 0.0, taken(scope.headers.get))
        reply = error_reply(error, identity)
        exchange.response_bytes(reply.status, [*reply.headers, CLOSE], reply.body)


async def _chunks(exchange: Exchange, limit: int) -> bytes:
    """A body whose length is not known; 413 as soon as it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in exchange:
        size += len(chunk)
        if size > limit:
            raise body_too_large(limit)
        chunks.append(chunk)
        check_chunks(len(chunks), size)
    return b"".join(chunks)


def _short_ways(catalogue: Catalogue) -> dict[str, tuple[PredictionProtocol, Served]]:
    return {
        concrete(template, served.name, served.version): (protocol, served)
        for template, protocol in PATHS
        for served in catalogue
    }
