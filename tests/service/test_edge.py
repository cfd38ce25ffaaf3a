"""The production edge on a real socket, in front of a small app."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, request

from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.edge import Edge
from service.http1.listener import Listener
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import Catalogue
from service.wsgi import RECEIVED
from tests.processes import Reply, call, free_port, wait_until

LIMIT = 1000
DEADLINE = 0.4


class Running:
    """An edge with the app behind it, served on a port of its own."""

    def __init__(self, **settings: Any) -> None:
        self.port = free_port()
        self.hold = threading.Event()
        limits = {"max_body_bytes": LIMIT, "body_timeout": DEADLINE, **settings}
        self.plane = DataPlane(Settings(**limits), Catalogue([]), OnnxRuntimeBackend([], "cpu"), Metrics())
        self.edge = Edge(self._app(), self.plane)
        self._bridge = Bridge()
        self._listener = self._bridge.run(self._start())
        wait_until(self._answers, 10, "the edge answers")

    @property
    def inflight(self) -> int:
        """Requests being worked on."""
        return self.plane.metrics.inflight_now

    def count(self, name: str, **labels: str) -> float:
        """A series' present value."""
        return self.plane.metrics.registry.get_sample_value(name, labels) or 0.0

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request."""
        return call(self.port, method, path, body, timeout=10, **headers)

    def is_listening(self) -> bool:
        """Whether a new connection is taken."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self) -> None:
        """Stop serving, as the gateway does."""
        self._bridge.run(self._stop())

    def close(self) -> None:
        """End everything."""
        self.hold.set()
        self.stop()
        self._bridge.run(self._release())
        self._bridge.close()

    def _app(self) -> Flask:
        app = Flask("small")

        @app.route("/echo", methods=["GET", "POST"])
        def echo() -> dict[str, Any]:
            since = time.perf_counter() - request.environ[RECEIVED]
            return {"body": request.get_data(as_text=True), "since": since, "path": request.path}

        @app.get("/hold")
        def hold() -> str:
            self.hold.wait(10)
            return "held"

        @app.get("/<path:rest>")
        def other(rest: str) -> dict[str, str]:
            return {"path": request.path, "host": request.host}

        return app

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.call("GET", "/echo").status == 200
        return False

    async def _start(self) -> Listener:
        listener = Listener(self.edge, self.plane.settings.body_timeout, self.plane.settings.keep_alive)
        await listener.start("127.0.0.1", self.port)
        return listener

    async def _stop(self) -> None:
        await self._listener.finish()

    async def _release(self) -> None:
        await self.edge.close()
        await self.plane.backend.close()


Serve = Callable[..., Running]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts edges with given settings; all are stopped afterwards."""
    with contextlib.ExitStack() as stack:

        def start(**settings: Any) -> Running:
            running = Running(**settings)
            stack.callback(running.close)
            return running

        yield start


def test_a_request_reaches_the_app_whole(serve: Serve) -> None:
    """Method, path and body; the answer's headers and body come back."""
    answer = serve().call("POST", "/echo", "물감".encode(), content_type="text/plain")
    assert (answer.status, answer.json["body"]) == (200, "물감")
    assert answer.headers["content-type"] == "application/json"


def test_more_than_it_takes_is_refused_at_once(serve: Serve) -> None:
    """503 with Retry-After in the one shape, counted; the others are answered, and then there is room again."""
    running = serve(max_inflight=2)
    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(running.call, "GET", "/hold") for _ in range(2)]
        wait_until(lambda: running.inflight == 2, 5, "two requests are held")
        refused = running.call("GET", "/echo", x_request_id="mine-1")
        running.hold.set()
        assert [one.result().status for one in held] == [200, 200]
    assert (refused.status, refused.json["code"], refused.json["request_id"]) == (503, "OVERLOADED", "mine-1")
    assert (refused.headers["retry-after"], refused.headers["x-request-id"]) == ("1", "mine-1")
    assert running.count("mulgam_rejected_total", reason="overloaded") == 1
    labels = {"model": "none", "version": "none", "protocol": "http"}
    assert running.count("mulgam_requests_total", code="503", **labels) == 1
    wait_until(lambda: running.inflight == 0, 5, "nothing is held any more")
    assert running.call("GET", "/echo").status == 200


def test_draining_closes_each_connection(serve: Serve) -> None:
    """Answers go on, and tell clients and load balancers to go elsewhere."""
    running = serve()
    assert "connection" not in running.call("GET", "/echo").headers
    running.plane.drain()
    answer = running.call("GET", "/echo")
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_stop_lets_requests_in_hand_finish(serve: Serve) -> None:
    """What was taken is answered; nothing new is."""
    running = serve()
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(running.call, "GET", "/hold")
        wait_until(lambda: running.inflight == 1, 5, "a request is held")
        stopped = threads.submit(running.stop)
        wait_until(lambda: not running.is_listening(), 5, "no new connection is taken")
        assert not stopped.done()
        running.hold.set()
        assert held.result().body == b"held"
        stopped.result(5)


