"""The table of bad inputs: raw requests, and the status and code of the one right answer to each.

Client libraries would repair many, so each is bytes. One file a family, by the letter that its rows begin with: J
(`json_bodies`): JSON and values; M (`media`): media type, encoding, size; R (`routes`): methods, paths, query; F
(`framing`); B (`tensors`): V2 tensors; T (`tables`). What they are made by: `requests`. The models: `publish` there.
"""

from __future__ import annotations

from tests.hostile import framing, json_bodies, media, routes, tables, tensors
from tests.hostile.requests import (
    BODILESS,
    CSV,
    GOOD,
    GZIP,
    LONG,
    NDJSON,
    PATH,
    V1,
    V2,
    Case,
    at,
    binary,
    chunked,
    chunks,
    get,
    infer,
    publish,
    request,
    rows,
    table,
    tensor,
    trailing,
)

CASES: list[Case] = [
    *json_bodies.CASES, *media.CASES, *routes.CASES, *framing.CASES, *tensors.CASES, *tables.CASES,
]  # fmt: skip

__all__ = [
    "BODILESS", "CASES", "CSV", "GOOD", "GZIP", "LONG", "NDJSON", "PATH", "V1", "V2", "Case", "at", "binary", "chunked",
    "chunks", "get", "infer", "publish", "request", "rows", "table", "tensor", "trailing",
]  # fmt: skip
