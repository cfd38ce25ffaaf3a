"""Calls over several servers: spread, found anew by name, and away from one that is gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.backends import balanced
from service.backends.balanced import BalancedClient
from service.backends.http import ConnectionLostError, Reply
from tests.processes import free_port
from tests.service.fake_server import Script, http, serving

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def answers(text: str) -> Script:
    """A server that says who it is."""
    return lambda number, request: http(200, text.encode())


def run(
    scripts: dict[str, Script], work: Callable[[BalancedClient, int], Awaitable[None]], name: str | None = None
) -> None:
    """Work with a client of these servers, all on one port; by their addresses, or by a name."""

    async def session() -> None:
        port = free_port()
        async with contextlib.AsyncExitStack() as stack:
            for host, script in scripts.items():
                await stack.enter_async_context(serving(port, script, host))
            client = BalancedClient([(name, port)] if name else [(host, port) for host in HOSTS])
            try:
                await work(client, port)
            finally:
                await client.close()

    asyncio.run(session())


async def post(client: BalancedClient) -> Reply:
    """One call; who waits for a server that does not answer has asked the wrong one."""
    async with asyncio.timeout(5):
        return await client.post("/x", {}, b"1")


def test_calls_are_spread() -> None:
    """Each server in its turn, though connections are kept open."""

    async def work(client: BalancedClient, port: int) -> None:
        bodies = [(await post(client)).body for _ in range(30)]
        assert {bodies.count(host.encode()) for host in HOSTS} == {10}

    run({host: answers(host) for host in HOSTS}, work)


def test_who_has_less_to_do_is_asked() -> None:
    """A server that does not answer gets the first call, and no more until it has answered."""

    async def work(client: BalancedClient, port: int) -> None:
        waiting = [asyncio.create_task(post(client)) for _ in range(3)]
        await asyncio.sleep(0.1)
        bodies = {(await post(client)).body for _ in range(10)}
        assert bodies == {HOSTS[0].encode(), HOSTS[1].encode()}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run({HOSTS[0]: answers(HOSTS[0]), HOSTS[1]: answers(HOSTS[1]), HOSTS[2]: lambda number, request: b""}, work)


def test_one_that_refuses_costs_nothing() -> None:
    """Every call is answered by the others, by the next address at once."""

    async def work(client: BalancedClient, port: int) -> None:
        bodies = [(await post(client)).body for _ in range(20)]
        assert set(bodies) == {HOSTS[0].encode(), HOSTS[2].encode()}

    run({host: answers(host) for host in (HOSTS[0], HOSTS[2])}, work)


def test_a_lost_call_is_told_and_the_next_goes_elsewhere() -> None:
    """No answer came: whether to try again is the caller's to say, with less risk the second time."""

    async def work(client: BalancedClient, port: int) -> None:
        results = []
        for _ in range(12):
            try:
                results.append((await post(client)).body)
            except ConnectionLostError:
                results.append(b"lost")
        assert results.count(b"lost") == 1
        assert set(results) == {b"lost", b"well"}

    run({HOSTS[0]: answers("well"), HOSTS[1]: lambda number, request: None}, work)


def test_nobody_is_there() -> None:
    """One error that says so, and no endless round."""

    async def work(client: BalancedClient, port: int) -> None:
        for _ in range(2):
            with pytest.raises(ConnectionLostError):
                await post(client)

    run({}, work)


@pytest.mark.parametrize("status", [404, 503, 504])
def test_who_has_not_got_the_model_sends_to_one_other(status: int) -> None:
    """And not to a third: servers that are all too busy are not asked one after the other."""
    asked: list[str] = []

    def lacking(host: str) -> Script:
        def script(number: int, request: bytes) -> bytes:
            asked.append(host)
            return http(status, host.encode())

        return script

    async def well(client: BalancedClient, port: int) -> None:
        assert {(await post(client)).status for _ in range(6)} == {200}

    async def none(client: BalancedClient, port: int) -> None:
        asked.clear()
        assert (await post(client)).status == status
        assert len(set(asked)) == len(asked) == 2

    run({HOSTS[0]: lacking(HOSTS[0]), HOSTS[1]: answers("well"), HOSTS[2]: answers("well")}, well)
    run({host: lacking(host) for host in HOSTS}, none)


def test_a_name_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses come and go; while the name can't be looked up the last ones count."""
    monkeypatch.setattr(balanced, "RESOLVE_SECONDS", 0.01)
    known: list[str] = [HOSTS[0]]

    async def lookup(host: str, port: int, **options: Any) -> list[Any]:
        assert host == "workers"
        if not known:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known]

    async def reached(client: BalancedClient) -> set[bytes]:
        await post(client)
        await asyncio.sleep(0.02)
        await post(client)  # has the name looked up beside it
        await asyncio.sleep(0.02)
        return {(await post(client)).body for _ in range(6)}

    async def work(client: BalancedClient, port: int) -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        assert await reached(client) == {HOSTS[0].encode()}
        known[:] = HOSTS[:2]
        assert await reached(client) == {HOSTS[0].encode(), HOSTS[1].encode()}
        known[:] = [HOSTS[1]]
        assert await reached(client) == {HOSTS[1].encode()}
        known.clear()
        assert await reached(client) == {HOSTS[1].encode()}

    run({host: answers(host) for host in HOSTS}, work, name="workers")


def test_a_name_without_an_address_is_a_lost_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a headless Service has none while no pod is ready."""

    async def lookup(host: str, port: int, **options: Any) -> list[Any]:
        raise socket.gaierror("no such name")

    async def work(client: BalancedClient, port: int) -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        with pytest.raises(ConnectionLostError, match="has no address"):
            await post(client)

    run({}, work, name="workers")


def test_each_is_asked() -> None:
    """Every server's own answer, None of one that is gone."""

    async def work(client: BalancedClient, port: int) -> None:
        replies = await client.each("/x", {}, b"1")
        bodies = {where: None if reply is None else reply.body for where, reply in replies.items()}
        assert bodies == {f"{HOSTS[0]}:{port}": b"a", f"{HOSTS[1]}:{port}": b"b", f"{HOSTS[2]}:{port}": None}

    run({HOSTS[0]: answers("a"), HOSTS[1]: answers("b")}, work)