def send_slowly(port: int, head: bytes, parts: list[bytes], pause: float) -> bytes:
    """The answer to a request whose body comes in parts."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):  # refused meanwhile: the answer is there to read
            for part in parts:
                time.sleep(pause)  # the point of the test: the client is slow
                connection.sendall(part)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while block := connection.recv(65536):
                answer += block
    return answer


def head(length: int) -> bytes:
    """The head of a POST."""
    return (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n" % length
    )


def test_time_starts_when_the_body_is_whole(serve: Serve) -> None:
    """A slow client's sending is not counted as the service's time; waiting for a thread is."""
    running = serve(threads=1, body_timeout=5)
    answer = send_slowly(running.port, head(6), [b"ab", b"cd", b"ef"], 0.1)
    since = float(answer.partition(b'"since":')[2].split(b"}")[0])
    assert since < 0.25  # the sending took 0.3 s
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(running.call, "GET", "/hold")
        wait_until(lambda: running.inflight == 1, 5, "the one thread is taken")
        waiting = threads.submit(running.call, "GET", "/echo")
        wait_until(lambda: running.inflight == 2, 5, "another request waits for it")
        came = time.perf_counter()
        time.sleep(0.2)  # the point of the test: the thread stays taken
        waited = time.perf_counter() - came
        running.hold.set()
        assert held.result().status == 200
        assert waiting.result().json["since"] >= waited


def test_a_body_that_does_not_come_is_408(serve: Serve) -> None:
    """At the deadline for the whole body, not for each part of it; a thread was never taken."""
    running = serve()
    started = time.monotonic()
    answer = send_slowly(running.port, head(100), [b"x"] * 3, DEADLINE / 2)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"BODY_TOO_SLOW"' in answer
    assert time.monotonic() - started < DEADLINE * 4
    assert running.inflight == 0


def test_many_slow_clients_take_no_thread(serve: Serve) -> None:
    """With one thread and twenty bodies that do not come, the next request is answered."""
    running = serve(threads=1, body_timeout=5)
    connections = [socket.create_connection(("127.0.0.1", running.port), 5) for _ in range(20)]
    try:
        for connection in connections:
            connection.sendall(head(100) + b"half")
        assert running.call("POST", "/echo", b"whole").status == 200
    finally:
        for connection in connections:
            connection.close()


def test_a_body_over_the_limit_is_413(serve: Serve) -> None:
    """By its announced length, or as soon as the chunks are more than it; at the limit it passes."""
    running = serve()
    assert running.call("POST", "/echo", b"x" * LIMIT).status == 200
    announced = running.call("POST", "/echo", b"x" * (LIMIT + 1))
    assert (announced.status, announced.json["code"]) == (413, "BODY_TOO_LARGE")
    chunk = b"%x\r\n%s\r\n" % (600, b"x" * 600)
    chunked = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    answer = send_slowly(running.port, chunked, [chunk + chunk + b"0\r\n\r\n"], 0)
    assert answer.startswith(b"HTTP/1.1 413")


def test_room_is_kept_for_bytes_that_came_alone(serve: Serve) -> None:
    """Bodies that were announced and do not come keep nobody out; those that came do, counted, until they are gone."""
    running = serve(max_reading_bytes=LIMIT, body_timeout=5)
    chunked = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with contextlib.ExitStack() as stack:
        for half in (head(LIMIT), chunked) * 10:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), 5))
            connection.sendall(half)
        assert running.call("POST", "/echo", b"x" * LIMIT).status == 200
        connection.sendall(b"%x\r\n%s" % (LIMIT, b"x" * (LIMIT - 1)))
        wait_until(lambda: running.call("POST", "/echo", b"xx").status == 503, 5, "there is no room")
        assert send_slowly(running.port, chunked, [b"2\r\nxx\r\n"], 0).startswith(b"HTTP/1.1 503")
        assert running.count("mulgam_rejected_total", reason="reading") >= 2
        assert running.call("POST", "/echo", b"x").status == 200
    wait_until(lambda: running.call("POST", "/echo", b"xx").status == 200, 5, "there is room again")


def test_refusals_are_counted_and_close_the_connection(serve: Serve) -> None:
    """What the app never saw is in the same series under no model, and has an id."""
    running = serve()
    answer = running.call("GET", "/" + "x" * 9000)
    assert (answer.status, answer.json["code"]) == (414, "URI_TOO_LONG")
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"] == answer.json["request_id"]
    labels = {"model": "none", "version": "none", "protocol": "http", "code": "414"}
    assert running.count("mulgam_requests_total", **labels) == 1


@pytest.mark.parametrize(
    "raw",
    [b"/%ff", b"/%00", b"/%f0%9f%8e", b"/a%2fb", b"//a", b"/%EB%AC%BC", b"/a?%ff", b"http://other/a", b"*"],
)
def test_a_strange_path_has_an_answer(serve: Serve, raw: bytes) -> None:
    """Whatever the bytes of the target: an answer of the app or a refusal, never a broken connection."""
    running = serve()
    data = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % raw
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        connection.sendall(data)
        answer = connection.recv(65536)
    assert answer[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 404", b"HTTP/1.1 400")
    assert b"Traceback" not in answer


@pytest.mark.parametrize("host", [b"a b", b"[", b"a:99999999", b"\xff", b"..", b"a/b", b""])
def test_a_strange_host_has_an_answer(serve: Serve, host: bytes) -> None:
    """A Host that is no host name never becomes a server fault."""
    running = serve()
    data = b"GET /a HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        connection.sendall(data)
        answer = connection.recv(65536)
    assert answer[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 400")
