"""What the rows of the table are made by: a good request, and what a row changes in it; the models they are about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mulgam.tensors import LENGTH_HEADER
from tests import builders

PATH, V1, V2 = "/predict/notes", "/v1/models/notes:predict", "/v2/models/notes/infer"
GOOD = b'{"instances":[[32,3,0.3]]}'
BODILESS = None  # HTTP wants no body in this answer
GZIP = ["Content-Encoding: gzip"]
# (what it is, the bytes, the status, the code of the error: "" where it is none)
Case = tuple[str, bytes, int, str | None]
CSV = b"area,rooms,distance\n32,3,0.3\n"
NDJSON = "application/x-ndjson"
LONG = b"a" * 20_000_000


def request(
    line: str = f"POST {PATH} HTTP/1.1",
    body: bytes = GOOD,
    length: str | None = "true",
    headers: Sequence[str] = (),
    kind: str | None = "application/json",
    host: Sequence[str] = ("Host: localhost",),
) -> bytes:
    """The base request with what a row changes in it."""
    lines = [line, *host, "Connection: close"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == 'true' else length}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def chunked(body: bytes, coding: Sequence[str] = ("Transfer-Encoding: chunked",), length: str | None = None) -> bytes:
    """A request whose body is already in chunks."""
    return request(body=body, length=length, headers=coding)


def chunks(body: bytes) -> bytes:
    """A body as one chunk."""
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def trailing(trailers: bytes) -> bytes:
    """A good body as one chunk, and what follows it."""
    return chunks(GOOD)[:-2] + trailers + b"\r\n\r\n"


def rows(value: str, more: str = "") -> bytes:
    """Our own JSON with these rows."""
    return request(body=b'{"instances":' + value.encode() + more.encode() + b"}")


def get(path: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return request(f"{method} {path} HTTP/1.1", b"", None, kind=None)


def at(path: str, body: bytes = GOOD, headers: Sequence[str] = ()) -> bytes:
    """A POST elsewhere."""
    return request(f"POST {path} HTTP/1.1", body, headers=headers)


def tensor(**changed: Any) -> dict[str, Any]:
    """A good tensor with what a row changes in it."""
    return {"name": "numeric", "datatype": "FP32", "shape": [1, 3], "data": [32, 3, 0.3]} | changed


def infer(*inputs: Any, path: str = V2, **more: Any) -> bytes:
    """A V2 request in JSON."""
    return at(path, json.dumps({"inputs": list(inputs), **more}).encode())


def binary(raw: bytes, length: str = "true", headers: Sequence[str] = (), **changed: Any) -> bytes:
    """A V2 request with one binary tensor."""
    described = {"name": "numeric", "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [described | changed]}).encode()
    size = str(len(head)) if length == "true" else length
    return at(V2, head + raw, [f"{LENGTH_HEADER}: {size}", *headers])


def table(body: bytes, query: str = "", kind: str = "text/csv", headers: Sequence[str] = ()) -> bytes:
    """A CSV or NDJSON request."""
    return request(f"POST {PATH}{query} HTTP/1.1", body, headers=headers, kind=kind)


def publish(root: Path) -> None:
    """The models that the table is about: `notes`, and `strict`, whose features must all be there."""
    builders.publish_linear(root)
    builders.publish_linear(root, "strict", missing=False)
