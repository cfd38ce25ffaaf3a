"""One prediction call from whole request to whole answer. Edge and Flask both call `respond`, nothing else."""

from __future__ import annotations

import logging
import time

import orjson

from mulgam.errors import InputError
from service.calls import Call, Reply
from service.errors import ApiError, from_input_error, from_status
from service.plane import DataPlane
from service.protocols.base import JSON_HEADERS, PredictionProtocol
from service.served import Served

log = logging.getLogger(__name__)


async def respond(plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call) -> Reply:
    """The answer, also to what is wrong; counted and logged. Never raises but for cancellation."""
    error: ApiError | None = None
    try:
        reply = await _predicted(plane, protocol, served, call)
    except ApiError as problem:
        error = problem
    except InputError as problem:
        error = from_input_error(problem)
    except Exception:
        log.exception("request failed", extra={"request_id": call.request_id})
        error = from_status(500)
    if error is not None:
        reply = error_reply(error, call.request_id)
    seconds = time.perf_counter() - call.received
    plane.metrics.of(served).answered(protocol.name, reply.status, seconds)
    if error is not None:
        log_error(error, call.request_id, served.name, protocol.name, seconds)
    return reply


async def _predicted(plane: DataPlane, protocol: PredictionProtocol, served: Served, call: Call) -> Reply:
    timeout = _timeout(call, plane.settings.request_timeout)
    decoded = protocol.decode(served, call, plane.settings.max_rows)
    output = await plane.predict(served, decoded.tensors, decoded.rows, timeout)
    headers, body = decoded.render(output)
    return Reply(200, [*headers, ("x-model-digest", served.digest), ("x-request-id", call.request_id)], body)


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


def _timeout(call: Call, most: float) -> float:
    """Seconds from `X-Request-Timeout`, at most the service's own limit; raises ApiError 400."""
    text = call.header("x-request-timeout")
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
