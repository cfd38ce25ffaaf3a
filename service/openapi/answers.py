"""What every operation shares: the one shape of errors by status, the headers that come with answers."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from service.calls import REQUEST_ID
from service.codes import PUBLIC, Area, Code
from service.openapi.schema import Json, component, record

JSON = "application/json"
# What any request may meet before anyone has looked at what it asks for.
_OF_HTTP = frozenset({400, 408, 413, 414, 417, 431, 500, 501, 503, 505})


def error_schema() -> Json:
    """The one shape of errors."""
    schema = record(
        {
            "error": {"type": "string", "description": "One sentence for a person: what, where, what was expected."},
            "code": {"enum": [code.name for code in PUBLIC], "description": "For programs."},
            "request_id": {"type": "string", "description": "As in `X-Request-Id`; the log has it too."},
        },
        {"field": {"type": "string", "description": "The place in the request."}},
    )
    example = {
        "error": "instances[0].rooms must be a number or null, not a string.",
        "code": "WRONG_TYPE",
        "field": "instances[0].rooms",
        "request_id": "5f0c6d1e2a3b4c5d",
    }
    return schema | {"examples": [example]}


def components() -> dict[str, Json]:
    """Every status of an error as a response, with its codes."""
    statuses = sorted({code.status for code in PUBLIC})
    return {_name(status): _response(status, [code for code in PUBLIC if code.status == status]) for status in statuses}


def errors(*areas: Area, has_keys: bool) -> Json:
    """The responses of an operation that codes of these areas can end; `default` is what HTTP itself refuses."""
    statuses = {code.status for code in PUBLIC if code.area in areas} | ({401} if has_keys else set())
    listed = {str(status): component("responses", _name(status)) for status in sorted(statuses | {500, 503})}
    return listed | {"default": component("responses", "Refused")}


def refused() -> Json:
    """What a request meets before its operation is reached."""
    codes = [code for code in PUBLIC if code.area == "http" and code.status in _OF_HTTP]
    return _described("Refused by its head, its framing or its size, whatever it asks for.", codes)


def headers() -> dict[str, Json]:
    """The headers of answers."""
    return {
        "RequestId": {
            "description": "The caller's own where it is a short plain word, else a new one.",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"},
        },
        "RetryAfter": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 0}},
        "Authenticate": {"description": "The scheme to use.", "required": True, "schema": {"const": "Bearer"}},
        "AcceptEncoding": {"description": "The encodings that are taken.", "schema": {"type": "string"}},
    }


def with_id(response: Json) -> Json:
    """A response with the header that all have."""
    return response | {"headers": {"X-Request-Id": component("headers", "RequestId"), **response.get("headers", {})}}


def _response(status: int, codes: Iterable[Code]) -> Json:
    more = {
        401: {"WWW-Authenticate": component("headers", "Authenticate")},
        415: {"Accept-Encoding": component("headers", "AcceptEncoding")},
        503: {"Retry-After": component("headers", "RetryAfter")},
    }
    return _described(f"{HTTPStatus(status).phrase}.", codes) | {"headers": {
        "X-Request-Id": component("headers", "RequestId"), **more.get(status, {})}}  # fmt: skip


def _described(sentence: str, codes: Iterable[Code]) -> Json:
    listed = "\n".join(f"- `{code.name}`: {code.meaning}" for code in codes)
    body = {JSON: {"schema": component("schemas", "Error")}}
    return with_id({"description": f"{sentence}\n\n{listed}", "content": body})


def _name(status: int) -> str:
    return f"Error{status}"
