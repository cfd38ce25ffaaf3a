"""The HTTP client over Unix socket and TCP: connections are kept, every way to break an answer ends in one error."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service.backends.http import BrokenAnswerError, ConnectionLostError, HttpClient, Reply, authority
from tests.processes import free_port
from tests.service.fake_server import Script, http, serving

Where = Path | int


@pytest.fixture(params=["unix", "tcp"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """A Unix socket, or a port."""
    return tmp_path / "s" if request.param == "unix" else free_port()


def address(where: Where) -> str | tuple[str, int]:
    """As the client wants it."""
    return ("127.0.0.1", where) if isinstance(where, int) else str(where)


def run(
    where: Where, script: Script, work: Callable[[HttpClient, list[bytes]], Awaitable[None]], **options: int
) -> None:
    """Run `work` with a client of a server that follows the script."""

    async def session() -> None:
        async with serving(where, script) as requests:
            client = HttpClient(address(where), **options)
            try:
                await work(client, requests)
            finally:
                await client.close()

    asyncio.run(session())


async def post(client: HttpClient) -> Reply:
    """One request with a deadline, so that no test can hang."""
    return await asyncio.wait_for(client.post("/x", {"A": "b"}, b"hello"), 5)


def test_an_answer_comes_with_status_headers_and_body(where: Where) -> None:
    """And the server got method, target, headers and body as given."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        reply = await post(client)
        assert (reply.status, reply.header("x-y"), reply.body) == (201, "z", b"answer")
        host = f"127.0.0.1:{where}" if isinstance(where, int) else "localhost"
        assert requests == [f"POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nA: b\r\n\r\nhello".encode()]

    run(where, lambda number, request: http(201, b"answer", "X-Y: z\r\n"), work)


def test_a_connection_that_was_closed_meanwhile_is_replaced(where: Where) -> None:
    """The server drops a kept connection on the next request: it is sent again on a fresh one, once."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        assert (await post(client)).status == 200
        assert (await post(client)).status == 200
        assert len(requests) == 3

    run(where, lambda number, request: None if number == 2 else http(200, b""), work)


def test_a_fresh_connection_that_is_closed_is_an_error(where: Where) -> None:
    """A server that takes the request and goes away may have computed it: that is for the caller to decide."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        with pytest.raises(ConnectionLostError) as caught:
            await post(client)
        assert not isinstance(caught.value, BrokenAnswerError)
        assert len(requests) == 1

    run(where, lambda number, request: None, work)


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 two-hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_an_error(where: Where, answer: bytes) -> None:
    """No length, a lying one, too much of it, or other bytes altogether."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        with pytest.raises(BrokenAnswerError):
            await post(client)

    run(where, lambda number, request: answer, work, most=1000)


def test_a_cancelled_call_does_not_leave_its_answer_to_the_next(where: Where) -> None:
    """A late answer never reaches another request: the connection of a cancelled call is closed."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post("/x", {}, b"slow"), 0.2)
        reply = await post(client)
        assert reply.body == b"second"

    # The first request is never answered whole: the head alone, as a backend that hangs in mid-answer.
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    run(where, lambda number, request: first if number == 1 else http(200, b"second"), work)


def test_nobody_listening_is_an_error(where: Where) -> None:
    """No socket, no wait."""

    async def work() -> None:
        with pytest.raises(ConnectionLostError):
            await post(HttpClient(address(where)))

    asyncio.run(work())


def test_connections_are_kept_and_shared_in_turn(where: Where) -> None:
    """Ten calls one after the other take one connection; ten at once take ten, and only `idle` are kept."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        for _ in range(10):
            await post(client)
        assert len(client._kept) == 1
        await asyncio.gather(*(post(client) for _ in range(10)))
        assert len(client._kept) <= 4

    run(where, lambda number, request: http(200, b""), work, idle=4)


def test_small_requests_do_not_wait_on_tcp() -> None:
    """Nagle's algorithm is off, and IPv6 addresses are written as HTTP wants them."""

    async def work(client: HttpClient, requests: list[bytes]) -> None:
        await post(client)
        transport = client._kept[0]._transport
        assert transport is not None
        assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    run(free_port(), lambda number, request: http(200, b""), work)
    assert authority("::1", 80) == "[::1]:80"
