"""Every error code, once: its status, what it means, and whose requests can meet it.

The table of docs/http.md and the API reference are made of this list; tests/test_docs.py holds it to what is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# http: any request, mostly by its head alone; path: one that names a model; body: a JSON body; rows, v2, table: what
# belongs to one form of prediction; model: what computes the answer; grpc, admin: their listeners alone.
Area = Literal["http", "path", "body", "rows", "v2", "table", "model", "grpc", "admin"]


@dataclass(frozen=True)
class Code:
    """One code; `meaning` is when it is answered, in Markdown without links."""

    name: str
    status: int
    area: Area
    meaning: str


CODES = (
    Code("EMPTY_BODY", 400, "body", "there is no body"),
    Code("BAD_JSON", 400, "body", "the body is not JSON, is cut off, has something after its end or a byte order mark"),
    Code("BAD_UTF8", 400, "body", "the body, or a string in it, is not UTF-8, or holds half of a surrogate pair"),
    Code("BAD_ENCODING", 400, "body", "the body is not whole gzip or deflate, as its `Content-Encoding` says"),
    Code("TOO_DEEP", 400, "body", "nested more than 64 levels deep"),
    Code("DUPLICATE_KEY", 400, "body", "an object names a key, or a request a tensor, twice (in V2 too)"),
    Code("NOT_AN_OBJECT", 400, "body", "the body is JSON, but no object"),
    Code("MISSING_FIELD", 400, "body", "a field of the request, a feature of an instance or an input tensor is absent"),
    Code("UNKNOWN_FIELD", 400, "body", "there is one that is not known; the sentence names the nearest"),
    Code("EMPTY_BATCH", 400, "rows", "no instance"),
    Code("WRONG_TYPE", 400, "body", "a value is not of its feature's type: strings and booleans are no numbers"),
    Code("WRONG_SHAPE", 400, "body", "every instance has too many or too few values, or a tensor has another shape"),
    Code("RAGGED", 400, "body", "instances, or the rows of tensors, differ in length"),
    Code(
        "NON_FINITE", 400, "body",
        "NaN or an infinity; a missing value is `null` (in CSV an empty cell, in a tensor NaN), where the signature"
        " allows one",
    ),
    Code("OUT_OF_RANGE", 400, "body", "a number that does not fit a 32-bit float, or its tensor's datatype"),
    Code(
        "OUTSIDE_TRAINING", 400, "rows",
        "a number is outside of the range that training had, and `MULGAM_OUT_OF_RANGE` is `reject`",
    ),
    Code("BAD_CSV", 400, "table", "tables: the quoting of the header, or of a row, is not that of CSV"),
    Code("ROW_TOO_LONG", 400, "table", "tables: the header, or a row, has more than 1 MiB"),
    Code("BODY_CUT_OFF", 400, "table", "tables: the body ended before it was whole"),
    Code(
        "BAD_PARAMETER", 400, "body",
        "a query parameter, a header or a V2 parameter has a value that it can't have; V2: `sequence_…`, `triton_…`"
        " and `shared_memory_…`, which ask for what is not done here",
    ),
    Code("WRONG_DATATYPE", 400, "v2", "V2: a datatype that is none"),
    Code("WRONG_SIZE", 400, "v2", "V2: a tensor's bytes or elements are not those of its shape"),
    Code("BAD_BYTES", 400, "v2", "V2: the elements of a BYTES tensor are cut off"),
    Code("BAD_MESSAGE", 400, "grpc", "V2 over gRPC: the bytes are no such message"),
    Code("BAD_HEADER_LENGTH", 400, "v2", "V2: `Inference-Header-Content-Length` is no length within the body"),
    Code("TOO_MANY_TENSORS", 400, "v2", "V2: more tensors than any model has"),
    Code("BAD_HTTP", 400, "http", "not HTTP/1.1 as RFC 9112 has it; the sentence says what the parser stumbled over"),
    Code(
        "BAD_FRAMING", 400, "http",
        "more than one `Content-Length` or `Transfer-Encoding`; chunks in HTTP/1.0; too long an extension or trailer",
    ),
    Code("BAD_HOST", 400, "http", "no `Host` header, several, or one that is not a host with or without a port"),
    Code("TOO_MANY_CHUNKS", 400, "http", "a body of thousands of tiny chunks"),
    Code("BAD_REQUEST", 400, "http", "what the framework can't read"),
    Code("VERSION_REFUSED", 400, "admin",
         "admin listener: the version is missing, not what was published, or does not give its golden answers"),
    Code("NOT_UNLOADABLE", 400, "admin", "admin listener: models are not unloaded"),
    Code("UNAUTHORIZED", 401, "http", "no valid API key, where one is wanted"),
    Code("CROSS_ORIGIN", 403, "admin", "admin listener: a web page may not change what is served"),
    Code("NOT_FOUND", 404, "http", "there is nothing at this path"),
    Code("UNKNOWN_MODEL", 404, "path", "no such model is served; the sentence names those that are"),
    Code("UNKNOWN_VERSION", 404, "path", "another version of it is served"),
    Code("METHOD_NOT_ALLOWED", 405, "http", "`Allow` names the methods of this path"),
    Code(
        "BODY_TOO_SLOW", 408, "http",
        "the body was not there within `MULGAM_BODY_TIMEOUT`; a table's came at less than `MULGAM_BULK_MIN_RATE`",
    ),
    Code("LOADING", 409, "admin", "admin listener: another version is being loaded"),
    Code(
        "BODY_TOO_LARGE", 413, "http",
        "more than `MULGAM_MAX_BODY_BYTES`; before the body is read where its length is announced; a compressed body by"
        " what it becomes",
    ),
    Code("TOO_MANY_ROWS", 413, "rows", "more than `MULGAM_MAX_ROWS`"),
    Code("URI_TOO_LONG", 414, "http", "path and query of more than 8192 characters"),
    Code(
        "UNSUPPORTED_MEDIA_TYPE", 415, "body",
        "another `Content-Type`, or a charset other than UTF-8; or a table for a model of tensors",
    ),
    Code("UNSUPPORTED_ENCODING", 415, "body", "a `Content-Encoding` other than gzip, deflate or identity"),
    Code("EXPECTATION_FAILED", 417, "http", "an `Expect` other than `100-continue`"),
    Code("HEADERS_TOO_LARGE", 431, "http", "more than 100 headers, or more than 16384 bytes of them"),
    Code(
        "INTERNAL_SERVER_ERROR", 500, "http",
        "a defect of the service; the log has a traceback under the request id",
    ),
    Code(
        "NOT_IMPLEMENTED", 501, "http",
        "an unknown method (methods are case-sensitive), or a transfer coding other than `chunked`",
    ),
    Code(
        "BAD_BACKEND", 502, "model",
        "the backend gave an answer that can't be trusted: another digest, shape or type, not finite, cut off, no HTTP",
    ),
    Code(
        "MODEL_UNAVAILABLE", 503, "model",
        "nothing is there to compute the answer, or its breaker is open; `Retry-After`",
    ),
    Code(
        "OVERLOADED", 503, "http",
        "`MULGAM_MAX_INFLIGHT` requests, `MULGAM_BULK_REQUESTS` tables or `MULGAM_MAX_READING_BYTES` of bodies are in "
        "hand; `Retry-After`",
    ),
    Code("SERVICE_STOPPING", 503, "table", "tables: the service ends, and `MULGAM_GRACE` is over; `Retry-After`"),
    Code(
        "DEADLINE_EXCEEDED", 504, "model",
        "no answer within `MULGAM_REQUEST_TIMEOUT`, or within the caller's own time",
    ),
    Code("HTTP_VERSION_NOT_SUPPORTED", 505, "http", "another version of HTTP"),
)  # fmt: skip


def of_status(status: int) -> tuple[Code, ...]:
    """The codes of the public HTTP listener that are answered with a status."""
    return tuple(code for code in PUBLIC if code.status == status)


PUBLIC = tuple(code for code in CODES if code.area not in ("grpc", "admin"))
