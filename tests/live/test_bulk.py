"""Tables over HTTP against the real service: large ones, slow ones, and clients that do not behave."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = pytest.mark.live

PATIENCE = 1.0
PLACES = 2
MAX_ROWS = 250_000
LIMITS = {
    "bulk_patience": str(PATIENCE), "bulk_requests": str(PLACES), "bulk_max_rows": str(MAX_ROWS),
    "bulk_max_bytes": str(30_000_000),
}  # fmt: skip


@pytest.fixture(scope="module")
def service(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The production edge over the in-process backend, impatient."""
    with serving(registry.root, tmp_path_factory.mktemp("serve"), backend="onnxruntime", **LIMITS) as service:
        yield service


def table(rows: int) -> bytes:
    """`notes`' features with an id; the price of row n is n % 100 × 0.1 + 0.3."""
    return b"id,area,rooms,distance\n" + b"".join(b"%d,%d,1,0\n" % (row, row % 100) for row in range(rows))


def check(answer: bytes, rows: int) -> None:
    """Every row is there, in order, with its own price."""
    lines = answer.decode().splitlines()
    assert lines[0] == "id,prediction,error"
    assert len(lines) == rows + 1
    for number, line in enumerate(lines[1:]):
        identity, price, error = line.split(",")
        assert (identity, error) == (str(number), "")
        assert float(price) == pytest.approx(number % 100 * 0.1 + 0.3, abs=1e-4)


def head(length: int | None, query: str = "?keep=id") -> bytes:
    """A request's head."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST /predict/notes{query} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n{framing}\r\n\r\n".encode()


def post(service: Serving, body: bytes, query: str = "?keep=id", **headers: str) -> tuple[int, bytes]:
    """Send everything, then read the answer."""
    reply = call(service.port, "POST", f"/predict/notes{query}", body, 60, content_type="text/csv", **headers)
    return reply.status, reply.body


def gateway_rss(service: Serving) -> int:
    """Bytes that the gateway process holds."""
    (gateway,) = service.descendants("service.gateway")
    rss: int = gateway.memory_info().rss
    return rss


def free_again(service: Serving) -> None:
    """Every place for bulk requests is free: all can be taken at once."""

    def all_free() -> bool:
        replies: list[int] = []
        threads = [
            threading.Thread(target=lambda: replies.append(post(service, table(2000))[0])) for _ in range(PLACES)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return replies == [200] * PLACES

    wait_until(all_free, 10, "the places are free")


def test_many_rows_stream_in_bounded_memory(service: Serving) -> None:
    """200,000 rows by a client that sends all of it before it reads: each answered, the process no larger for it."""
    check(post(service, table(2000))[1], 2000)
    before = gateway_rss(service)
    largest = before
    body = table(200_000)
    done = threading.Event()

    def watch() -> None:
        nonlocal largest
        while not done.wait(0.02):
            largest = max(largest, gateway_rss(service))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        status, answer = post(service, body * 1)
    finally:
        done.set()
        watcher.join()
    assert status == 200
    check(answer, 200_000)
    assert largest - before < 32 * 2**20


def test_answers_come_while_rows_are_still_sent(service: Serving) -> None:
    """A client may wait for the answers to the first rows before it sends more."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    asked = threading.Event()

    def rows() -> Iterator[bytes]:
        yield b"id,area,rooms,distance\n0,0,1,0\n"
        assert asked.wait(10)
        yield b"1,1,1,0\n"

    headers = {"content-type": "text/csv", "transfer-encoding": "chunked"}
    sending = threading.Thread(
        target=connection.request, args=("POST", "/predict/notes?keep=id", rows(), headers),
        kwargs={"encode_chunked": True},
    )  # fmt: skip
    sending.start()
    try:
        wait_until(lambda: connection.sock is not None, 5, "it is connected")
        connection.sock.settimeout(5)
        first = b""
        while b"0,0.3,\n" not in first:
            block = connection.sock.recv(4096)
            assert block
            first += block
    finally:
        asked.set()
        sending.join()
    rest = b""
    with contextlib.suppress(TimeoutError):
        while b"1,0.4,\n" not in rest:
            rest += connection.sock.recv(4096)
    connection.close()
    assert b"1,0.4,\n" in rest


