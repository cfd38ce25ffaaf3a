"""One prediction call from whole request to whole answer: on the event loop (`respond`), or from a thread that
does the parsing and writing itself (`respond_in_thread`). Both are the same steps in the same order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

import orjson

from mulgam.errors import InputError
from service import compression
from service.bridge import Bridge
from service.caller import Caller, CallerGoneError
from service.calls import GONE, SAFE_HEADERS, Call, Reply
from service.errors import ApiError, from_input_error, from_status
from service.offload import large
from service.offload.client import Offload
from service.plane import DataPlane
from service.protocols.base import JSON_HEADERS, Decoded, Headers, Output, PredictionProtocol
from service.queueing.deadline import Deadline
from service.queueing.job import Job
from service.shadow.shadowing import Shadowing
from service.telemetry.refusals import refusals
from service.telemetry.trace import Trace, current
from service.versions.served import Served

log = logging.getLogger(__name__)

# Sent, and not empty: the rows are not real ones, so that they are no part of drift.
WHAT_IF = "x-what-if"
# Of a thread whose caller has left: a thread has to return something.
_TO_NOBODY = Reply(GONE, [], b"")


def respond(
    plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call, done: Callable[[Reply], None]
) -> Reply | Job:
    """The answer, also to what is wrong; counted and logged. Never raises.

    Returns:
        The reply where there is nothing to compute, else the job, at whose end `done` is called with the reply.
    """
    trace = plane.tracing.begin(call.header)
    try:
        timeout = _timeout(plane, call)
        decoded = _decoded(plane, None, protocol, served, call, timeout)
        timeout = decoded.within(timeout)

        def told(outcome: Output | Exception) -> None:
            try:
                if isinstance(outcome, Exception):
                    raise outcome
                reply = _reply(served, call, *decoded.render(outcome))
                if plane.shadowing is not None:
                    _shadowed(plane.shadowing, plane, protocol, served, call, outcome)
            except Exception as problem:
                reply = _failed(problem, served, protocol, call, trace)
            _finished(plane, protocol, served, call, reply, trace)
            done(reply)

        job = plane.ask(served, decoded.tensors, decoded.rows, timeout, told, trace, not call.header(WHAT_IF))
        if job.is_queued:
            job.left = partial(_left, plane, protocol, served, call, trace)
        return job
    except Exception as problem:
        reply = _failed(problem, served, protocol, call, trace)
    _finished(plane, protocol, served, call, reply, trace)
    return reply


def _shadowed(
    shadowing: Shadowing, plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call, output: Output
) -> None:
    """Hand an answered request to the shadow, which reads it by its own signature."""
    settings = plane.settings

    def decode(shadow: Served) -> Decoded:
        return large.decode(plane.offload, protocol, shadow, call, settings.max_rows, settings.request_timeout)

    shadowing.offer(served, decode, len(call.body), output)


def _finished(
    plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call, reply: Reply, trace: Trace | None
) -> None:
    seconds = time.perf_counter() - call.received
    plane.metrics.of(served).answered(protocol.name, reply.status, seconds)
    if trace is not None:
        plane.tracing.end(trace, served, protocol.name, reply.status, seconds)


def _left(plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call, trace: Trace | None) -> None:
    """The caller has left before the answer."""
    plane.metrics.of(served).left(protocol.name)
    if trace is not None:
        plane.tracing.end(trace, served, protocol.name, GONE, time.perf_counter() - call.received)


def respond_in_thread(
    plane: DataPlane, bridge: Bridge, protocol: PredictionProtocol, served: Served, call: Call, caller: Caller
) -> Reply:
    """The same from another thread: only the prediction itself goes to the loop, which a large body would hold.

    Between its steps it looks whether there is time left, and whether anybody still waits.
    """
    trace = plane.tracing.begin(call.header)
    try:
        reply = _answered(plane, bridge, protocol, served, call, caller, trace)
        caller.check()
    except CallerGoneError:
        bridge.call(_left, plane, protocol, served, call, trace)
        return _TO_NOBODY
    except Exception as problem:
        reply = _failed(problem, served, protocol, call, trace)
    seconds = time.perf_counter() - call.received
    # Tallies belong to the loop's thread.
    bridge.call(plane.metrics.of(served).answered, protocol.name, reply.status, seconds)
    if trace is not None:
        plane.tracing.end(trace, served, protocol.name, reply.status, seconds)
    return reply


def _answered(
    plane: DataPlane, bridge: Bridge, protocol: PredictionProtocol, served: Served, call: Call, caller: Caller,
    trace: Trace | None,
) -> Reply:  # fmt: skip
    """The steps in a thread; raises CallerGoneError, and whatever the answer is to be made of."""
    with Deadline(_timeout(plane, call), call.received) as deadline:

        def left() -> float:
            caller.check()
            return deadline.left()

        left()
        _inflate(plane, call)
        decoded = _decoded(plane, plane.offload, protocol, served, call, left())
        deadline.narrow(decoded.timeout)
        current.set(trace)
        are_real = not call.header(WHAT_IF)
        output = bridge.run(plane.predict(served, decoded.tensors, decoded.rows, left(), are_real), caller)
        reply = _reply(served, call, *large.render(plane.offload, served, decoded.render, output, left()))
        if plane.shadowing is not None:
            bridge.call(_shadowed, plane.shadowing, plane, protocol, served, call, output)
    return reply


def error_reply(error: ApiError, request_id: str) -> Reply:
    """An error in the one shape."""
    headers = [*JSON_HEADERS, ("x-request-id", request_id), *SAFE_HEADERS]
    headers += [(name.lower(), value) for name, value in error.headers.items()]
    return Reply(error.status, headers, orjson.dumps(error.document(request_id)))


def as_api_error(problem: BaseException, request_id: str, trace: Trace | None = None) -> ApiError:
    """Whatever was raised while answering, as an error that shows nothing of the inside; a defect is logged."""
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, InputError):
        return from_input_error(problem)
    fields = {"request_id": request_id} | ({"trace_id": trace.trace_id} if trace is not None else {})
    log.error("request failed", exc_info=problem, extra=fields)
    return from_status(500)


def _inflate(plane: DataPlane, call: Call) -> None:
    """A compressed body as it was; the loop is never given one."""
    encoding = call.header("content-encoding")
    if encoding is not None:
        call.body = compression.inflated(call.body, encoding, plane.settings.max_body_bytes)


def _decoded(
    plane: DataPlane,
    offload: Offload | None,
    protocol: PredictionProtocol,
    served: Served,
    call: Call,
    timeout: float,
) -> Decoded:
    decoded = large.decode(offload, protocol, served, call, plane.settings.max_rows, timeout)
    if plane.rejects_out_of_range:
        outside = plane.outside(served, decoded.tensors, not call.header(WHAT_IF))
        if outside is not None:
            raise outside.first(protocol.rows)
    return decoded


def _reply(served: Served, call: Call, headers: Headers, body: bytes) -> Reply:
    headers = [*headers, ("x-model-digest", served.digest), ("x-request-id", call.request_id), *SAFE_HEADERS]
    return compression.compressed(Reply(200, headers, body), call.header("accept-encoding"))


def _failed(problem: Exception, served: Served, protocol: PredictionProtocol, call: Call, trace: Trace | None) -> Reply:
    error = as_api_error(problem, call.request_id, trace)
    refusals.log(error, call.request_id, served.name, protocol.name, time.perf_counter() - call.received, trace)
    return error_reply(error, call.request_id)


def _timeout(plane: DataPlane, call: Call) -> float:
    """Seconds from `X-Request-Timeout`, at most the service's own limit; raises ApiError 400."""
    text = call.header("x-request-timeout")
    most = plane.settings.request_timeout
    if text is None:
        return most
    try:
        # Python reads 1_0 as ten.
        seconds = float(text) if "_" not in text else -1.0
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        sentence = "X-Request-Timeout must be a number of seconds above 0."
        raise ApiError(400, "BAD_PARAMETER", sentence, "X-Request-Timeout")
    return min(seconds, most)
