"""The HTTP client over a Unix socket: connections are kept, and every way to break an answer ends in one error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service.backends.http import ConnectionLostError, Reply, UnixClient
from tests.service.fake_server import Script, http, serving


def run(path: Path, script: Script, work: Callable[[UnixClient, list[bytes]], Awaitable[None]], **options: int) -> None:
    """Run `work` with a client of a server that follows the script."""

    async def session() -> None:
        async with serving(path, script) as requests:
            client = UnixClient(str(path), **options)
            try:
                await work(client, requests)
            finally:
                await client.close()

    asyncio.run(session())


async def post(client: UnixClient) -> Reply:
    """One request with a deadline, so that no test can hang."""
    return await asyncio.wait_for(client.post("/x", {"A": "b"}, b"hello"), 5)


def test_an_answer_comes_with_status_headers_and_body(tmp_path: Path) -> None:
    """And the server got method, target, headers and body as given."""

    async def work(client: UnixClient, requests: list[bytes]) -> None:
        reply = await post(client)
        assert (reply.status, reply.headers["x-y"], reply.body) == (201, "z", b"answer")
        assert requests == [b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nA: b\r\n\r\nhello"]

    run(tmp_path / "s", lambda number, request: http(201, b"answer", "X-Y: z\r\n"), work)


def test_a_connection_that_was_closed_meanwhile_is_replaced(tmp_path: Path) -> None:
    """The server drops a kept connection on the next request: it is sent again on a fresh one, once."""

    async def work(client: UnixClient, requests: list[bytes]) -> None:
        assert (await post(client)).status == 200
        assert (await post(client)).status == 200
        assert len(requests) == 3

    run(tmp_path / "s", lambda number, request: None if number == 2 else http(200, b""), work)


def test_a_fresh_connection_that_is_closed_is_an_error(tmp_path: Path) -> None:
    """A server that takes the request and goes away may have computed it: that is for the caller to decide."""

    async def work(client: UnixClient, requests: list[bytes]) -> None:
        with pytest.raises(ConnectionLostError):
            await post(client)
        assert len(requests) == 1

    run(tmp_path / "s", lambda number, request: None, work)


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
def test_an_answer_that_is_no_http_is_an_error(tmp_path: Path, answer: bytes) -> None:
    """No length, a lying one, too much of it, or other bytes altogether."""

    async def work(client: UnixClient, requests: list[bytes]) -> None:
        with pytest.raises(ConnectionLostError):
            await post(client)

    run(tmp_path / "s", lambda number, request: answer, work, most=1000)


def test_a_cancelled_call_does_not_leave_its_answer_to_the_next(tmp_path: Path) -> None:
    """A late answer never reaches another request: the connection of a cancelled call is closed."""

    async def work(client: UnixClient, requests: list[bytes]) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post("/x", {}, b"slow"), 0.2)
        reply = await post(client)
        assert reply.body == b"second"

    # The first request is never answered whole: the head alone, as a backend that hangs in mid-answer.
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    run(tmp_path / "s", lambda number, request: first if number == 1 else http(200, b"second"), work)


def test_nobody_listening_is_an_error(tmp_path: Path) -> None:
    """No socket, no wait."""

    async def work() -> None:
        with pytest.raises(ConnectionLostError):
            await post(UnixClient(str(tmp_path / "none")))

    asyncio.run(work())


def test_connections_are_kept_and_shared_in_turn(tmp_path: Path) -> None:
    """Ten calls one after the other take one connection; ten at once take ten, and only `idle` are kept."""

    async def work(client: UnixClient, requests: list[bytes]) -> None:
        for _ in range(10):
            await post(client)
        assert len(client._kept) == 1
        await asyncio.gather(*(post(client) for _ in range(10)))
        assert len(client._kept) <= 4

    run(tmp_path / "s", lambda number, request: http(200, b""), work, idle=4)
