"""The parameters of requests: headers and query, each once."""

from __future__ import annotations

from mulgam.tensors import LENGTH_HEADER
from service.openapi.schema import Json
from service.settings import Settings


def components(settings: Settings) -> dict[str, Json]:
    """Every parameter by its name in the document."""
    seconds = {"type": "number", "exclusiveMinimum": 0}
    text = {"type": "string"}
    return {
        "RequestId": _header("X-Request-Id", "Echoed where it is a short plain word.", text),
        "RequestTimeout": _header(
            "X-Request-Timeout",
            "Seconds after which the caller wants no answer any more;"
            f" at most {settings.request_timeout:g} count. Not for tables.",
            seconds,
        ),
        "WhatIf": _header(
            "X-What-If",
            "Any text but an empty one: the rows are no real ones, and count neither for drift nor as predicted.",
            text,
        ),
        "TraceParent": _header("traceparent", "The caller's trace (W3C), passed on to the backend.", text),
        "CanaryKey": _header(
            "X-Canary-Key",
            "Decides whether the canary answers, the same key always alike; else the request's id.",
            text,
        ),
        "HeaderLength": _header(
            LENGTH_HEADER,
            "Bytes of the JSON part of a body with binary tensors; 0: the body is the one input, raw.",
            {"type": "integer", "minimum": 0},
        ),
        "Probabilities": _query("probabilities", "All of them, of every class (not for tables).", {"enum": ["all"]}),
        "Keep": _query("keep", "Columns of a CSV table that are passed through, with commas; not for JSON.", text),
    }


def _header(name: str, sentence: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "description": sentence, "schema": schema}


def _query(name: str, sentence: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": sentence, "schema": schema}
