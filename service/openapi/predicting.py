"""The predictions of one model: an operation for each path of `protocols/paths.py`, a version's schemas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mulgam.golden import Golden
from mulgam.tensors import CONTENT_TYPE as BINARY
from mulgam.tensors import LENGTH_HEADER
from service.bulk.kinds import CSV, NDJSON
from service.bulk.rows import is_tabular
from service.codes import Area
from service.openapi import answers, examples, rows, tensors
from service.openapi.answers import JSON
from service.openapi.schema import Json, all_of, any_of, component, listed, record
from service.protocols.base import PredictionProtocol
from service.protocols.paths import PATHS, concrete
from service.settings import Settings
from service.versions.served import LineUp, Served


@dataclass(frozen=True)
class Form:
    """How one protocol asks and is answered: in words, its schemas' names, what can go wrong, its own parameters."""

    summary: str
    told: str
    asked: str
    answered: str
    areas: tuple[Area, ...]
    parameters: tuple[str, ...] = ()


# By the protocol's name.
FORMS = {
    "json": Form(
        "Predict", "a prediction, in our own JSON; a whole table, streamed, with `text/csv` or `application/x-ndjson`",
        "Rows", "Predictions", ("path", "body", "rows", "model"),
    ),
    "v1": Form(
        "Predict (KServe V1)",
        'a prediction, KServe V1: `{"instances": […]}` or `{"inputs": […]}` → `{"predictions": […]}`',
        "RowsV1", "PredictionsV1", ("path", "body", "rows", "model"),
    ),
    "v2": Form(
        "Infer (Open Inference Protocol V2)",
        "a prediction, Open Inference Protocol V2, tensors as JSON or binary",
        "Tensors", "TensorsAnswer", ("path", "body", "rows", "v2", "model"), ("HeaderLength",),
    ),
}  # fmt: skip
_LIMITS = (
    "At most {rows:,} rows and {size:,} bytes, counted as they are after inflating; `Content-Encoding` may be gzip or"
    " deflate. Whole numbers are written without a point."
)
_TABLES = (
    " A table in CSV or NDJSON is streamed, one row out for each row in: at most {rows:,} rows and {size:,} bytes, in"
    " their own limits of rate; a row that can't be answered has its `error`."
)


def schemas(served: Served, settings: Settings) -> dict[str, Json]:
    """The components of one version by their full names."""
    signature, most = served.signature, settings.max_rows
    instance = _ref(served, "Instance")
    ways = [rows.request(instance, most, name) for name in ("instances", "inputs")]
    predictions = record({"predictions": listed(rows.prediction(signature), 1)})
    found = {
        "Instance": rows.instance(signature, rejects_out_of_range=settings.rejects_out_of_range),
        "Rows": ways[0],
        "RowsV1": any_of(ways),
        "Predictions": rows.answer(signature, served.version),
        "PredictionsV1": predictions,
        "Tensors": tensors.request(served, most),
        "TensorsAnswer": tensors.answer(served),
    }
    return {_name(served, kind): schema for kind, schema in found.items()}


def paths(line_up: LineUp, settings: Settings, has_keys: bool) -> dict[str, Json]:
    """The operations of one model's default (and of its canary, which takes a share of that) and of each version."""
    found: dict[str, Json] = {}
    name = line_up.default.name
    default = [one for one in (line_up.default, line_up.canary) if one is not None]
    for template, protocol in PATHS:
        named = "<version>" in template
        for versions in [[one] for one in line_up.versions.values()] if named else [default]:
            identity = f"{protocol.name}.{name}" + (f".{versions[0].version}" if named else "")
            operation = _operation(protocol, versions, settings, has_keys)
            number = f", version {versions[0].version}" if named else ""
            summary = f"{FORMS[protocol.name].summary}{number}"
            path = concrete(template, name, versions[0].version)
            found[path] = {"post": {"operationId": identity, "tags": [name], "summary": summary, **operation}}
    return found


