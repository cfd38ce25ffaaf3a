"""Hostile bytes on a raw socket against the production edge: exact status and code, and the service unharmed.

The rows are those of `tests/hostile/`; each is sent over both backends.
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from tests.hostile import BODILESS, CASES, CSV, LONG, chunked, chunks, publish, request
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = [pytest.mark.live, pytest.mark.beside]

BODY_TIMEOUT = 1.5
# What an answer must never tell: files, modules, addresses, processes, or a header that was sent as a name.
INTERNALS = re.compile(
    rb"Traceback|\.py\b|/home|/tmp|/usr|site-packages|0x[0-9a-f]{6}|\bpid\b|"
    rb"\b(flask|werkzeug|orjson|numpy|protobuf|onnxruntime|torch)\b|[a-z]Error\b|\nX-Evil",
    re.IGNORECASE,
)


@pytest.fixture(scope="module", params=["onnxruntime", pytest.param("torchserve", marks=pytest.mark.slow)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The production edge over each backend, with short deadlines for bodies."""
    folder = tmp_path_factory.mktemp("serve")
    publish(folder / "registry")
    patience = str(BODY_TIMEOUT)
    settings = {"body_timeout": patience, "bulk_patience": patience, "drain_delay": "0"}
    with serving(folder / "registry", folder, backend=request.param, **settings) as service:
        yield service


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


def is_unharmed(service: Serving) -> bool:
    """Health, and the next good request is answered rightly."""
    assert call(service.admin_port, "GET", "/livez").status == 200
    return bool(predict(service.port, "notes", [[32, 3, 0.3]]).json["predictions"] == pytest.approx([5.3], abs=1e-5))


@pytest.mark.parametrize(("data", "status", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_bad_input_has_its_answer(service: Serving, data: bytes, status: int, code: str | None) -> None:
    """One answer, exact status and code, in time, no internals; afterwards health and the next request are fine."""
    started = time.monotonic()
    answer = exchange(service.port, data)
    assert time.monotonic() - started < 10
    assert [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)] == [status]
    head, _, body = answer.partition(b"\r\n\r\n")
    if code is BODILESS:
        assert body == b""
    elif status != 200:
        document = json.loads(body)
        assert document["code"] == code
        assert set(document) <= {"error", "code", "field", "request_id"}
        assert all(isinstance(value, str) for value in document.values())
        assert len(body) < 1000
    else:
        assert (code or "").encode() in body
        assert re.search(rb'prediction|"error"', body)
        assert not re.search(rb"[\[:,] *-?(NaN|Infinity)", body)
    assert not INTERNALS.search(head + body)
    assert is_unharmed(service)


def test_a_trailer_without_end_ends_a_table_that_is_being_answered(service: Serving) -> None:
    """F12: the answer has begun, so its last line says it; how much of the 20 MB is taken is the service's to say."""
    head = request(length=None, headers=["Transfer-Encoding: chunked"], body=chunks(CSV)[:-2], kind="text/csv")
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(head)
        answer = b""
        while b"5.3" not in answer:
            answer += (block := connection.recv(65536))
            assert block, answer
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"X-A: " + LONG + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while block := connection.recv(65536):
                answer += block
    assert re.findall(rb"HTTP/1\.1 (\d{3})", answer) == [b"200"]
    assert b"BODY_CUT_OFF" in answer
    assert is_unharmed(service)


def test_the_table_is_long_enough() -> None:
    """Each row stands once."""
    assert len({name for name, *_ in CASES}) == len(CASES) >= 150


def test_an_http2_preface_is_refused(service: Serving) -> None:
    """F26: this port speaks HTTP/1.1, and says so."""
    assert exchange(service.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").startswith(b"HTTP/1.1 505 ")


def test_a_client_that_waits_for_100_gets_it(service: Serving) -> None:
    """F29: 100, then the answer; 413 without 100 where the body is too large."""
    good = exchange(service.port, request(headers=["Expect: 100-continue"]))
    assert re.findall(rb"HTTP/1\.1 (\d{3})", good) == [b"100", b"200"]
    large = exchange(service.port, request(body=b"", length="20000000", headers=["Expect: 100-continue"]))
    assert re.findall(rb"HTTP/1\.1 (\d{3})", large) == [b"413"]


def body_of(area: int) -> bytes:
    """One row that costs a tenth of its area."""
    return b'{"instances":[[%d,0,0]]}' % area


def test_pipelined_requests_are_answered_in_order(service: Serving) -> None:
    """F31: three requests, three answers, each its own."""
    kept = [request(body=body_of(area)).replace(b"Connection: close\r\n", b"") for area in (10, 20)]
    answer = exchange(service.port, b"".join(kept) + request(body=body_of(30)))
    assert re.findall(rb'"predictions":\[([\d.]+)\]', answer) == [b"1.0", b"2.0", b"3.0"]


HALVES = {
    "head": b"POST /predict/notes HTTP/1.1\r\nHost: a\r\nContent-Len",
    "body": request(length="100"),
    "8 MiB announced": request(body=b"{", length=str(8 * 2**20)),
    "chunked": chunked(b""),
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES.keys())
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


def test_a_trickling_body_is_cut_off(service: Serving) -> None:
    """S03: a byte now and then does not extend the deadline for the whole."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", service.port), 20) as connection:
        connection.sendall(request(length="100", body=b""))
        connection.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - started < BODY_TIMEOUT + 5:
            connection.sendall(b" ")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408")


def inflight(service: Serving) -> float:
    """Requests being worked on, as the figures say."""
    text = call(service.admin_port, "GET", "/metrics").body.decode()
    return float(re.findall(r"^mulgam_inflight_requests (\S+)$", text, re.M)[0])


def test_clients_that_do_not_read_hold_no_place(service: Serving) -> None:
    """S04: 20 large answers that nobody takes; nothing is in hand any more, others are served."""
    many = b'{"instances":[' + b",".join([b"[32,3,0.3]"] * 10_000) + b"]}"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", service.port))
            connection.sendall(request(body=many))
        wait_until(lambda: inflight(service) == 0, 20, "no request is in hand")
        assert is_unharmed(service)


@pytest.mark.slow
def test_idle_connections_keep_nobody_out(service: Serving) -> None:
    """S05: 1,000 of them stay open after their answer; new clients are served."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    kept = request().replace(b"Connection: close\r\n", b"")
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 20))
            connection.sendall(kept)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert is_unharmed(service)


