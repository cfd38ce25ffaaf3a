"""The table of bad inputs: raw requests, and the status and code of the one right answer to each.

Client libraries would repair many, so each is bytes. J: JSON and values; M: media type, encoding, size; R: methods,
paths, query; F: framing; B: V2 tensors; T: tables. The models: `publish` here.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mulgam.tensors import LENGTH_HEADER
from tests import builders
from tests.builders import gzipped

PATH, V1, V2 = "/predict/notes", "/v1/models/notes:predict", "/v2/models/notes/infer"
GOOD = b'{"instances":[[32,3,0.3]]}'
BODILESS = None  # HTTP wants no body in this answer
GZIP = ["Content-Encoding: gzip"]
# (what it is, the bytes, the status, the code of the error: "" where it is none)
Case = tuple[str, bytes, int, str | None]


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


ROW = struct.pack("<3f", 32, 3, 0.3)
CSV = b"area,rooms,distance\n32,3,0.3\n"
NDJSON = "application/x-ndjson"
LONG = b"a" * 20_000_000
# As Java's HttpClient asks for HTTP/2, and a browser for a WebSocket.
H2C = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]
WEBSOCKET = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="]
BOMB = gzip.compress(b"0" * 200_000_000, 9, mtime=0)
_RAW_DEFLATE = zlib.compressobj(wbits=-15)
_SHARED = {"shared_memory_region": "r", "shared_memory_byte_size": 4}
_ONE_TENSOR = b'"inputs":[{"name":"numeric","datatype":"FP32","shape":[1,3],"data":[32,3,0.3]}]'

JSON_CASES: list[Case] = [
    ("J01 good", request(), 200, ""),
    ("J02 empty", request(body=b""), 400, "EMPTY_BODY"),
    ("J03 null", request(body=b"null"), 400, "NOT_AN_OBJECT"),
    ("J04 array", request(body=b"[1,2]"), 400, "NOT_AN_OBJECT"),
    ("J05 cut off", request(body=b'{"instances":[[1,2'), 400, "BAD_JSON"),
    ("J06 no field", request(body=b"{}"), 400, "MISSING_FIELD"),
    ("J07 NaN", rows("[[NaN,1,2]]"), 400, "NON_FINITE"),
    ("J08 Infinity", rows("[[Infinity,1,2]]"), 400, "NON_FINITE"),
    ("J08b -Infinity", rows("[[-Infinity,1,2]]"), 400, "NON_FINITE"),
    ("J09 1e400", rows("[[1e400,1,2]]"), 400, "OUT_OF_RANGE"),
    ("J09b -1e400", rows("[[-1e400,1,2]]"), 400, "OUT_OF_RANGE"),
    ("J10 2**70", rows("[[1180591620717411303424,1,2]]"), 200, ""),
    ("J11 5000 digits", rows(f"[[{'9' * 5000},1,2]]"), 400, "OUT_OF_RANGE"),
    ("J11b 5000 digits after the point", rows(f"[[0.{'3' * 5000},1,2]]"), 200, ""),
    ("J12 key twice", request(body=b'{"instances":[[1,2,3]],"instances":[[5,5,5]]}'), 400, "DUPLICATE_KEY"),
    ("J12b feature twice", rows('[{"area":1,"rooms":2,"distance":3,"area":4}]'), 400, "DUPLICATE_KEY"),
    ("J12c the same key, escaped", rows("[[1,2,3]]", ',"\\u0069nstances":[]'), 400, "DUPLICATE_KEY"),
    ("J12d key twice in V1", at(V1, b'{"instances":[[1,2,3]],"instances":[[5,5,5]]}'), 400, "DUPLICATE_KEY"),
    ("J13 strings", rows('[["1","2","3"]]'), 400, "WRONG_TYPE"),
    ("J14 booleans", rows("[[true,false,true]]"), 400, "WRONG_TYPE"),
    ("J15 null is missing", rows("[[null,1,2]]"), 200, ""),
    ("J15b null that must not be missing", at("/predict/strict", b'{"instances":[[null,1,2]]}'), 400, "WRONG_TYPE"),
    ("J16 ragged", rows("[[1,2,3],[1,2]]"), 400, "RAGGED"),
    ("J17 narrow", rows("[[1,2]]"), 400, "WRONG_SHAPE"),
    ("J18 no row", rows("[]"), 400, "EMPTY_BATCH"),
    ("J19 scalar", rows("5"), 400, "WRONG_SHAPE"),
    ("J19b object", rows('{"area":1,"rooms":2,"distance":3}'), 400, "WRONG_SHAPE"),
    ("J19c rows null", rows("null"), 400, "WRONG_SHAPE"),
    ("J19d row a number", rows("[1,2,3]"), 400, "WRONG_TYPE"),
    ("J19e value a list", rows("[[[1],2,3]]"), 400, "WRONG_TYPE"),
    ("J20 depth 900", rows("[" * 900 + "]" * 900), 400, "TOO_DEEP"),
    ("J21 depth 100000", rows("[" * 100_000 + "]" * 100_000), 400, "TOO_DEEP"),
    ("J22 objects", request(body=b'{"a":' * 200_000 + b"1" + b"}" * 200_000), 400, "TOO_DEEP"),
    ("J23 bad UTF-8", request(body=b'{"instances":[[1,2,3]],"x":"\xff\xfe"}'), 400, "BAD_UTF8"),
    ("J23b overlong", request(body=b'{"instances":[[1,2,3]],"\xc0\xaf":1}'), 400, "BAD_UTF8"),
    ("J23c surrogate in UTF-8", request(body=b'{"instances":[[1,2,3]],"x":"\xed\xa0\x80"}'), 400, "BAD_UTF8"),
    ("J24 surrogate", rows("[[1,2,3]]", ',"x":"\\ud800"'), 400, "BAD_UTF8"),
    ("J24b a pair is a character", rows("[[1,2,3]]", ',"\\ud83c\\udfa8":1'), 400, "UNKNOWN_FIELD"),
    ("J25 byte order mark", request(body=b"\xef\xbb\xbf" + GOOD), 400, "BAD_JSON"),
    ("J26 UTF-16", request(body=GOOD.decode().encode("utf-16")), 400, "BAD_UTF8"),
    ("J26b UTF-32", request(body=GOOD.decode().encode("utf-32-le")), 400, "BAD_JSON"),
    ("J27 trailing", request(body=GOOD + b"xx"), 400, "BAD_JSON"),
    ("J27b two documents", request(body=GOOD + b"\n" + GOOD), 400, "BAD_JSON"),
    ("J28 unknown field", rows("[[1,2,3]]", ',"instance":1'), 400, "UNKNOWN_FIELD"),
    ("J29 unknown feature", rows('[{"area":1,"rooms":2,"distance":3,"floor":4}]'), 400, "UNKNOWN_FIELD"),
    ("J30 feature missing", rows('[{"area":1,"rooms":2}]'), 400, "MISSING_FIELD"),
    ("J31 wrong case", rows('[{"Area":1,"rooms":2,"distance":3}]'), 400, "UNKNOWN_FIELD"),
    ("J32 NUL in a name", rows('[{"area\\u0000":1,"rooms":2,"distance":3}]'), 400, "UNKNOWN_FIELD"),
    ("J33 ANSI in a name", rows('[{"\\u001b[31m":1,"rooms":2,"distance":3}]'), 400, "UNKNOWN_FIELD"),
    ("J34 name of a megabyte", rows("[{" + f'"{"a" * 2**20}":1' + "}]"), 400, "UNKNOWN_FIELD"),
    ("J35 spaces only", request(body=b" \n\t "), 400, "EMPTY_BODY"),
    ("J36 NUL bytes", request(body=bytes(64)), 400, "BAD_JSON"),
    ("J37 comment", rows("[[1,2,3]] /* rows */"), 400, "BAD_JSON"),
    ("J38 trailing comma", rows("[[1,2,3],]"), 400, "BAD_JSON"),
    ("J39 single quotes", request(body=b"{'instances':[[1,2,3]]}"), 400, "BAD_JSON"),
    ("J40 bare key", request(body=b"{instances:[[1,2,3]]}"), 400, "BAD_JSON"),
    ("J41 plus sign", rows("[[+1,2,3]]"), 400, "BAD_JSON"),
    ("J42 leading zero", rows("[[01,2,3]]"), 400, "BAD_JSON"),
    ("J43 no digit before the point", rows("[[.5,2,3]]"), 400, "BAD_JSON"),
    ("J44 hexadecimal", rows("[[0x10,2,3]]"), 400, "BAD_JSON"),
    ("J45 line break in a string", request(body=b'{"inst\nances":[[1,2,3]]}'), 400, "BAD_JSON"),
    ("J46 bad escape", request(body=b'{"\\x41":1}'), 400, "BAD_JSON"),
    ("J47 minus zero", rows("[[-0,2,3]]"), 200, ""),
    ("J48 fits float64 alone", rows("[[1e39,2,3]]"), 400, "OUT_OF_RANGE"),
    ("J48b float32's largest, as it is written", rows("[[3.4028235e38,2,3]]"), 200, ""),
    ("J48c what rounds to no float32", rows("[[3.4028236e38,2,3]]"), 400, "OUT_OF_RANGE"),
    ("J49 too many rows", rows(json.dumps([[1, 2, 3]] * 10_001)), 413, "TOO_MANY_ROWS"),
    ("J50 V1 takes inputs", at(V1, b'{"inputs":[[1,2,3]]}'), 200, ""),
    ("J51 V1 with both words", at(V1, b'{"inputs":[[1,2,3]],"instances":[[1,2,3]]}'), 400, "MISSING_FIELD"),
]
MEDIA_CASES: list[Case] = [
    ("M01 no type", request(kind=None), 200, ""),
    ("M01b empty type", request(kind=""), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M02 text", request(kind="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M03 xml", request(kind="application/xml"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M04 multipart", request(kind="multipart/form-data"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M04b with boundary", request(kind="multipart/form-data; boundary=x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M05 gzip", request(body=gzipped(GOOD), headers=GZIP), 200, ""),
    ("M05b cut off", request(body=gzipped(GOOD)[:-9], headers=GZIP), 400, "BAD_ENCODING"),
    ("M05c trailing bytes", request(body=gzipped(GOOD) + b"x", headers=GZIP), 400, "BAD_ENCODING"),
    ("M05h two members", request(body=gzipped(GOOD[:9]) + gzipped(GOOD[9:]), headers=GZIP), 200, ""),
    ("M05i 100,000 members", request(body=gzipped(b"") * 100_000, headers=GZIP), 400, "BAD_ENCODING"),
    ("M05d wrong checksum", request(body=gzipped(GOOD)[:-8] + bytes(8), headers=GZIP), 400, "BAD_ENCODING"),
    ("M05e nothing inside", request(body=gzipped(b""), headers=GZIP), 400, "EMPTY_BODY"),
    ("M05f no gzip at all", request(headers=GZIP), 400, "BAD_ENCODING"),
    ("M05g empty", request(body=b"", headers=GZIP), 400, "BAD_ENCODING"),
    ("M06 br", request(headers=["Content-Encoding: br"]), 415, "UNSUPPORTED_ENCODING"),
    ("M06b twice", request(body=gzipped(gzipped(GOOD)), headers=["Content-Encoding: gzip, gzip"]),
     415, "UNSUPPORTED_ENCODING"),
    ("M06c zstd", request(headers=["Content-Encoding: zstd"]), 415, "UNSUPPORTED_ENCODING"),
    ("M06d identity", request(headers=["Content-Encoding: identity"]), 200, ""),
    ("M07 gzip bomb", request(body=BOMB, headers=GZIP), 413, "BODY_TOO_LARGE"),
    ("M07b deflate bomb", request(body=zlib.compress(b"0" * 50_000_000, 9), headers=["Content-Encoding: deflate"]),
     413, "BODY_TOO_LARGE"),
    ("M07c raw deflate", request(body=_RAW_DEFLATE.compress(GOOD) + _RAW_DEFLATE.flush(),
                                 headers=["Content-Encoding: deflate"]), 400, "BAD_ENCODING"),
    ("M08 20 MB announced", request(body=b"", length="20000000"), 413, "BODY_TOO_LARGE"),
    ("M09 10 GiB announced", request(body=b"{}", length=str(10 * 2**30)), 413, "BODY_TOO_LARGE"),
    ("M10 form", request(kind="application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M11 type is noise", request(kind=";;;="), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M11b type with another byte", request(kind="text/\x80"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M12 pickle", request(kind="application/x-pickle", body=b"cos\nsystem\n(S'id'\ntR."), 415,
     "UNSUPPORTED_MEDIA_TYPE"),
    ("M13 msgpack", request(kind="application/msgpack"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M14 like JSON", request(kind="application/json-seq"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M15 upper case", request(kind="Application/JSON; Charset=UTF-8"), 200, ""),
    ("M16 UTF-16 in name", request(kind="application/json;charset=utf-16"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M16b Latin-1 in name, quoted", request(kind='application/json; Charset="iso-8859-1"'), 415,
     "UNSUPPORTED_MEDIA_TYPE"),
    ("M16c UTF-8, quoted", request(kind='application/json; charset="UTF-8"'), 200, ""),
    ("M16d a table in Latin-1", table(CSV, kind="text/csv; charset=latin1"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M17 a time-out with an underscore", request(headers=["X-Request-Timeout: 1_0"]), 400, "BAD_PARAMETER"),
    ("M17b a time-out in other digits", request(headers=["X-Request-Timeout: \xb2"]), 400, "BAD_PARAMETER"),
]  # fmt: skip
ROUTE_CASES: list[Case] = [
    *((f"R0{number} {method}", request(f"{method} {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED")
      for number, method in ((1, "GET"), (2, "PUT"), (3, "DELETE"), (4, "TRACE"))),
    ("R04b PATCH", request(f"PATCH {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R04c QUERY", request(f"QUERY {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R04d GET of V1's path", get(V1), 405, "METHOD_NOT_ALLOWED"),
    ("R05 FOO!", request(f"FOO! {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R05b method of 1000 letters", request(f"{'A' * 1000} {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R06 post", request(f"post {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R07 OPTIONS", request(f"OPTIONS {PATH} HTTP/1.1"), 200, BODILESS),
    ("R08 HEAD", request(f"HEAD {PATH} HTTP/1.1"), 405, BODILESS),
    ("R09 query", request(f"POST {PATH}?debug=1&x[]=2 HTTP/1.1"), 200, ""),
    ("R09b unknown value", at(f"{PATH}?probabilities=some"), 400, "BAD_PARAMETER"),
    ("R09c query of signs", at(f"{PATH}?%00&&==&%zz&;"), 200, ""),
    ("R10 path", request("POST /nope HTTP/1.1"), 404, "NOT_FOUND"),
    ("R11 traversal", request("POST /predict/../../etc/passwd HTTP/1.1"), 404, "NOT_FOUND"),
    ("R12 encoded traversal", request("POST /predict/%2e%2e%2f%2e%2e%2fetc HTTP/1.1"), 404, "NOT_FOUND"),
    *((f"R12b name {name}", get(f"/v2/models/{name}"), 404, code) for name, code in (
        ("..", "UNKNOWN_MODEL"), ("../notes", "NOT_FOUND"), ("notes/..", "NOT_FOUND"), ("..%2fnotes", "NOT_FOUND"),
        ("..%5cnotes", "UNKNOWN_MODEL"), ("%2e%2e%2f%2e%2e%2froot", "NOT_FOUND"), ("....//", "NOT_FOUND"),
        ("%252e%252e", "UNKNOWN_MODEL"), ("~root", "UNKNOWN_MODEL"), ("$(id)", "UNKNOWN_MODEL"),
        ("notes;id", "UNKNOWN_MODEL"), ("notes%7cid", "UNKNOWN_MODEL"), ("C:%5cx", "UNKNOWN_MODEL"))),
    ("R13 NUL", request("POST /predict/notes%00x HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R14 long name", request(f"POST /predict/{'m' * 5000} HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R15 CRLF", request("POST /predict/notes%0d%0aX-Evil:1 HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R15b escape sequence", at("/predict/%1b%5b31mnotes"), 404, "UNKNOWN_MODEL"),
    ("R16 no name", at("/predict/"), 404, "NOT_FOUND"),
    ("R17 slash after", at("/predict/notes/"), 404, "NOT_FOUND"),
    ("R18 two slashes", at("/predict//notes"), 404, "NOT_FOUND"),
    ("R19 upper case", at("/predict/NOTES"), 404, "UNKNOWN_MODEL"),
    ("R20 bytes that are no UTF-8", at("/predict/%ff%fe"), 404, "UNKNOWN_MODEL"),
    ("R21 a lone percent sign", at("/predict/notes%"), 404, "UNKNOWN_MODEL"),
    ("R22 full-width letters", at("/predict/%EF%BD%8Eotes"), 404, "UNKNOWN_MODEL"),
    *((f"R23 version {version}", at(f"/predict/notes/versions/{version}"), 404, "UNKNOWN_VERSION")
      for version in ("9", "0", "-1", "01", "1e0", "one", "9" * 400, "%31%00", "latest")),
    ("R24 absolute form", at("http://other.example/predict/notes"), 200, ""),
    ("R25 asterisk", get("*", "OPTIONS"), 404, "NOT_FOUND"),
    ("R26 DELETE of the index", get("/v2/repository/index", "DELETE"), 405, "METHOD_NOT_ALLOWED"),
    ("R40 index, no JSON", at("/v2/repository/index", b"\xff["), 400, "BAD_UTF8"),
    ("R40b index, ready a string", at("/v2/repository/index", b'{"ready":"x"}'), 400, "BAD_PARAMETER"),
    ("R40c index, an array", at("/v2/repository/index", b"[]"), 400, "NOT_AN_OBJECT"),
    ("R41 statistics of Triton", get("/v2/models/stats"), 404, "NOT_FOUND"),
    ("R27 load on the public port", at("/v2/repository/models/notes/load", b"{}"), 404, "NOT_FOUND"),
    ("R28 unload on the public port", at("/v2/repository/models/notes/unload", b"{}"), 404, "NOT_FOUND"),
    *((f"R29 timeout {text}", request(headers=[f"X-Request-Timeout: {text}"]), 400, "BAD_PARAMETER")
      for text in ("soon", "-1", "0", "nan", "1e999", "")),
    *((f"R32 page {name}", get(f"/page/{name}"), 404, "NOT_FOUND") for name in (
        "nope.js", "../keys.py", "%2e%2e/keys.py", "..%2fkeys.py", "..%5ckeys.py", "app.js%00", "app.js/", "%ff", "")),
    ("R32b POST of the page", at("/"), 405, "METHOD_NOT_ALLOWED"),
    ("R32c DELETE of a file of the page", get("/page/app.js", "DELETE"), 405, "METHOD_NOT_ALLOWED"),
    ("R32d stats of no model", get("/models/nope/stats"), 404, "UNKNOWN_MODEL"),
    ("R32e report of a traversal", get("/models/..%2f..%2fetc/report"), 404, "NOT_FOUND"),
    ("R30 id of 2000 letters", request(headers=["X-Request-Id: " + "i" * 2000]), 200, ""),
    ("R31 trace that is none", request(headers=["traceparent: 00-zz-zz-01", "tracestate: \x80"]), 200, ""),
]  # fmt: skip
FRAMING_CASES: list[Case] = [
    ("F01 length too short", request(length="5"), 400, "BAD_JSON"),
    ("F02 length too long", request(length=str(len(GOOD) + 10)), 408, "BODY_TOO_SLOW"),
    ("F03 no length", request(length=None), 400, "EMPTY_BODY"),
    ("F04 negative length", request(length="-5"), 400, "BAD_HTTP"),
    ("F05 length +5", request(length="+5"), 400, "BAD_HTTP"),
    ("F06 two lengths", request(headers=["Content-Length: 5"]), 400, "BAD_HTTP"),
    ("F06b length list", request(length=f"{len(GOOD)}, {len(GOOD)}"), 400, "BAD_HTTP"),
    ("F06c hexadecimal length", request(length="0x1a"), 400, "BAD_HTTP"),
    ("F06d empty length", request(length=""), 400, "BAD_HTTP"),
    ("F06e length with a point", request(length="26.0"), 400, "BAD_HTTP"),
    ("F06f length with an underscore", request(length="2_6"), 400, "BAD_HTTP"),
    ("F06g length of 2**64", request(length=str(2**64)), 400, "BAD_HTTP"),
    ("F06h length of 2**63", request(length=str(2**63)), 413, "BODY_TOO_LARGE"),
    ("F06i length in other digits", request(length="\xb2\xb6"), 400, "BAD_HTTP"),
    ("F06j the same length twice", request(headers=[f"Content-Length: {len(GOOD)}"]), 400, "BAD_HTTP"),
    ("F07 chunked", chunked(chunks(GOOD)), 200, ""),
    ("F07b chunk extension", chunked(b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)), 200, ""),
    ("F07c trailer", chunked(chunks(GOOD)[:-2] + b"X-Trailer: 1\r\n\r\n"), 200, ""),
    ("F07d upper case", chunked(chunks(GOOD), ["Transfer-Encoding: CHUNKED"]), 200, ""),
    ("F07e space after the coding", chunked(chunks(GOOD), ["Transfer-Encoding: chunked "]), 200, ""),
    ("F07f HTTP/1.0", chunked(chunks(GOOD)).replace(b"HTTP/1.1", b"HTTP/1.0"), 400, "BAD_FRAMING"),
    ("F07g trailer of 20 MB", chunked(trailing(b"X-A: " + LONG)), 400, "BAD_FRAMING"),
    ("F07h trailer's name of 20 MB", chunked(trailing(LONG + b": 1")), 400, "BAD_FRAMING"),
    ("F07i 20 MB of trailers", chunked(trailing(b"\r\n".join([b"X-A: 1"] * 2_500_000))), 400, "BAD_FRAMING"),
    ("F07j extension of 20 MB", chunked(b"2;" + LONG + b"\r\n{}\r\n0\r\n\r\n"), 400, "BAD_FRAMING"),
    ("F07k trailer of 20 MB where there is nothing",
     chunked(trailing(b"X-A: " + LONG)).replace(PATH.encode(), b"/nope", 1), 400, "BAD_FRAMING"),
    ("F08 length and chunked", chunked(chunks(GOOD), length="true"), 400, "BAD_HTTP"),
    ("F08b length 0 and chunked", chunked(chunks(GOOD), length="0"), 400, "BAD_HTTP"),
    ("F09 xchunked", chunked(chunks(GOOD), ["Transfer-Encoding: xchunked"]), 501, "NOT_IMPLEMENTED"),
    ("F09b identity", chunked(GOOD, ["Transfer-Encoding: identity"]), 501, "NOT_IMPLEMENTED"),
    ("F09c chunked is not the last", chunked(chunks(GOOD), ["Transfer-Encoding: chunked, gzip"]), 400, "BAD_HTTP"),
    *((f"F09f {coding}", chunked(chunks(GOOD), [f"Transfer-Encoding: {coding}"]), 501, "NOT_IMPLEMENTED")
      for coding in ("gzip, chunked", "identity, chunked", ",chunked", "xchunked, chunked", "chunked;q=1")),
    ("F09d space before the colon", chunked(chunks(GOOD), ["Transfer-Encoding : chunked"]), 400, "BAD_HTTP"),
    ("F09e vertical tab", chunked(chunks(GOOD), ["Transfer-Encoding: \x0bchunked"]), 400, "BAD_HTTP"),
    ("F10 chunk size zz", chunked(b"zz\r\nabc\r\n0\r\n\r\n"), 400, "BAD_HTTP"),
    ("F10b chunk size overflows", chunked(b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n"), 400, "BAD_HTTP"),
    ("F10c chunk size negative", chunked(b"-1\r\n{}\r\n0\r\n\r\n"), 400, "BAD_HTTP"),
    ("F10d chunk size 0x2", chunked(b"0x2\r\n{}\r\n0\r\n\r\n"), 400, "BAD_HTTP"),
    ("F10e chunk longer than its size", chunked(b"2\r\n{}{}\r\n0\r\n\r\n"), 400, "BAD_HTTP"),
    ("F10f extension of 10000 letters", chunked(b"2;" + b"a" * 10_000 + b"\r\n{}\r\n0\r\n\r\n"), 400, "MISSING_FIELD"),
    ("F11 chunk cut off", chunked(b"ffff\r\n{}"), 408, "BODY_TOO_SLOW"),
    ("F12 70000 chunks", chunked(b"1\r\nA\r\n" * 70_000 + b"0\r\n\r\n"), 400, "TOO_MANY_CHUNKS"),
    ("F13 20 MB chunked", chunked(chunks(b" " * 20_000_000)), 413, "BODY_TOO_LARGE"),
    ("F14 long URL", request(f"POST {PATH}?{'a' * 20_000} HTTP/1.1"), 414, "URI_TOO_LONG"),
    ("F14b very long URL", request(f"POST {PATH}?{'a' * 100_000} HTTP/1.1"), 414, "URI_TOO_LONG"),
    ("F15 long header", request(headers=["X-A: " + "a" * 20_000]), 431, "HEADERS_TOO_LARGE"),
    ("F15b long name", request(headers=["X-" + "a" * 20_000 + ": 1"]), 431, "HEADERS_TOO_LARGE"),
    ("F15c 90 headers", request(headers=[f"X-{number}: {'a' * 200}" for number in range(90)]), 431,
     "HEADERS_TOO_LARGE"),
    ("F16 300 headers", request(headers=[f"X-{number}: 1" for number in range(300)]), 431, "HEADERS_TOO_LARGE"),
    ("F17 no colon", request(headers=["BadHeader"]), 400, "BAD_HTTP"),
    ("F17b no name", request(headers=[": x"]), 400, "BAD_HTTP"),
    ("F17c brackets in the name", request(headers=["X(A): 1"]), 400, "BAD_HTTP"),
    ("F17d byte above 127 in the name", request(headers=["X\xe9: 1"]), 400, "BAD_HTTP"),
    ("F18 space before colon", request(headers=["X-A : 1"]), 400, "BAD_HTTP"),
    ("F19 folded", request(headers=["X-A: 1", "  folded"]), 400, "BAD_HTTP"),
    ("F19b first line folded", request(host=[" Host: localhost"]), 400, "BAD_HTTP"),
    ("F20 bare LF", request().replace(b"\r\n", b"\n"), 400, "BAD_HTTP"),
    ("F20b bare CR in a value", request(headers=["X-A: a\rb"]), 400, "BAD_HTTP"),
    ("F21 NUL in header", request(headers=["X-A: a\0b"]), 400, "BAD_HTTP"),
    ("F21b control character in header", request(headers=["X-A: a\x01b"]), 400, "BAD_HTTP"),
    ("F22 no Host", request(host=[]), 400, "BAD_HOST"),
    ("F22b HTTP/1.0 without Host", request(f"POST {PATH} HTTP/1.0", host=[]), 400, "BAD_HOST"),
    ("F23 two Hosts", request(host=["Host: a", "Host: b"]), 400, "BAD_HOST"),
    ("F23b the same Host twice", request(host=["Host: a", "Host: a"]), 400, "BAD_HOST"),
    *((f"F23c Host {host[:9]}", request(host=[f"Host: {host}"]), 400, "BAD_HOST") for host in (
        "a b", "a@b", "a,b", "a/b", "[::1", "::1", "<script>", "\xff", "a:b", "..", "%41", "a" * 9000)),
    *((f"F23d Host {host[:9]}", request(host=[f"Host: {host}"]), 200, "")
      for host in ("a_b.svc:80", "[::1]:8000", "example.com.", "a ", "", ":8000")),
    ("F24 HTTP/9.9", request(f"POST {PATH} HTTP/9.9"), 505, "HTTP_VERSION_NOT_SUPPORTED"),
    ("F24b HTTP/2.0", request(f"POST {PATH} HTTP/2.0"), 505, "HTTP_VERSION_NOT_SUPPORTED"),
    ("F24c http/1.1", request(f"POST {PATH} http/1.1"), 400, "BAD_HTTP"),
    ("F24d HTTP/1.1x", request(f"POST {PATH} HTTP/1.1x"), 400, "BAD_HTTP"),
    ("F25 HTTP/0.9", f"GET {PATH}\r\n\r\n".encode(), 505, "HTTP_VERSION_NOT_SUPPORTED"),
    ("F25b space in the path", request("POST /predict/no tes HTTP/1.1"), 400, "BAD_HTTP"),
    ("F25c no method", request(f" {PATH} HTTP/1.1"), 400, "BAD_HTTP"),
    ("F25d method with a slash", request(f"PO/ST {PATH} HTTP/1.1"), 400, "BAD_HTTP"),
    ("F25e empty lines first", b"\r\n\r\n" + request(), 200, ""),
    ("F27 TLS", bytes.fromhex("16030100c8010000c40303") + bytes(190), 400, "BAD_HTTP"),
    ("F28 binary", bytes(range(256)) + b"x" * 44 + b"\r\n\r\n", 400, "BAD_HTTP"),
    ("F30 Expect", request(headers=["Expect: 200-maybe"]), 417, "EXPECTATION_FAILED"),
    ("F32 h2c", request(headers=H2C), 200, ""),
    ("F32b WebSocket", request(headers=WEBSOCKET), 200, ""),
    ("F32c h2c, chunked", chunked(chunks(GOOD), ["Transfer-Encoding: chunked", *H2C]), 200, ""),
    ("F32d h2c, a table", request(body=CSV, headers=H2C, kind="text/csv"), 200, "prediction"),
    ("F32e h2c, cut off", request(length="100", headers=H2C), 408, "BODY_TOO_SLOW"),
    ("F32f h2c, bad JSON", request(body=b"{", headers=H2C), 400, "BAD_JSON"),
    ("F32g WebSocket where there is nothing", request("GET /nope HTTP/1.1", b"", None, WEBSOCKET, None), 404,
     "NOT_FOUND"),
    ("F32h WebSocket without a body", request(body=b"", headers=WEBSOCKET), 400, "EMPTY_BODY"),
    ("F33 underscore", request(headers=["Content_Length: 5", "Transfer_Encoding: chunked"]), 200, ""),
    *((f"F34 {path}", at(path), 404, "NOT_FOUND")
      for path in ("//metrics", "//predict/notes", "/%2fpredict/notes", "http://other.example//predict/notes")),
    ("F35 ftp", at("ftp://other.example/predict/notes"), 400, "BAD_HTTP"),
    ("F35b absolute form with a name", at("http://me@other.example/predict/notes"), 400, "BAD_HOST"),
]  # fmt: skip
TENSOR_CASES: list[Case] = [
    ("B00 good", infer(tensor()), 200, ""),
    ("B00b good, binary", binary(ROW), 200, ""),
    ("B01 header length out of range", binary(ROW, "99999999999"), 400, "BAD_HEADER_LENGTH"),
    ("B01b header length of 30 digits", binary(ROW, "9" * 30), 400, "BAD_HEADER_LENGTH"),
    ("B02 header length negative", binary(ROW, "-1"), 400, "BAD_HEADER_LENGTH"),
    ("B03 header length no digits", binary(ROW, "ten"), 400, "BAD_HEADER_LENGTH"),
    ("B03b header length with another byte", binary(ROW, "\xb2"), 400, "BAD_HEADER_LENGTH"),
    ("B03c header length empty", binary(ROW, ""), 400, "BAD_HEADER_LENGTH"),
    ("B04 header length above the body", binary(ROW, "5000"), 400, "BAD_HEADER_LENGTH"),
    ("B04b header length within the JSON", binary(ROW, "20"), 400, "BAD_JSON"),
    ("B04c header length 0: the body is the tensor", at(V2, ROW, [f"{LENGTH_HEADER}: 0"]), 200, ""),
    ("B04d half a row", at(V2, ROW[:-1], [f"{LENGTH_HEADER}: 0"]), 400, "WRONG_SIZE"),
    ("B04e no row", at(V2, b"", [f"{LENGTH_HEADER}: 0"]), 400, "WRONG_SIZE"),
    ("B05 size is not the shape's", binary(ROW[:-1]), 400, "WRONG_SIZE"),
    ("B05b size above the body", binary(ROW, parameters={"binary_data_size": 13}), 400, "WRONG_SIZE"),
    ("B05c size negative", binary(ROW, parameters={"binary_data_size": -12}), 400, "WRONG_SIZE"),
    ("B05d size a string", binary(ROW, parameters={"binary_data_size": "12"}), 400, "WRONG_SIZE"),
    ("B05e bytes left over", binary(ROW + b"x", parameters={"binary_data_size": 12}), 400, "WRONG_SIZE"),
    ("B05f parameters a list", binary(ROW, parameters=[12]), 400, "BAD_PARAMETER"),
    ("B05g parameters a string beside data", infer(tensor(parameters="x")), 400, "BAD_PARAMETER"),
    ("B05h both data and size", infer(tensor(parameters={"binary_data_size": 12})), 400, "WRONG_SIZE"),
    ("B06 shape overflows", binary(ROW, shape=[2**4, 2**60 + 2]), 400, "WRONG_SHAPE"),
    ("B07 shape overflows to a small one", binary(ROW, shape=[2**2, 2**60 + 2]), 400, "WRONG_SHAPE"),
    ("B07b shape of 2**63", infer(tensor(shape=[2**63, 3])), 400, "WRONG_SHAPE"),
    ("B08 negative dimension", binary(ROW, shape=[-1, 3]), 400, "WRONG_SHAPE"),
    ("B09 zero dimension", infer(tensor(shape=[0, 3], data=[])), 400, "WRONG_SHAPE"),
    ("B09b no dimension", infer(tensor(shape=[])), 400, "WRONG_SHAPE"),
    ("B09c 100 dimensions", infer(tensor(shape=[1] * 100)), 400, "WRONG_SHAPE"),
    ("B09d fraction", infer(tensor(shape=[1.0, 3])), 400, "WRONG_SHAPE"),
    ("B09e shape a string", infer(tensor(shape="1,3")), 400, "WRONG_SHAPE"),
    ("B10 element's length lies", binary(b"\xff\0\0\0abc", datatype="BYTES", shape=[1, 1]), 400, "BAD_BYTES"),
    ("B10b element of 4 GiB", binary(b"\xff\xff\xff\xffabc", datatype="BYTES", shape=[1, 1]), 400, "BAD_BYTES"),
    ("B11 output twice", infer(tensor(), outputs=[{"name": "prediction"}] * 2), 400, "DUPLICATE_KEY"),
    ("B12 unknown output", infer(tensor(), outputs=[{"name": "nope"}]), 400, "UNKNOWN_FIELD"),
    ("B12b output without a name", infer(tensor(), outputs=[{}]), 400, "UNKNOWN_FIELD"),
    ("B12c outputs no list", infer(tensor(), outputs="prediction"), 400, "WRONG_TYPE"),
    ("B12d classification", infer(tensor(), outputs=[{"name": "prediction", "parameters": {"classification": 1}}]),
     400, "BAD_PARAMETER"),
    ("B13 datatype", infer(tensor(datatype="FLOAT")), 400, "WRONG_DATATYPE"),
    ("B13b another datatype", infer(tensor(datatype="FP64")), 400, "WRONG_TYPE"),
    ("B13c words for numbers", infer(tensor(datatype="BYTES", data=["a", "b", "c"])), 400, "WRONG_SHAPE"),
    ("B14 10^6 inputs", at(V2, b'{"inputs":[' + b"{}," * 1_000_000 + b"{}]}"), 400, "TOO_MANY_TENSORS"),
    ("B14b no input", infer(), 400, "MISSING_FIELD"),
    ("B14c input null", infer(None), 400, "MISSING_FIELD"),
    ("B14d unknown input", infer(tensor(name="other")), 400, "UNKNOWN_FIELD"),
    ("B14e input twice", infer(tensor(), tensor()), 400, "DUPLICATE_KEY"),
    ("B14f inputs an object", at(V2, b'{"inputs":{}}'), 400, "MISSING_FIELD"),
    ("B15 id of 1 MB", infer(tensor(), id="i" * 2**20), 400, "BAD_PARAMETER"),
    ("B15b id a number", infer(tensor(), id=7), 400, "BAD_PARAMETER"),
    ("B15c id of 1024 characters, 3072 bytes", infer(tensor(), id="가" * 1024), 400, "BAD_PARAMETER"),
    ("B15d id of 1024 bytes", infer(tensor(), id="i" * 1024), 200, ""),
    ("B16 reserved parameter", infer(tensor(), parameters={"sequence_id": 7}), 400, "BAD_PARAMETER"),
    ("B16b reserved prefix", infer(tensor(), parameters={"triton_final_response": True}), 400, "BAD_PARAMETER"),
    ("B16c parameters a list", infer(tensor(), parameters=[1]), 400, "BAD_PARAMETER"),
    ("B16d parameter of another type", infer(tensor(), parameters={"binary_data_output": "yes"}), 400, "BAD_PARAMETER"),
    ("B16e unknown parameter", infer(tensor(), parameters={"unheard_of": 1}), 200, ""),
    ("B16f reserved, of an input", infer(tensor(parameters={"triton_x": 1})), 400, "BAD_PARAMETER"),
    ("B16g input in shared memory", infer(tensor(parameters={"shared_memory_region": "r"})), 400, "BAD_PARAMETER"),
    ("B16h output in shared memory", infer(tensor(), outputs=[{"name": "prediction", "parameters": _SHARED}]), 400,
     "BAD_PARAMETER"),
    ("B16i timeout a string", infer(tensor(), parameters={"timeout": "soon"}), 400, "BAD_PARAMETER"),
    ("B16j timeout negative", infer(tensor(), parameters={"timeout": -5}), 400, "BAD_PARAMETER"),
    ("B16k priority an object", infer(tensor(), parameters={"priority": {}}), 400, "BAD_PARAMETER"),
    ("B16l timeout of a second", infer(tensor(), parameters={"timeout": 1_000_000, "priority": 1}), 200, ""),
    ("B18 finite in float64 alone", infer(tensor(data=[1e39, 1, 2])), 400, "OUT_OF_RANGE"),
    ("B19 chunked twice", chunked(chunks(GOOD), ["Transfer-Encoding: chunked"] * 2), 400, "BAD_HTTP"),
    ("B20 binary infinity", binary(struct.pack("<3f", 1, 2, float("inf"))), 400, "NON_FINITE"),
    ("B20b binary NaN is missing", binary(struct.pack("<3f", 1, 2, float("nan"))), 200, ""),
    ("B21 too few elements", infer(tensor(data=[1, 2])), 400, "WRONG_SIZE"),
    ("B21b nested unevenly", infer(tensor(shape=[2, 3], data=[[1, 2, 3], 4])), 400, "RAGGED"),
    ("B21c rows of other sizes", infer(tensor(shape=[2, 3], data=[[1, 2], [3, 4, 5, 6]])), 400, "RAGGED"),
    ("B21c booleans", infer(tensor(data=[True, 1, 2])), 400, "WRONG_TYPE"),
    ("B21d data an object", infer(tensor(data={"0": 1})), 400, "WRONG_TYPE"),
    ("B21e data too deep", at(V2, b'{"inputs":[{"data":' + b"[" * 2000 + b"]" * 2000 + b"}]}"), 400, "TOO_DEEP"),
    ("B22 key twice", at(V2, b"{" + _ONE_TENSOR + b"," + _ONE_TENSOR + b"}"), 400, "DUPLICATE_KEY"),
    ("B22b key of a tensor twice", at(V2, b"{" + _ONE_TENSOR.replace(b'"shape"', b'"shape":[9],"shape"') + b"}"), 400,
     "DUPLICATE_KEY"),
    ("B23 array", at(V2, b"[]"), 400, "NOT_AN_OBJECT"),
    ("B23b empty", at(V2, b""), 400, "EMPTY_BODY"),
    ("B23c unknown model", infer(tensor(), path="/v2/models/nope/infer"), 404, "UNKNOWN_MODEL"),
    ("B23d too many rows", infer(tensor(shape=[10_001, 3], data=[1] * 30_003)), 413, "TOO_MANY_ROWS"),
]  # fmt: skip
TABLE_CASES: list[Case] = [
    ("T01 good", table(CSV), 200, "prediction"),
    ("T02 empty", table(b""), 400, "EMPTY_BODY"),
    ("T03 column missing", table(b"area,rooms\n1,2\n"), 400, "MISSING_FIELD"),
    ("T04 column unknown", table(b"area,rooms,distance,id\n1,2,3,4\n"), 400, "UNKNOWN_FIELD"),
    ("T05 column twice", table(b"area,rooms,distance,area\n1,2,3,4\n"), 400, "DUPLICATE_KEY"),
    ("T06 header quoted badly", table(b'area,"rooms,distance\n'), 400, "BAD_CSV"),
    ("T07 header of 2 MiB", table(b"a" * 2**21), 400, "ROW_TOO_LONG"),
    ("T08 header is no UTF-8", table(b"\xff\xfe,rooms,distance\n"), 400, "BAD_UTF8"),
    ("T09 br", table(CSV, headers=["Content-Encoding: br"]), 415, "UNSUPPORTED_ENCODING"),
    ("T10 no gzip", table(CSV, headers=GZIP), 400, "BAD_ENCODING"),
    ("T11 gzip cut off", table(gzipped(CSV)[:12], headers=GZIP), 400, "BAD_ENCODING"),
    ("T12 two gzip members", table(gzipped(CSV) + gzipped(b"33,3,0.5\n"), headers=GZIP), 200, "prediction"),
    ("T13 probabilities", table(CSV, "?probabilities=all"), 400, "BAD_PARAMETER"),
    ("T14 keep of NDJSON", table(b"[1,2,3]\n", "?keep=id", NDJSON), 400, "BAD_PARAMETER"),
    ("T15 keep badly quoted", table(CSV, '?keep=%22id'), 400, "BAD_PARAMETER"),
    ("T16 2 GiB announced", request(length=str(2**31), body=b"", kind="text/csv"), 413, "BODY_TOO_LARGE"),
    ("T17 a row too wide", table(CSV + b"1,2,3,4\n"), 200, "RAGGED"),
    ("T18 a row of text", table(CSV + b"x,2,3\n"), 200, "WRONG_TYPE"),
    ("T19 a row of NaN", table(CSV + b"nan,2,3\n"), 200, "NON_FINITE"),
    ("T19b a row of inf", table(CSV + b"-inf,2,3\n"), 200, "NON_FINITE"),
    ("T19c lines that end in CR alone", table(CSV.replace(b"\n", b"\r")), 400, "BAD_CSV"),
    ("T20 a row past float32", table(CSV + b"1e39,2,3\n"), 200, "OUT_OF_RANGE"),
    ("T21 a quote that never ends", table(CSV + b'"1,2,3\n4,5,6\n'), 200, "BAD_CSV"),
    ("T22 a row of noise", table(CSV + b"\xff\x00,2,3\n"), 200, "BAD_UTF8"),
    ("T23 NDJSON, empty", table(b"", kind=NDJSON), 400, "EMPTY_BODY"),
    ("T24 NDJSON, no JSON", table(b"[1,2,3]\nnope\n", kind=NDJSON), 200, "BAD_JSON"),
    ("T25 NDJSON, key twice", table(b'{"area":1,"rooms":2,"area":3,"distance":4}\n', kind=NDJSON), 200,
     "DUPLICATE_KEY"),
    ("T26 NDJSON, NaN", table(b"[NaN,2,3]\n", kind=NDJSON), 200, "NON_FINITE"),
    ("T27 NDJSON, too deep", table(b"[" * 5000 + b"\n", kind=NDJSON), 200, "TOO_DEEP"),
    ("T28 unknown model", request("POST /predict/nope HTTP/1.1", CSV, kind="text/csv"), 404, "UNKNOWN_MODEL"),
    ("T29 V1 takes no table", request(f"POST {V1} HTTP/1.1", CSV, kind="text/csv"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("T30 cut off after a row", request(length="500", body=CSV, kind="text/csv"), 200, "BODY_TOO_SLOW"),
    ("T31 cut off in the header", request(length="500", body=CSV[:9], kind="text/csv"), 408, "BODY_TOO_SLOW"),
    ("T33 trailer of 20 MB, before a row", request(
        body=chunks(CSV[:20])[:-2] + b"X-A: " + LONG + b"\r\n\r\n", length=None,
        headers=["Transfer-Encoding: chunked"], kind="text/csv"), 400, "BODY_CUT_OFF"),
    ("T32 damaged before its end", request(length="500", body=CSV, headers=GZIP, kind="text/csv"), 400, "BAD_ENCODING"),
]  # fmt: skip
CASES: list[Case] = [*JSON_CASES, *MEDIA_CASES, *ROUTE_CASES, *FRAMING_CASES, *TENSOR_CASES, *TABLE_CASES]
