"""The open-loop generator and the clients that are a burden: what they send, count and tell; nothing of how fast."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from service.settings import Settings
from tests.bench import open_loop
from tests.bench.apps.open_loop import Generator, arrivals, is_whole, quantile
from tests.bench.errors import BenchError
from tests.bench.load import Request
from tests.bench.under_load import abuse
from tests.bench.under_load.crowd import crowd
from tests.processes import free_port, wait_until

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PRINTED = json.dumps(
    {"requests": 100, "outcomes": {"200": 97, "503": 2, "closed": 1}, "connections": 7,
     "late": 0.05, "p50": 1.5, "p99": 9.0, "p999": 12.0}
)  # fmt: skip


def test_its_figures_are_read() -> None:
    """What was not answered 200 has failed."""
    found = open_loop.parse(PRINTED, 50.0, generator=0.25)
    assert (found.rate, found.requests, found.failed) == (50.0, 100, 3)
    assert (found.p50, found.p99, found.p999, found.late) == (1.5, 9.0, 12.0, 0.05)
    assert (found.generator, found.connections) == (0.25, 7)


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [("", "it printed nothing"), ("{}", "gave no figures: {}"), ("Traceback\n x", "gave no figures: Traceback x")],
)
def test_a_failing_generator_is_a_sentence(printed: str, sentence: str) -> None:
    """With what it said."""
    with pytest.raises(BenchError, match=sentence):
        open_loop.parse(printed, 1.0)


def test_requests_are_written_whole() -> None:
    """Head and body, with the body's length."""
    request = Request("/p", {"A": "b"}, [b"xy", b""])
    head = b"POST /p HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\nContent-Length: "
    assert open_loop.written(request) == [head + b"2\r\n\r\nxy", head + b"0\r\n\r\n"]


def test_arrivals_are_drawn_at_the_rate() -> None:
    """In order, within the time, the same every time; their gaps scatter as a Poisson process' do."""
    found = arrivals(1000, 10)
    gaps = np.diff(found)
    assert found == arrivals(1000, 10)
    assert len(found) == pytest.approx(10_000, rel=0.05)
    assert min(gaps) >= 0
    assert found[-1] < 10
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.05)


def test_a_quantile_is_one_of_the_values() -> None:
    """The least that is not exceeded by such a share; p99.9 of few is the greatest."""
    values = list(range(1, 101))
    assert [quantile(values, share) for share in (0.5, 0.99, 0.999)] == [50, 99, 100]
    assert quantile([], 0.5) == 0


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (ANSWER, True), (ANSWER[:-1], False), (ANSWER[:20], False),
        (b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 10\r\nA: b\r\n\r\n0123456789", True),
        (b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 10\r\nA: b\r\n\r\n012345678", False),
    ],
)  # fmt: skip
def test_an_answer_is_awaited_to_its_end(data: bytes, whole: bool) -> None:
    """By its Content-Length, in either case."""
    assert is_whole(data) is whole


@contextlib.contextmanager
def listening(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does something with each connection, in a thread of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    made, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(made,), daemon=True).start()

        def serve(made: socket.socket) -> None:
            with made, contextlib.suppress(OSError):
                act(made)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def test_requests_do_not_wait_for_answers() -> None:
    """Three that are due at once have a connection each; a latency counts from when the request was due."""

    def slowly(made: socket.socket) -> None:
        while made.recv(1000):
            time.sleep(0.1)
            made.sendall(ANSWER[:30])
            time.sleep(0.01)
            made.sendall(ANSWER[30:])

    with listening(slowly) as port:
        generator = Generator(port, [b"x"])
        generator.run([0.0, 0.0, 0.0, 0.5])
        generator.close()
    assert generator.outcomes == {"200": 4}
    assert generator.most_connections >= 3
    assert len(generator.latencies) == len(generator.late) == 4
    assert min(generator.latencies) >= 0.1


