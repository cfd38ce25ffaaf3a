"""Heads that came before are understood without the parser: nothing else changes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.http1.connection import Connection
from service.http1.heads import LONGEST, MOST, KnownHeads
from service.http1.request import Request
from tests.service.http1.test_connection import REQUESTS, Client, Echo, scene


def post(*fields: str, body: bytes = b"hello", target: str = "/b?x=1", version: str = "1.1", length: str = "") -> bytes:
    """A request with a body."""
    lines = [f"POST {target} HTTP/{version}", "Host: a", f"Content-Length: {length or len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


KNOWN = (
    post(), post("X-A: 1", "X-A: 2"), post(body=b"\r\n\r\nhi"), post(target="/later"), post(target="/no"),
    post(body=b"x" * 900), post("Connection: close"), post(version="1.0"), post("Expect: 100-continue"),
)  # fmt: skip


class Forgetful(KnownHeads):
    """Knows none, ever."""

    def again(self, data: bytes, client: str) -> Request | None:
        """Not known."""
        return None


def played(pieces: list[bytes], heads: KnownHeads) -> tuple[bytes, list[tuple[Any, ...]]]:
    """The answers to what comes in these pieces, without dates, and every request that was to be answered."""

    async def play(connection: Connection, client: Client, handler: Echo) -> tuple[bytes, list[tuple[Any, ...]]]:
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(40):
            await asyncio.sleep(0)
        seen = [
            (one.client, one.method, one.path, one.query, one.headers, one.fields, one.length, one.size, one.is_kept,
             one.is_1_0, one.body())
            for one in handler.seen
        ]  # fmt: skip
        return re.sub(rb"date: [^\r]*\r\n", b"", client.answer), seen

    found: tuple[bytes, list[tuple[Any, ...]]] = scene(play, heads)
    return found


def damaged(data: bytes, place: int, value: int) -> bytes:
    """One byte of it is another."""
    place %= len(data)
    return data[:place] + bytes([value]) + data[place + 1 :]


whole = st.sampled_from((*KNOWN, *REQUESTS))
pieces = st.lists(
    whole
    | st.builds(damaged, whole, st.integers(0, 2000), st.integers(0, 255))
    | st.builds(lambda one, other: one + other, whole, whole)
    | st.builds(lambda one, place: one[: place % len(one)], whole, st.integers(0, 2000))
    | st.builds(lambda one, place: one[place % len(one) :], whole, st.integers(0, 2000))
    | st.sampled_from((b"\r\n", b"\r", b"x", b"\r\n\r\n" + KNOWN[0])),
    max_size=8,
)


@given(pieces)
@settings(deadline=None, max_examples=400)
def test_known_heads_change_nothing(sent: list[bytes]) -> None:
    """Whatever comes, damaged or cut: the same requests and answers as where every head is read."""
    heads = KnownHeads()
    for one in KNOWN:
        played([one, one], heads)
    assert played(sent, heads) == played(sent, Forgetful())


def test_the_same_head_is_read_once() -> None:
    """On any connection, with whatever body of that length; another length is another head."""
    heads = KnownHeads()
    first, other = post(), post(body=b"world")
    assert heads.again(first, "c") is None
    played([first], heads)
    request = heads.again(other, "c")
    assert request is not None
    assert (request.client, request.path, request.query, request.body()) == ("c", "/b", "x=1", b"world")
    assert (request.fields["host"], request.size, request.reserved) == ("a", 5, 0)
    assert heads.again(post(body=b"worlds"), "c") is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(post("Connection: close"), id="closes"),
        pytest.param(post(version="1.0"), id="HTTP/1.0"),
        pytest.param(post("Expect: 100-continue"), id="waits"),
        pytest.param(post("Upgrade: h2c", "Connection: Upgrade"), id="would rather speak otherwise"),
        pytest.param(REQUESTS[0], id="no body"),
        pytest.param(REQUESTS[2], id="chunks"),
        pytest.param(post() + post(), id="two"),
        pytest.param(post("X-A: " + "a" * LONGEST), id="long"),
    ],
)
def test_what_is_special_is_read_each_time(data: bytes) -> None:
    """Such a head is not kept."""
    heads = KnownHeads()
    played([data], heads)
    assert heads.again(data, "c") is None


def test_it_keeps_a_bounded_number() -> None:
    """A client that never sends the same head twice makes it forget, not grow."""
    heads = KnownHeads()
    requests = [post(f"X-Request-Id: {number}") for number in range(2 * MOST)]
    kept = Request("", "POST", "/b", "", [], {}, 5)
    for one in requests:
        heads.remember(one, kept)
    assert 0 < sum(heads.again(one, "c") is not None for one in requests) <= MOST


def test_a_refusal_is_counted_once() -> None:
    """What is not admitted any more is answered so, and the connection ends, as where its head is read."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(KNOWN[0])
        handler.is_full = True
        connection.data_received(KNOWN[0])
        assert handler.refused == 1
        assert client.answer.count(b"HTTP/1.1 503 ") == 1
        assert client.has_ended

    scene(play)
