"""The production edge: what the HTTP server asks of Mulgam, in front of the Flask app.

A WSGI thread that reads a slow client's body is lost to everyone else, so bodies are read on the event loop, under a
deadline and a size limit. Predictions are answered on the loop by the same `respond` that Flask's routes call; every
other request, and a large body, takes a thread and goes through the Flask app.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from service import hooks, priority, wsgi
from service.bulk.edge import BulkEdge
from service.bulk.kinds import bulk_kind
from service.caller import Caller
from service.calls import GONE, LOOP_BYTES, Call, Reply, request_id
from service.errors import ApiError, body_too_large, from_status, too_busy
from service.http1.exchange import Exchange
from service.http1.request import Pending, Request
from service.metrics.families import NO_MODEL
from service.plane import DataPlane
from service.protocols.base import PredictionProtocol
from service.protocols.paths import PATHS, concrete
from service.queueing.job import Job
from service.respond import error_reply, respond
from service.telemetry.refusals import refusals
from service.telemetry.trace import taken
from service.versions.served import Catalogue, LineUp, Served
from service.versions.split import key_of

log = logging.getLogger(__name__)

# What answers a path; with the line-up where its canary has a share of the path's requests.
Way = tuple[PredictionProtocol, Served, LineUp | None]


class Edge:
    """Answers each request: a prediction on the loop, the rest through the app. See `http1.request.Handler`.

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
        self._threads = ThreadPoolExecutor(plane.settings.threads, "request", priority.stand_back)
        # A hook that someone added to the app must see every request: then all of them go there.
        self._has_short_ways = not hooks.are_foreign(app)
        self._ways: dict[str, Way] = {}
        self._ways_of: Catalogue | None = None
        self._bulk = BulkEdge(app, plane)
        self._reading = 0

    @property
    def draining(self) -> bool:
        """See `Handler.draining`."""
        return self._plane.is_draining

    def admit(self, request: Request) -> int | None:
        """See `Handler.admit`: 401 without a key, 413 and 503 before a body is read.

        Nothing is reserved for what a client says that it will send: whoever sends nothing would keep others out.
        """
        length = request.length
        if self._keys is not None:
            self._keys.check(request.path, request.fields.get)
        if bulk_kind(request.method, request.path, request.fields.get("content-type")) is not None:
            self._bulk.admit(length)
            return None
        limit = self._settings.max_body_bytes
        if length == 0:
            return 0
        if length is not None and length > limit:
            raise body_too_large(limit)
        self._look_for_room(length or 0)
        return limit

    def reserve(self, request: Request, size: int) -> None:
        """See `Handler.reserve`."""
        self._look_for_room(size)
        self._reading += size
        request.reserved += size

    def abandon(self, request: Request) -> None:
        """See `Handler.abandon`."""
        self._reading -= request.reserved
        request.reserved = 0

    def answer(self, request: Request, done: Callable[[Reply], None]) -> Reply | Pending:
        """See `Handler.answer`."""
        self._reading -= request.reserved
        metrics = self._metrics
        if metrics.inflight_now >= self._settings.max_inflight:
            metrics.rejected.labels("overloaded").inc()
            return self.refuse(request, too_busy())
        way = self._short_ways().get(request.path)
        fields = request.fields
        # A small compressed body can become a large one.
        if way is None or request.method != "POST" or request.size > LOOP_BYTES or "content-encoding" in fields:
            return self._send_to_app(request, done)
        protocol, served, split = way
        identity = request_id(fields.get("x-request-id"))
        if split is not None and split.is_for_canary(key_of(fields.get, identity)):
            served = self._plane.canary_of(split)
        call = Call(fields.get, request.query, request.body(), identity, time.perf_counter())
        outcome = respond(self._plane, protocol, served, call, done)
        # What is computed at the end of this turn is in flight for nobody to see.
        if isinstance(outcome, Job) and outcome.is_queued:
            metrics.inflight_now += 1
            outcome.ended = self._ended
        return outcome

    async def stream(self, request: Request, exchange: Exchange) -> None:
        """See `Handler.stream`."""
        try:
            await self._bulk.answer(self._environ(request), exchange, request.length)
        except ApiError as error:
            exchange.answer(self.refuse(request, error))

    def refuse(self, request: Request | None, error: ApiError) -> Reply:
        """See `Handler.refuse`: counted as the app counts its own."""
        header = (request.fields if request is not None else {}).get
        self._metrics.requests.labels(NO_MODEL, NO_MODEL, "http", str(error.status)).inc()
        identity = request_id(header("x-request-id"))
        refusals.log(error, identity, NO_MODEL, "http", 0.0, taken(header))
        return error_reply(error, identity)

    def cut_off(self) -> None:
        """End the tables that are under way: there is no more time for them."""
        self._plane.is_closing = True
        self._bulk.cut_off()

    async def close(self) -> None:
        """Let the threads finish."""
        self.cut_off()
        await self._bulk.close()
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    def _send_to_app(self, request: Request, done: Callable[[Reply], None]) -> Caller:
        """In flight until a thread is done with it, though nobody may wait any more."""
        loop, caller = asyncio.get_running_loop(), Caller()
        work = self._threads.submit(self._through_app, request, time.perf_counter(), caller)
        self._metrics.inflight_now += 1

        def came() -> None:
            self._ended()
            if work.cancelled():
                self._metrics.requests.labels(NO_MODEL, NO_MODEL, "http", str(GONE)).inc()
                return
            problem = work.exception()
            if problem is not None:
                log.error("a request failed", exc_info=problem)
            if not caller.is_gone:
                done(work.result() if problem is None else self.refuse(request, from_status(500)))

        work.add_done_callback(lambda _: loop.call_soon_threadsafe(came))
        caller.awaits(work)
        return caller

    def _look_for_room(self, size: int) -> None:
        if self._reading + size > self._settings.max_reading_bytes:
            self._metrics.rejected.labels("reading").inc()
            raise too_busy()

    def _ended(self) -> None:
        self._metrics.inflight_now -= 1

    def _short_ways(self) -> dict[str, Way]:
        """The exact paths of what is served now; any other path is the app's to answer."""
        catalogue = self._plane.catalogue
        if self._ways_of is not catalogue:
            self._ways_of = catalogue
            self._ways = _short_ways(catalogue) if self._has_short_ways else {}
        return self._ways

    def _through_app(self, request: Request, received: float, caller: Caller) -> Reply:
        return wsgi.run(self._app, self._environ(request, received) | {wsgi.CALLER: caller})

    def _environ(self, request: Request, received: float | None = None) -> dict[str, Any]:
        return wsgi.environ(
            request.method,
            request.path,
            request.query,
            request.headers,
            request.client,
            "http",
            request.body(),
            received,
        )


def _short_ways(catalogue: Catalogue) -> dict[str, Way]:
    ways: dict[str, Way] = {}
    for line_up in catalogue.line_ups.values():
        split = line_up if line_up.canary is not None else None
        for served in line_up.versions.values():
            for template, protocol in PATHS:
                names_version = "<version>" in template
                if names_version or served is line_up.default:
                    path = concrete(template, served.name, served.version)
                    ways[path] = (protocol, served, None if names_version else split)
    return ways