def test_dripping_uploads_hold_nobody_up(service: Serving) -> None:
    """100 clients send a byte now and then: others are answered at once, and each of the 100 is soon refused."""
    dripping = [socket.create_connection(("127.0.0.1", service.port), 20) for _ in range(100)]
    answers: list[bytes] = []
    try:
        for one in dripping:
            with contextlib.suppress(ConnectionError):
                one.sendall(head(1_000_000) + b"id,area,")
        slowest = 0.0
        for _ in range(50):
            started = time.monotonic()
            assert predict(service.port, "notes", [[32, 3, 0.3]]).status == 200
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 0.5
        for one in dripping:
            one.settimeout(PATIENCE + 8)
            with contextlib.suppress(ConnectionError):
                answers.append(one.recv(65536)[9:12])
    finally:
        for one in dripping:
            one.close()
    assert set(answers) == {b"408", b"503"}
    assert answers.count(b"408") == PLACES
    free_again(service)


def test_an_upload_that_starts_to_drip_ends_with_an_error_in_its_last_row(service: Serving) -> None:
    """After the 200 there is no status any more: the row at which it broke says why, and those before it stand."""
    with socket.create_connection(("127.0.0.1", service.port), 20) as connection:
        connection.sendall(head(1_000_000) + table(3) + b"3,3,")
        answer = b""
        while b"0\r\n\r\n" not in answer:
            block = connection.recv(65536)
            assert block
            answer += block
    assert b" 200 " in answer[:20]
    assert re.findall(rb"(\d?,[\d.]*,)(\w*)", answer.partition(b"error")[2]) == [
        (b"0,0.3,", b""), (b"1,0.4,", b""), (b"2,0.5,", b""), (b",,", b"BODY_TOO_SLOW"),
    ]  # fmt: skip


def test_clients_that_leave_give_their_place_back(service: Serving) -> None:
    """In the middle of sending, and in the middle of reading; without a traceback."""
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
            connection.sendall(head(10_000_000) + table(5000))
            connection.recv(100)
        with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
            connection.sendall(head(None) + b"5\r\nid,ar\r\n")
        wait_until(lambda: post(service, table(1))[0] == 200, 10, "there is a place")
    free_again(service)
    assert "Traceback" not in service.output()


def test_a_client_that_does_not_read_is_hung_up_on(service: Serving) -> None:
    """It gets what fits into the sockets' buffers; then its connection ends, and its place is free."""
    # More than any buffers take: each row's answer has a long id.
    body = b"id,area,rooms,distance\n" + b"".join(b"%0800d,1,1,0\n" % row for row in range(30_000))
    with socket.create_connection(("127.0.0.1", service.port), 60) as connection:
        connection.sendall(head(len(body)) + body)
        free_again(service)
        assert predict(service.port, "notes", [[32, 3, 0.3]]).status == 200
        taken = 0
        with contextlib.suppress(ConnectionError):
            while block := connection.recv(2**20):
                taken += len(block)
    assert taken < len(body)


def test_more_at_a_time_than_there_are_places_for_are_told_to_come_back(service: Serving) -> None:
    """503 with Retry-After, counted; single predictions go on."""
    with contextlib.ExitStack() as held:
        for _ in range(PLACES):
            one = held.enter_context(socket.create_connection(("127.0.0.1", service.port), 5))
            one.sendall(head(1_000_000) + table(100))
            assert one.recv(12) == b"HTTP/1.1 200"
        reply = call(service.port, "POST", "/predict/notes?keep=id", table(1), content_type="text/csv")
        assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "OVERLOADED", "1")
        assert predict(service.port, "notes", [[32, 3, 0.3]]).status == 200
    free_again(service)