def test_a_request_waits_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there may be no more of them; its latency has that wait in it."""

    def slowly(made: socket.socket) -> None:
        while made.recv(1000):
            time.sleep(0.1)
            made.sendall(ANSWER)

    monkeypatch.setattr("tests.bench.apps.open_loop.MOST_CONNECTIONS", 1)
    with listening(slowly) as port:
        generator = Generator(port, [b"x"])
        generator.run([0.0, 0.0, 0.0])
        generator.close()
    assert generator.outcomes == {"200": 3}
    assert generator.most_connections == 1
    assert sorted(generator.latencies)[1] >= 0.2
    assert max(generator.latencies) >= 0.3


def test_a_request_without_an_answer_is_counted() -> None:
    """Closed before its answer, or never connected."""

    def hang_up(made: socket.socket) -> None:
        made.recv(1000)

    with listening(hang_up) as port:
        generator = Generator(port, [b"x"])
        generator.run([0.0, 0.05])
        generator.close()
    assert generator.outcomes == {"closed": 2}
    nobody = Generator(free_port(), [b"x"])
    nobody.run([0.0])
    nobody.close()
    assert nobody.outcomes == {"closed": 1}


def body(request: bytes) -> bytes:
    """Of a whole request; its length is the one that the head tells."""
    head, _, found = request.partition(b"\r\n\r\n")
    assert head.endswith(f"Content-Length: {len(found)}".encode())
    return found


def test_the_largest_body_is_the_largest_that_is_allowed() -> None:
    """In bytes and in rows, and valid: one that is refused would say nothing."""
    limits = Settings()
    found = body(abuse.largest_body("mlp"))
    assert len(found) == limits.max_body_bytes
    assert np.array(json.loads(found)["instances"]).shape == (limits.max_rows, 8)
    assert len(json.loads(body(abuse.large_answer("mlp")))["instances"]) == limits.max_rows


def test_a_dripped_table_lasts() -> None:
    """Longer than any measurement; its lines have as many columns as the head."""
    from tests.bench.apps.abusers import DRIP_BYTES, DRIP_SECONDS

    found = body(abuse.dripped_table("mlp"))
    assert len(found) / DRIP_BYTES * DRIP_SECONDS > 60
    assert Settings().bulk_min_rate < DRIP_BYTES / DRIP_SECONDS
    assert {line.count(b",") for line in found.splitlines()} == {7}


def test_a_crowd_tells_what_became_of_it() -> None:
    """Who was refused comes again; what each was answered is told at the end of the block."""
    asked = []

    def refuse(made: socket.socket) -> None:
        asked.append(made.recv(1000))
        made.sendall(ANSWER.replace(b"200 OK", b"503 No"))

    with listening(refuse) as port, crowd("half", 3, port, b"POST / HTTP/1.1\r\n\r\nbody", None) as told:
        wait_until(lambda: len(asked) >= 6, 30, "all have come again")
        assert told.outcomes == {}
    assert set(told.outcomes) == {"503"}
    assert told.outcomes["503"] >= 3
    assert set(asked) == {b"POST / HTTP/1.1\r\n\r\nbo"}


def test_who_leaves_sends_all_or_a_part_and_is_gone() -> None:
    """Without waiting for an answer; each comes again and is counted."""
    sent: list[bytes] = []

    def silent(made: socket.socket) -> None:
        whole = b""
        with contextlib.suppress(ConnectionResetError):
            while part := made.recv(1000):
                whole += part
        sent.append(whole)

    head, content = b"POST / HTTP/1.1\r\n\r\n", b"0123456789"
    with listening(silent) as port, crowd("leave", 4, port, head + content, None) as told:
        wait_until(lambda: len(sent) >= 20, 60, "they have come again")
    assert told.outcomes["left"] >= 15
    assert head + content in sent
    assert {one for one in sent if one != head + content} & {head + content[:cut] for cut in range(10)}


def test_a_crowd_that_can_not_begin_is_a_sentence() -> None:
    """With what it said."""
    with pytest.raises(BenchError, match=r"did not begin: .*KeyError: 'none'"), crowd("none", 1, 1, b"", None):
        pass
