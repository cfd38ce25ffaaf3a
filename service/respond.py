"""One prediction call from whole request to whole answer: on the event loop (`respond`), or from a thread that
does the parsing and writing itself (`respond_in_thread`). Both are the same steps in the same order."""

from __future__ import annotations

import logging
import time

import orjson

from mulgam.errors import InputError
from service import compression
from service.bridge import Bridge
from service.calls import Call, Reply
from service.errors import ApiError, from_input_error, from_status
from service.plane import DataPlane
from service.protocols.base import JSON_HEADERS, Decoded, Output, PredictionProtocol
from service.served import Served

log = logging.getLogger(__name__)


async def respond(plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call) -> Reply:
    """The answer, also to what is wrong; counted and logged. Never raises but for cancellation."""
    try:
        decoded = _decoded(plane, protocol, served, call)
        output = await plane.predict(served, decoded.tensors, decoded.rows, _timeout(plane, call))
        reply = _rendered(served, call, decoded, output)
    except Exception as problem:
        reply = _failed(problem, served, protocol, call)
    plane.metrics.of(served).answered(protocol.name, reply.status, time.perf_counter() - call.received)
    return reply


def respond_in_thread(
    plane: DataPlane, bridge: Bridge, protocol: PredictionProtocol, served: Served, call: Call
) -> Reply:
    """The same from another thread: only the prediction itself goes to the loop, which a large body would hold."""
    try:
        decoded = _decoded(plane, protocol, served, call)
        output = bridge.run(plane.predict(served, decoded.tensors, decoded.rows, _timeout(plane, call)))
        reply = _rendered(served, call, decoded, output)
    except Exception as problem:
        reply = _failed(problem, served, protocol, call)
    seconds = time.perf_counter() - call.received
    # Tallies belong to the loop's thread.
    bridge.call(plane.metrics.of(served).answered, protocol.name, reply.status, seconds)
    return reply


def error_reply(error: ApiError, request_id: str) -> Reply:
    """An error in the one shape."""
    headers = [*JSON_HEADERS, ("x-request-id", request_id)]
    headers += [(name.lower(), value) for name, value in error.headers.items()]
    return Reply(error.status, headers, orjson.dumps(error.document(request_id)))


def log_error(error: ApiError, request_id: str, model: str, protocol: str, seconds: float) -> None:
    """Server faults are warnings, refusals information."""
    level = logging.WARNING if error.status >= 500 and error.status != 501 else logging.INFO
    if log.isEnabledFor(level):
        fields = {
            "request_id": request_id, "model": model, "protocol": protocol, "status": error.status,
            "code": error.code, "seconds": round(seconds, 6),
        }  # fmt: skip
        log.log(level, "refused: %s", error, extra=fields)


def as_api_error(problem: Exception, request_id: str) -> ApiError:
    """Whatever was raised while answering, as an error that shows nothing of the inside; a defect is logged."""
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, InputError):
        return from_input_error(problem)
    log.error("request failed", exc_info=problem, extra={"request_id": request_id})
    return from_status(500)


def _decoded(plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call) -> Decoded:
    encoding = call.header("content-encoding")
    if encoding is not None:
        call.body = compression.inflated(call.body, encoding, plane.settings.max_body_bytes)
    return protocol.decode(served, call, plane.settings.max_rows)


def _rendered(served: Served, call: Call, decoded: Decoded, output: Output) -> Reply:
    headers, body = decoded.render(output)
    headers = [*headers, ("x-model-digest", served.digest), ("x-request-id", call.request_id)]
    return compression.compressed(Reply(200, headers, body), call.header("accept-encoding"))


def _failed(problem: Exception, served: Served, protocol: PredictionProtocol, call: Call) -> Reply:
    error = as_api_error(problem, call.request_id)
    log_error(error, call.request_id, served.name, protocol.name, time.perf_counter() - call.received)
    return error_reply(error, call.request_id)


def _timeout(plane: DataPlane, call: Call) -> float:
    """Seconds from `X-Request-Timeout`, at most the service's own limit; raises ApiError 400."""
    text = call.header("x-request-timeout")
    most = plane.settings.request_timeout
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        sentence = "X-Request-Timeout must be a number of seconds above 0."
        raise ApiError(400, "BAD_PARAMETER", sentence, "X-Request-Timeout")
    return min(seconds, most)