def _operation(protocol: PredictionProtocol, versions: Sequence[Served], settings: Settings, has_keys: bool) -> Json:
    form = FORMS[protocol.name]
    asked, answered = _bodies(protocol, versions, settings)
    tables = protocol.name == "json" and all(is_tabular(one.signature) for one in versions)
    areas: tuple[Area, ...] = (*form.areas, "table") if tables else form.areas
    told = _LIMITS.format(rows=settings.max_rows, size=settings.max_body_bytes)
    if tables:
        asked |= _asked_tables(versions[0])
        answered |= _answered_tables(versions)
        told += _TABLES.format(rows=settings.bulk_max_rows, size=settings.bulk_max_bytes)
    right = {"description": "The predictions, in the order of the rows.", "headers": _headers(protocol, versions)}
    return {
        "parameters": [component("parameters", name) for name in _parameters(protocol, versions, tables)],
        "requestBody": {"required": True, "description": told, "content": asked},
        "responses": {
            "200": answers.with_id(right | {"content": answered}),
            **answers.errors(*areas, has_keys=has_keys),
        },
    }


def _bodies(protocol: PredictionProtocol, versions: Sequence[Served], settings: Settings) -> tuple[Json, Json]:
    """The content of the request and of the answer, as JSON; for V2 in binary too."""
    form, served = FORMS[protocol.name], versions[0]
    asked: Json = {"schema": all_of([_ref(one, form.asked) for one in versions]), "examples": {}}
    answered: Json = {"schema": any_of([_ref(one, form.answered) for one in versions]), "examples": {}}
    for title, request in examples.golden(served, settings.max_rows):
        body = examples.body(protocol, served.signature, request.instances)
        asked["examples"][title] = {"value": body}
        answered["examples"][title] = {"value": examples.answer(protocol, served, body, request)}
    binary = {BINARY: {"schema": {"description": f"JSON, then raw tensors: see `{LENGTH_HEADER}`."}}}
    more = binary if protocol.name == "v2" else {}
    return {JSON: asked, **more}, {JSON: answered, **more}


def _asked_tables(served: Served) -> Json:
    titles: list[tuple[str, Callable[[Golden], str]]] = [
        (CSV, lambda one: examples.table(served.signature, one.instances)),
        (NDJSON, lambda one: examples.lines(one.instances)),
    ]
    shown = list(examples.golden(served, examples.MOST_ROWS))[:1]
    return {
        kind: {"schema": {"type": "string"}, "examples": {title: {"value": write(one)} for title, one in shown}}
        for kind, write in titles
    }


def _answered_tables(versions: Sequence[Served]) -> Json:
    line = any_of([rows.line(one.signature) for one in versions])
    return {
        CSV: {"schema": {"type": "string"}},
        NDJSON: {"schema": {"type": "string", "description": "One object a line."}, "x-line": line},
    }


def _parameters(protocol: PredictionProtocol, versions: Sequence[Served], tables: bool) -> list[str]:
    names = ["RequestId", "RequestTimeout", "WhatIf", "TraceParent", *FORMS[protocol.name].parameters]
    if len(versions) > 1:
        names.append("CanaryKey")
    if protocol.name == "json" and any(one.signature.target.classes for one in versions):
        names.append("Probabilities")
    return [*names, "Keep"] if tables else names


def _headers(protocol: PredictionProtocol, versions: Sequence[Served]) -> Json:
    digest = {"enum": [one.digest for one in versions]}
    headers: Json = {
        "X-Model-Digest": {"description": "Of the version that computed it.", "required": True, "schema": digest}
    }
    if protocol.name == "v2":
        told = "Bytes of the JSON part, where a tensor is binary."
        headers[LENGTH_HEADER] = {"description": told, "schema": {"type": "integer", "minimum": 1}}
    return headers


def _ref(served: Served, kind: str) -> Json:
    return component("schemas", _name(served, kind))


def _name(served: Served, kind: str) -> str:
    return f"{served.name}.{served.version}.{kind}"