def resident(service: Serving) -> int:
    """Bytes of memory that the gateway holds."""
    return sum(one.memory_info().rss for one in service.descendants("service.gateway"))


@pytest.mark.slow
def test_floods_of_chunks_leave_nothing_behind(service: Serving) -> None:
    """F12: bodies of 70,000 one-byte chunks: after 250, the memory grows by less than 1 MiB in a hundred.

    In one of three hundreds: what the allocator keeps for other reasons comes once, a leak each time.
    """
    flood = chunked(b"1\r\nA\r\n" * 70_000 + b"0\r\n\r\n")
    for _ in range(250):
        exchange(service.port, flood)
    grown: list[int] = []
    while not grown or (grown[-1] >= 2**20 and len(grown) < 3):
        before = resident(service)
        for _ in range(100):
            assert b"TOO_MANY_CHUNKS" in exchange(service.port, flood)
        grown.append(resident(service) - before)
    assert min(grown) < 2**20, grown
    assert is_unharmed(service)


def test_a_flood_of_refusals_is_told_in_few_lines(service: Serving) -> None:
    """Ten a second of one code have a line each; the rest is counted there, each once."""
    flood = request(body=b"<no/>", kind="text/xml").replace(b"Connection: close\r\n", b"") * 100

    def told() -> list[dict[str, object]]:
        lines = (json.loads(line) for line in service.output().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("code") == "UNSUPPORTED_MEDIA_TYPE"]

    before = len(told())
    answer = exchange(service.port, flood + request())
    assert len(re.findall(rb"HTTP/1\.1 415", answer)) == 100

    def is_whole() -> bool:
        lines = told()[before:]
        return len(lines) < 35 and sum(int(str(line.get("count", 1))) for line in lines) == 100

    wait_until(is_whole, 5, "each of 100 refusals is in the log, in fewer lines")


def test_every_line_of_the_log_is_plain(service: Serving) -> None:
    """After all of the above: one JSON object each, nothing raw of what was sent, no defect."""
    lines = service.output().splitlines()
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if '"level": "error"' in line] == []