def test_limits_are_kept(service: Serving) -> None:
    """Too large by its announced length: 413 at once; inflated, or by its rows: where it shows."""
    with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
        connection.sendall(head(40_000_000))
        assert connection.recv(12) == b"HTTP/1.1 413"
    # More than a batch of good rows, so that there is an answer before it shows; and without them.
    for good, expected in ((600, 200), (0, 413)):
        bomb = gzip.compress(b"area,rooms,distance\n" + b"1,2,3\n" * good + b" " * 40_000_000)
        status, answer = post(service, bomb, "", content_encoding="gzip")
        assert (status, b"BODY_TOO_LARGE" in answer.splitlines()[-1]) == (expected, True)
    rows = b"area,rooms,distance\n" + b"1,1,1\n" * (MAX_ROWS + 5)
    status, answer = post(service, gzip.compress(rows), "", content_encoding="gzip")
    lines = answer.splitlines()
    assert (status, len(lines)) == (200, MAX_ROWS + 2)
    assert lines[-1].startswith(b",TOO_MANY_ROWS")


@pytest.mark.beside
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_table_at_its_limit_took_no_memory(registry: Registry, tmp_path: Path) -> None:
    """Two million rows are answered, the next one says that there are too many, the process is no larger for it.

    They stand for the ten millions of the default: ten times as many as above, and still no memory by the row.
    """
    most = 2_000_000
    limits = {"bulk_max_rows": str(most), "bulk_max_bytes": str(10**9)}
    with serving(registry.root, tmp_path, backend="onnxruntime", **limits) as service:
        check(post(service, table(2000))[1], 2000)
        before = largest = gateway_rss(service)
        deflater = zlib.compressobj(1, wbits=31)
        head = deflater.compress(b"area,rooms,distance\n")
        body = head + b"".join(deflater.compress(b"33,3,0.5\n" * 10_000) for _ in range(most // 10_000))
        body += deflater.compress(b"33,3,0.5\n" * 5) + deflater.flush()
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        headers = {"content-type": "text/csv", "content-encoding": "gzip"}
        connection.request("POST", "/predict/notes", body, headers)
        answer = connection.getresponse()
        lines, last = 0, b""
        while block := answer.read(2**20):
            lines += block.count(b"\n")
            last = (last + block)[-200:]
            largest = max(largest, gateway_rss(service))
        connection.close()
    assert answer.status == 200
    assert lines == most + 2
    assert last.splitlines()[-1].startswith(b",TOO_MANY_ROWS")
    assert largest - before < 32 * 2**20


def test_tables_are_counted(service: Serving) -> None:
    """Under their own protocols."""
    post(service, table(1))
    call(service.port, "POST", "/predict/notes", b"[1,2,3]\n", content_type="application/x-ndjson")

    def counted(protocol: str) -> bool:
        text = call(service.admin_port, "GET", "/metrics").body.decode()
        return f'mulgam_requests_total{{code="200",model="notes",protocol="{protocol}",version="1"}}' in text

    wait_until(lambda: counted("csv") and counted("ndjson"), 3, "both protocols are counted")


@pytest.mark.beside
def test_torchserve_answers_tables_too(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> None:
    """20,000 rows, good and bad mixed: every row in its place."""
    with serving(registry.root, tmp_path_factory.mktemp("serve")) as service:
        check(post(service, table(20_000))[1], 20_000)
        lines = table(2000).splitlines(keepends=True)
        lines[8], lines[1000] = b"7,x,1,0\n", b"999,1\n"
        status, answer = post(service, b"".join(lines))
        answers = answer.decode().splitlines()
        assert (status, len(answers)) == (200, 2001)
        assert answers[8].startswith('7,,"WRONG_TYPE: area must be a number')
        assert answers[1000].startswith(',,"RAGGED')
        assert sum(line.endswith(",") for line in answers) == 1998
