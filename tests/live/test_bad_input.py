"""Hostile bytes on a raw socket against the production edge: exact status and code, and the service unharmed.

The rows are those of the project's table of bad inputs (J, M, R, F, B19); client libraries would repair many.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
from collections.abc import Iterator, Sequence

import pytest

from mulgam.registry import Registry
from tests.processes import Serving, call, predict, serving

pytestmark = pytest.mark.live

PATH = "/predict/notes"
GOOD = b'{"instances":[[32,3,0.3]]}'
BODY_TIMEOUT = 1.5
BOMB = gzip.compress(b"0" * 200_000_000, 9)
PARSER = None  # the HTTP parser answers before the application: a status without a body


@pytest.fixture(scope="module")
def service(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The production edge over the in-process backend, with a short body deadline."""
    folder = tmp_path_factory.mktemp("serve")
    with serving(registry.root, folder, backend="onnxruntime", body_timeout=str(BODY_TIMEOUT)) as service:
        yield service


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


def rows(value: str) -> bytes:
    """A body with these rows."""
    return b'{"instances":' + value.encode() + b"}"


CASES: list[tuple[str, bytes, int, str | None]] = [
    # JSON and values
    ("J01 good", request(), 200, ""),
    ("J02 empty", request(body=b""), 400, "EMPTY_BODY"),
    ("J03 null", request(body=b"null"), 400, "NOT_AN_OBJECT"),
    ("J04 array", request(body=b"[1,2]"), 400, "NOT_AN_OBJECT"),
    ("J05 cut off", request(body=b'{"instances":[[1,2'), 400, "BAD_JSON"),
    ("J06 no field", request(body=b"{}"), 400, "MISSING_FIELD"),
    ("J07 NaN", request(body=rows("[[NaN,1,2]]")), 400, "NON_FINITE"),
    ("J08 Infinity", request(body=rows("[[Infinity,1,2]]")), 400, "NON_FINITE"),
    ("J09 1e400", request(body=rows("[[1e400,1,2]]")), 400, "OUT_OF_RANGE"),
    ("J10 2**70", request(body=rows("[[1180591620717411303424,1,2]]")), 200, ""),
    ("J11 5000 digits", request(body=rows(f"[[{'9' * 5000},1,2]]")), 400, "OUT_OF_RANGE"),
    ("J12 key twice", request(body=b'{"instances":[[1,2,3]],"instances":[[5,5,5]]}'), 400, "DUPLICATE_KEY"),
    ("J13 strings", request(body=rows('[["1","2","3"]]')), 400, "WRONG_TYPE"),
    ("J14 booleans", request(body=rows("[[true,false,true]]")), 400, "WRONG_TYPE"),
    ("J15 null is missing", request(body=rows("[[null,1,2]]")), 200, ""),
    ("J16 ragged", request(body=rows("[[1,2,3],[1,2]]")), 400, "RAGGED"),
    ("J17 narrow", request(body=rows("[[1,2]]")), 400, "WRONG_SHAPE"),
    ("J18 no row", request(body=rows("[]")), 400, "EMPTY_BATCH"),
    ("J19 scalar", request(body=rows("5")), 400, "WRONG_SHAPE"),
    ("J20 depth 900", request(body=rows("[" * 900 + "]" * 900)), 400, "TOO_DEEP"),
    ("J21 depth 100000", request(body=rows("[" * 100_000 + "]" * 100_000)), 400, "TOO_DEEP"),
    ("J22 objects", request(body=b'{"a":' * 200_000 + b"1" + b"}" * 200_000), 400, "TOO_DEEP"),
    ("J23 bad UTF-8", request(body=b'{"instances":[[1,2,3]],"x":"\xff\xfe"}'), 400, "BAD_UTF8"),
    ("J24 surrogate", request(body=b'{"instances":[[1,2,3]],"x":"\\ud800"}'), 400, "BAD_UTF8"),
    ("J25 byte order mark", request(body=b"\xef\xbb\xbf" + GOOD), 400, "BAD_JSON"),
    ("J26 UTF-16", request(body=GOOD.decode().encode("utf-16")), 400, "BAD_UTF8"),
    ("J27 trailing", request(body=GOOD + b"xx"), 400, "BAD_JSON"),
    # media type, encoding, size
    ("M01 no type", request(kind=None), 200, ""),
    ("M02 text", request(kind="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M03 xml", request(kind="application/xml"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M04 multipart", request(kind="multipart/form-data"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M10 form", request(kind="application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M05 gzip", request(body=gzip.compress(GOOD), headers=["Content-Encoding: gzip"]), 200, ""),
    ("M05b cut off", request(body=gzip.compress(GOOD)[:-9], headers=["Content-Encoding: gzip"]), 400, "BAD_ENCODING"),
    ("M06 br", request(headers=["Content-Encoding: br"]), 415, "UNSUPPORTED_ENCODING"),
    ("M07 gzip bomb", request(body=BOMB, headers=["Content-Encoding: gzip"]), 413, "BODY_TOO_LARGE"),
    ("M08 20 MB announced", request(body=b"", length="20000000"), 413, "BODY_TOO_LARGE"),
    ("M09 10 GiB announced", request(body=b"{}", length=str(10 * 2**30)), 413, "BODY_TOO_LARGE"),
    # methods and paths
    ("R01 GET", request(f"GET {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R02 PUT", request(f"PUT {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R03 DELETE", request(f"DELETE {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R04 TRACE", request(f"TRACE {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R05 FOO!", request(f"FOO! {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R06 post", request(f"post {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R07 OPTIONS", request(f"OPTIONS {PATH} HTTP/1.1"), 200, PARSER),
    ("R08 HEAD", request(f"HEAD {PATH} HTTP/1.1"), 405, PARSER),
    ("R09 query", request(f"POST {PATH}?debug=1&x[]=2 HTTP/1.1"), 200, ""),
    ("R10 path", request("POST /nope HTTP/1.1"), 404, "NOT_FOUND"),
    ("R11 traversal", request("POST /predict/../../etc/passwd HTTP/1.1"), 404, "NOT_FOUND"),
    ("R12 encoded traversal", request("POST /predict/%2e%2e%2f%2e%2e%2fetc HTTP/1.1"), 404, "NOT_FOUND"),
    ("R13 NUL", request("POST /predict/notes%00x HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R14 long name", request(f"POST /predict/{'m' * 5000} HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R15 CRLF", request("POST /predict/notes%0d%0aX-Evil:1 HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    # framing
    ("F01 length too short", request(length="5"), 400, "BAD_JSON"),
    ("F02 length too long", request(length=str(len(GOOD) + 10)), 408, "BODY_TOO_SLOW"),
    ("F03 no length", request(length=None), 400, "EMPTY_BODY"),
    ("F04 negative length", request(length="-5"), 400, PARSER),
    ("F05 length +5", request(length="+5"), 400, PARSER),
    ("F06 two lengths", request(headers=["Content-Length: 5"]), 400, PARSER),
    ("F07 chunked", chunked(chunks(GOOD)), 200, ""),
    # The parser drops the Content-Length (RFC 9112, 6.3, allows it): one answer, nothing smuggled.
    ("F08 length and chunked", chunked(chunks(GOOD), length="true"), 200, ""),
    ("F09 xchunked", chunked(chunks(GOOD), ["Transfer-Encoding: xchunked"]), 400, PARSER),
    ("F10 chunk size zz", chunked(b"zz\r\nabc\r\n0\r\n\r\n"), 400, "EMPTY_BODY"),
    ("F11 chunk cut off", chunked(b"ffff\r\n{}"), 408, "BODY_TOO_SLOW"),
    ("F12 70000 chunks", chunked(b"1\r\nA\r\n" * 70_000 + b"0\r\n\r\n"), 400, "TOO_MANY_CHUNKS"),
    ("F13 20 MB chunked", chunked(chunks(b" " * 20_000_000)), 413, "BODY_TOO_LARGE"),
    ("F14 long URL", request(f"POST {PATH}?{'a' * 20_000} HTTP/1.1"), 414, "URI_TOO_LONG"),
    ("F15 long header", request(headers=["X-A: " + "a" * 20_000]), 431, "HEADERS_TOO_LARGE"),
    ("F16 300 headers", request(headers=[f"X-{number}: 1" for number in range(300)]), 431, PARSER),
    ("F17 no colon", request(headers=["BadHeader"]), 400, PARSER),
    ("F18 space before colon", request(headers=["X-A : 1"]), 400, PARSER),
    ("F19 folded", request(headers=["X-A: 1", "  folded"]), 400, PARSER),
    ("F20 bare LF", request().replace(b"\r\n", b"\n"), 200, ""),
    ("F21 NUL in header", request(headers=["X-A: a\0b"]), 400, PARSER),
    ("F22 no Host", request(host=[]), 400, "BAD_HOST"),
    ("F23 two Hosts", request(host=["Host: a", "Host: b"]), 400, "BAD_HOST"),
    ("F24 HTTP/9.9", request(f"POST {PATH} HTTP/9.9"), 400, PARSER),
    ("F25 HTTP/0.9", f"GET {PATH}\r\n\r\n".encode(), 400, PARSER),
    ("F27 TLS", bytes.fromhex("16030100c8010000c40303") + bytes(190), 400, PARSER),
    ("F28 binary", bytes(range(256)) + b"x" * 44 + b"\r\n\r\n", 400, PARSER),
    ("F30 Expect", request(headers=["Expect: 200-maybe"]), 417, "EXPECTATION_FAILED"),
    ("F32 h2c", request(headers=["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]), 200, ""),
    ("B19 chunked twice", chunked(chunks(GOOD), ["Transfer-Encoding: chunked"] * 2), 400, "BAD_FRAMING"),
]  # fmt: skip


def exchange(port: int, data: bytes, seconds: float = 10) -> bytes:
    """Send bytes, read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        with contextlib.suppress(ConnectionError):  # refused before all was taken: the answer is there to read
            connection.sendall(data)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while block := connection.recv(65536):
                answer += block
    return answer


@pytest.mark.parametrize(("data", "status", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_bad_input_has_its_answer(service: Serving, data: bytes, status: int, code: str | None) -> None:
    """One answer, exact status and code, no internals; afterwards health and the next good request are fine."""
    answer = exchange(service.port, data)
    assert [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)] == [status]
    head, _, body = answer.partition(b"\r\n\r\n")
    if code is PARSER:
        assert body == b""
    else:
        document = json.loads(body)
        assert document.get("code", "") == code
        if status != 200:
            assert set(document) <= {"error", "code", "field", "request_id"}
            assert isinstance(document["error"], str)
    assert not re.search(rb"Traceback|\.py|/home|/tmp|0x[0-9a-f]{6}|X-Evil", head + body.replace(b"X-Evil:1", b""))
    assert call(service.admin_port, "GET", "/livez").status == 200
    assert predict(service.port, "notes", [[32, 3, 0.3]]).json["predictions"] == pytest.approx([5.3], abs=1e-5)


def test_an_http2_preface_is_closed_in_silence(service: Serving) -> None:
    """F26: this port speaks HTTP/1.1; the parser closes."""
    assert exchange(service.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == b""


def test_a_client_that_waits_for_100_gets_it(service: Serving) -> None:
    """F29: 100, then the answer; 413 without 100 where the body is too large."""
    good = exchange(service.port, request(headers=["Expect: 100-continue"]))
    assert re.findall(rb"HTTP/1\.1 (\d{3})", good) == [b"100", b"200"]
    large = exchange(service.port, request(body=b"", length="20000000", headers=["Expect: 100-continue"]))
    assert re.findall(rb"HTTP/1\.1 (\d{3})", large) == [b"413"]


def test_pipelined_requests_are_answered_in_order(service: Serving) -> None:
    """F31: three requests, three answers, each its own."""
    kept = [request(body=rows(f"[[{area},0,0]]")).replace(b"Connection: close\r\n", b"") for area in (10, 20)]
    answer = exchange(service.port, b"".join(kept) + request(body=rows("[[30,0,0]]")))
    assert re.findall(rb'"predictions":\[([\d.]+)\]', answer) == [b"1.0", b"2.0", b"3.0"]


@pytest.mark.parametrize("half", [b"POST /predict/notes HTTP/1.1\r\nHost: a\r\nContent-Len", request(length="100")])
def test_many_half_sent_requests_hold_nobody_up(service: Serving, half: bytes) -> None:
    """S01, S02: 100 clients stop in mid-head or mid-body; others are served at once, and each is cut off in time."""
    connections = [socket.create_connection(("127.0.0.1", service.port), 20) for _ in range(100)]
    try:
        for connection in connections:
            connection.sendall(half)
        assert predict(service.port, "notes", [[32, 3, 0.3]]).status == 200
        assert call(service.port, "GET", "/livez", timeout=1).status == 200
        for connection in connections:
            connection.settimeout(BODY_TIMEOUT + 8)
            assert connection.recv(65536)[:12] in (b"", b"HTTP/1.1 408")
    finally:
        for connection in connections:
            connection.close()


def test_clients_that_leave_do_no_harm(service: Serving) -> None:
    """S06: 100 callers are gone before the answer; no traceback, and the next request is answered."""
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
            connection.sendall(request())
    assert predict(service.port, "notes", [[32, 3, 0.3]]).status == 200
    assert "Traceback" not in service.output()
