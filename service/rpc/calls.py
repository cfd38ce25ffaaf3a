"""The methods of V2 over gRPC: the same steps as over REST, errors as gRPC's status codes.

A unary request is a stream of one message on the wire. It is read as such, so that reading has a deadline: a client
that never sends its message holds its place no longer than `MULGAM_BODY_TIMEOUT`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from mulgam.errors import InputError
from mulgam.signature import NUMERIC
from service.calls import GONE, LOOP_BYTES, request_id
from service.errors import body_too_slow, too_busy
from service.metrics.families import NO_MODEL
from service.offload import large
from service.plane import DataPlane
from service.protocols import v2_metadata
from service.protocols.base import Decoded
from service.queueing.deadline import Deadline
from service.respond import as_api_error
from service.rpc import open_inference_pb2 as messages
from service.rpc import v2_grpc
from service.telemetry.refusals import refusals
from service.telemetry.trace import Trace, current, taken
from service.versions.served import Served
from service.versions.split import key_of

NAME = "grpc"
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
Context = Any  # grpc.aio.ServicerContext, generic in types that do not matter here
Result = TypeVar("Result")
Method = Callable[[Any, Context], Awaitable[bytes]]


class Calls:
    """Answers each method; messages come and go as bytes.

    Args:
        plane: what is served.
        threads: where large messages are parsed and written.
    """

    def __init__(self, plane: DataPlane, threads: Executor) -> None:
        self._plane = plane
        self._threads = threads

    async def live(self, _: Any, context: Context) -> bytes:
        """Whoever answers is alive."""
        return await self._described(
            context, messages.ServerLiveRequest, lambda _: messages.ServerLiveResponse(live=True), is_open=True
        )

    async def ready(self, _: Any, context: Context) -> bytes:
        """Whether any model gives its golden answers."""
        return await self._described(
            context,
            messages.ServerReadyRequest,
            lambda _: messages.ServerReadyResponse(ready=any(self._plane.readiness.ready().values())),
            is_open=True,
        )

    async def server(self, _: Any, context: Context) -> bytes:
        """Name, version and extensions."""
        return await self._described(
            context,
            messages.ServerMetadataRequest,
            lambda _: messages.ServerMetadataResponse(**v2_metadata.SERVER),
        )

    async def model_ready(self, _: Any, context: Context) -> bytes:
        """Whether a model gives its golden answers."""

        def answer(request: Any) -> Message:
            served = self._plane.catalogue.find(request.name, request.version or None)
            return messages.ModelReadyResponse(ready=self._plane.readiness.of(served).ready)

        return await self._described(context, messages.ModelReadyRequest, answer)

    async def model(self, _: Any, context: Context) -> bytes:
        """A model's inputs, outputs and version."""

        def answer(request: Any) -> Message:
            served = self._plane.catalogue.find(request.name, request.version or None)
            versions = self._plane.catalogue.of_model(served.name).versions
            return messages.ModelMetadataResponse(**v2_metadata.model(served, versions))

        return await self._described(context, messages.ModelMetadataRequest, answer)

    async def index(self, _: Any, context: Context) -> bytes:
        """What is served; with `ready`, only what is ready."""

        def answer(request: Any) -> Message:
            plane = self._plane
            states = ((one, plane.readiness.of(one).ready) for one in plane.catalogue.versions)
            return messages.RepositoryIndexResponse(models=v2_metadata.index(states, request.ready))

        return await self._described(context, messages.RepositoryIndexRequest, answer)

    async def infer(self, _: Any, context: Context) -> bytes:
        """A prediction."""
        identity = request_id(_metadata(context, "x-request-id"))
        metrics = self._plane.metrics
        trace = self._plane.tracing.begin(partial(_metadata, context))
        served: Served | None = None
        started = time.perf_counter()
        try:
            self._check_key(context)
            data = await self._read(context)
            started = time.perf_counter()
            if metrics.inflight_now >= self._plane.settings.max_inflight:
                metrics.rejected.labels("overloaded").inc()
                raise too_busy()
            metrics.inflight_now += 1
            try:
                with Deadline(min(self._plane.settings.request_timeout, _remaining(context)), started) as deadline:
                    model, version = await self._run(deadline, len(data), None, v2_grpc.asked, data)
                    key = key_of(partial(_metadata, context), identity)
                    served = self._plane.find(model, version or None, key)
                    body = await self._predicted(served, data, deadline, trace)
            finally:
                metrics.inflight_now -= 1
        except Exception as problem:
            return await self._refused(problem, context, identity, served, started, trace)
        except asyncio.CancelledError:
            # The library ends a call at the caller's deadline, or when the caller is gone.
            self._gone(504 if _remaining(context) <= 0 else GONE, served, started, trace)
            raise
        context.set_trailing_metadata((("x-request-id", identity), ("x-model-digest", served.digest)))
        seconds = self._count(served, 200, started)
        if trace is not None:
            self._plane.tracing.end(trace, served, NAME, 200, seconds)
        return body

    async def _predicted(
        self,
        served: Served,
        data: bytes,
        deadline: Deadline,
        trace: Trace | None,
    ) -> bytes:
        most = self._plane.settings.max_rows
        decoded = await self._run(deadline, len(data), served, v2_grpc.decode, served, data, most)
        outside = self._plane.outside(served, decoded.tensors)
        if outside is not None:
            raise outside.first(NUMERIC)
        current.set(trace)
        deadline.narrow(decoded.timeout)
        output = await self._plane.predict(served, decoded.tensors, decoded.rows, deadline.left())
        if self._plane.shadowing is not None:
            self._plane.shadowing.offer(served, partial(self._decoded, data), len(data), output)
        _, body = await self._run(deadline, output.size * large.VALUE_BYTES, served, decoded.render, output)
        return body

    def _decoded(self, data: bytes, shadow: Served) -> Decoded:
        """The message as a shadow reads it."""
        settings, offload = self._plane.settings, self._plane.offload
        timeout = settings.request_timeout
        return large.run(offload, len(data), shadow, timeout, v2_grpc.decode, shadow, data, settings.max_rows)

    async def _described(
        self, context: Context, kind: Any, answer: Callable[[Any], Message], is_open: bool = False
    ) -> bytes:
        """The answer to a question about the server or a model; an open one needs no key."""
        identity = request_id(_metadata(context, "x-request-id"))
        started = time.perf_counter()
        try:
            if not is_open:
                self._check_key(context)
            data = await self._read(context)
            try:
                request = kind.FromString(data)
            except DecodeError as problem:
                raise InputError("BAD_MESSAGE", f"The message is no {kind.DESCRIPTOR.name}.") from problem
            body: bytes = answer(request).SerializeToString()
        except Exception as problem:
            trace = taken(partial(_metadata, context))
            return await self._refused(problem, context, identity, None, started, trace)
        context.set_trailing_metadata((("x-request-id", identity),))
        self._count(None, 200, started)
        return body

    def _check_key(self, context: Context) -> None:
        """Before anything is read; raises ApiError 401."""
        if self._plane.keys is not None:
            self._plane.keys.check(NAME, partial(_metadata, context))

    async def _read(self, context: Context) -> bytes:
        """The one message of a request; raises ApiError 408, InputError EMPTY_BODY."""
        limit = self._plane.settings.body_timeout
        try:
            async with asyncio.timeout(limit):
                data = await context.read()
        except TimeoutError:
            raise body_too_slow(limit) from None
        if data is grpc.aio.EOF:
            raise InputError("EMPTY_BODY", "There is no message.")
        return bytes(data)

    async def _run(
        self, deadline: Deadline, size: int, served: Served | None, function: Callable[..., Result], *arguments: Any
    ) -> Result:
        """The function's result; what would hold the event loop goes to a thread, and from there to the worker."""
        if size <= LOOP_BYTES:
            return function(*arguments)
        run = partial(large.run, self._plane.offload, size, served, deadline.left(), function, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def _refused(
        self,
        problem: Exception,
        context: Context,
        identity: str,
        served: Served | None,
        started: float,
        trace: Trace | None,
    ) -> bytes:
        """End the call with an error; never returns."""
        error = as_api_error(problem, identity, trace)
        seconds = self._count(served, error.status, started)
        refusals.log(error, identity, served.name if served else NO_MODEL, NAME, seconds, trace)
        if trace is not None and served is not None:
            self._plane.tracing.end(trace, served, NAME, error.status, seconds)
        trailing = [("x-request-id", identity), ("x-error-code", error.code)]
        trailing += [(name.lower(), value) for name, value in error.headers.items()]
        code = _CODES.get(error.status, grpc.StatusCode.INTERNAL)
        await context.abort(code, str(error), tuple(trailing))
        raise AssertionError("abort returned")

    def _gone(self, status: int, served: Served | None, started: float, trace: Trace | None) -> None:
        """Count a call that ended before its answer."""
        if served is None or status != GONE:
            self._count(served, status, started)
        else:
            self._plane.metrics.of(served).left(NAME)
        if trace is not None and served is not None:
            self._plane.tracing.end(trace, served, NAME, status, time.perf_counter() - started)

    def _count(self, served: Served | None, status: int, started: float) -> float:
        """Count an answer by the HTTP status that it would have; the seconds that it took."""
        seconds = time.perf_counter() - started
        if served is None:
            self._plane.metrics.requests.labels(NO_MODEL, NO_MODEL, NAME, str(status)).inc()
        else:
            self._plane.metrics.of(served).answered(NAME, status, seconds)
        return seconds


def _remaining(context: Context) -> float:
    """Seconds until the caller's deadline; without one, infinite."""
    seconds = context.time_remaining()
    return math.inf if seconds is None else float(seconds)


def _metadata(context: Context, name: str) -> str | None:
    """The last value of that name which the caller sent, where it is text."""
    found = [value for key, value in context.invocation_metadata() or () if key == name]
    return found[-1] if found and isinstance(found[-1], str) else None


def handlers(calls: Calls) -> grpc.GenericRpcHandler:
    """The table that gRPC's server works with; a method that is not in it is UNIMPLEMENTED."""
    methods: dict[str, Method] = {
        "ServerLive": calls.live,
        "ServerReady": calls.ready,
        "ServerMetadata": calls.server,
        "ModelReady": calls.model_ready,
        "ModelMetadata": calls.model,
        "RepositoryIndex": calls.index,
        "ModelInfer": calls.infer,
    }
    table = {name: grpc.stream_unary_rpc_method_handler(method) for name, method in methods.items()}
    return grpc.method_handlers_generic_handler("inference.GRPCInferenceService", table)
