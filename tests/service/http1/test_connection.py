"""A connection reads what was sent however it was cut, answers in order, and never breaks, whatever comes."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.calls import Reply
from service.errors import ApiError, from_status
from service.http1.connection import LINGER_SECONDS, Connection
from service.http1.exchange import MOST_WAITING, Exchange
from service.http1.heads import KnownHeads
from service.http1.listener import Listener
from service.http1.request import Pending, Request
from service.respond import error_reply

LIMIT = 1000


class Echo:
    """Answers with method, path and body: at once, or later where the path says so; `/stream` is one."""

    def __init__(self) -> None:
        self.draining = False
        self.is_full = False
        self.reserved = self.whole = self.refused = 0
        self.limit = LIMIT
        self.read = b""
        self.seen: list[Request] = []

    def admit(self, request: Request) -> int | None:
        """Take all but one path."""
        if self.is_full:
            raise from_status(503)
        if request.path == "/no":
            raise ApiError(404, "NOT_FOUND", "No.")
        if request.path == "/stream":
            return None
        return self.limit

    def reserve(self, request: Request, size: int) -> None:
        """So much is kept."""
        self.reserved += size
        request.reserved += size

    def answer(self, request: Request, done: Callable[[Reply], None]) -> Reply | Pending:
        """The echo."""
        self.whole += 1
        self.abandon(request)
        request.body()
        self.seen.append(request)
        if request.path == "/later":
            return asyncio.get_running_loop().call_soon(done, echo(request))
        return echo(request)

    async def stream(self, request: Request, exchange: Exchange) -> None:
        """Send the body back in pieces."""
        exchange.begin(200, [("content-type", "text/plain")])
        while data := await exchange.read():
            self.read += data
            exchange.write(data)
        if exchange.is_whole:
            exchange.finish()
        else:
            exchange.abort()

    def abandon(self, request: Request) -> None:
        """Give its place back."""
        self.reserved -= request.reserved
        request.reserved = 0

    def refuse(self, request: Request | None, error: ApiError) -> Reply:
        """The error."""
        self.refused += 1
        return error_reply(error, "id")


def echo(request: Request) -> Reply:
    """What came."""
    return Reply(200, [("content-type", "text/plain")], f"{request.method} {request.path} ".encode() + request.body())


class Client(asyncio.Transport):
    """The network's side: keeps what is written, and takes it or does not."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 9)})
        self.answer = b""
        self.waiting = 0
        self.has_ended = self.is_broken = self.is_paused = False

    def write(self, data: Any) -> None:
        """Keep a piece."""
        assert not self.has_ended
        self.answer += data

    def write_eof(self) -> None:
        """No more comes."""
        self.has_ended = True

    def close(self) -> None:
        """Closed."""
        self.has_ended = True

    def abort(self) -> None:
        """Reset."""
        self.is_broken = True

    def pause_reading(self) -> None:
        """Nothing is taken from the client."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """It is again."""
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        """What the client has not taken."""
        return self.waiting


def scene(play: Callable[[Connection, Client, Echo], Any], heads: KnownHeads | None = None) -> Any:
    """Play with a connection on a loop; afterwards it is lost, and no place is reserved any more."""

    async def run() -> Any:
        handler, client = Echo(), Client()
        listener = Listener(handler, 5.0, 60.0)
        listener.heads = heads or KnownHeads()
        listener.loop = asyncio.get_running_loop()
        connection = Connection(listener)
        connection.connection_made(client)
        result = play(connection, client, handler)
        result = await result if asyncio.iscoroutine(result) else result
        connection.connection_lost(None)
        assert handler.reserved == 0
        assert not listener.connections
        return result

    return asyncio.run(run())


def sent(pieces: list[bytes]) -> bytes:
    """The answer to bytes that come in these pieces, without its dates."""

    async def play(connection: Connection, client: Client, handler: Echo) -> bytes:
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        return re.sub(rb"date: [^\r]*\r\n", b"", client.answer)

    answer: bytes = scene(play)
    return answer


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data, cut at these places."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[one:other] for one, other in itertools.pairwise(bounds)]


REQUESTS = (
    b"GET /a?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: 1\r\n\r\n",
    b"HEAD /c%20d HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nhello",
    b"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    b"GET /f HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
)


@given(st.lists(st.sampled_from(REQUESTS), max_size=5), st.lists(st.integers(0, 10**6), max_size=12))
@settings(deadline=None, max_examples=60)
def test_requests_mean_the_same_however_they_are_cut(requests: list[bytes], places: list[int]) -> None:
    """Pipelined and in any pieces, some answered later: the same answers in the same order."""
    data = b"".join(requests)
    assert sent(cut(data, places)) == b"".join(sent([request]) for request in requests)


@given(st.lists(st.binary(max_size=60) | st.sampled_from((*REQUESTS, b"\r\n", b"0\r\n\r\n", b"\x00")), max_size=8))
@settings(deadline=None, max_examples=150)
def test_any_bytes_have_answers_or_wait(pieces: list[bytes]) -> None:
    """Nothing is raised, and whatever is answered is an answer."""
    answer = sent(pieces)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + bytes(2000), 413),
        (b"GET /a HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 40_000 + b"\r\n", 431),
        (b"GET //a HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET ftp://a/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://me@a/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /no HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 404),
        (b"GET /a HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"BREW /a HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ],
)
def test_a_refusal_ends_the_connection(data: bytes, status: int) -> None:
    """One answer that says so, then the end; what is sent after it is dropped."""

    def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(data)
        assert re.findall(rb"HTTP/1\.1 (\d{3})", client.answer) == [b"%d" % status]
        assert b"connection: close" in client.answer
        assert client.has_ended
        connection.data_received(REQUESTS[0])
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", client.answer)) == 1
        connection.look(time.monotonic() + LINGER_SECONDS + 1)
        assert client.is_broken

    scene(play)


def test_a_refusal_waits_for_the_answers_before_it() -> None:
    """What was asked first is answered first."""
    answer = sent([REQUESTS[4] + b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n"])
    assert re.findall(rb"HTTP/1\.1 (\d{3})", answer) == [b"200", b"404"]


def test_each_wait_has_an_end() -> None:
    """Between requests, in a head, in a body, and for an answer that nobody reads."""

    def play(connection: Connection, client: Client, handler: Echo) -> None:
        now = time.monotonic()
        connection.look(now + 59)
        assert not client.is_broken
        connection.data_received(b"POST /b HTTP/1.1\r\nHo")
        connection.look(now + 4)
        connection.data_received(b"st: a\r\nContent-Length: 5\r\n\r\nhe")
        connection.look(now + 6)
        assert client.answer.startswith(b"HTTP/1.1 408")

    scene(play)

    def unread(connection: Connection, client: Client, handler: Echo) -> None:
        client.waiting = 1000
        connection.pause_writing()
        client.waiting = 500
        connection.look(time.monotonic() + 6)  # it reads, if slowly
        assert not client.is_broken
        connection.look(time.monotonic() + 12)
        assert client.is_broken

    scene(unread)


def test_a_draining_server_closes_with_its_answer() -> None:
    """The connection's next request goes elsewhere."""

    def play(connection: Connection, client: Client, handler: Echo) -> None:
        handler.draining = True
        connection.data_received(REQUESTS[0])
        assert b"connection: close" in client.answer
        assert client.has_ended

    scene(play)


def test_a_client_that_leaves_cancels_its_request() -> None:
    """Nobody computes for nobody."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(REQUESTS[4])
        connection.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert client.answer == b""

    scene(play)


def test_a_stream_goes_both_ways_and_feels_pressure() -> None:
    """What nobody takes is not read on; whole at the end, broken where the body was."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n")
        connection.data_received(bytes(MOST_WAITING + 1))
        assert client.is_paused
        for _ in range(5):
            await asyncio.sleep(0)
        assert not client.is_paused
        connection.data_received(bytes(400_000 - MOST_WAITING - 1))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(handler.read) == 400_000
        assert client.answer.endswith(b"\r\n0\r\n\r\n")

    scene(play)

    async def cut_off(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert connection.eof_received()
        for _ in range(5):
            await asyncio.sleep(0)
        assert client.is_broken

    scene(cut_off)


async def settled(client: Client, turns: int = 2000) -> None:
    """Until nothing more is answered."""
    before = -1
    while before != len(client.answer) or client.is_paused:
        before = len(client.answer)
        for _ in range(5):
            await asyncio.sleep(0)
        turns -= 5
        assert turns > 0


@pytest.mark.parametrize("request_", [REQUESTS[0], REQUESTS[1], REQUESTS[2]], ids=["GET", "POST", "chunks, later"])
def test_many_small_requests_in_one_piece_leave_others_their_turns(request_: bytes) -> None:
    """256 KiB are read in 16 turns of the loop; each request is answered as if it had come alone, in order."""
    count = 256 * 1024 // len(request_)

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(request_ * count)
        assert 0 < handler.whole <= 16 * 1024 // len(request_) + 1
        assert client.is_paused
        last, most = handler.whole, 0
        while handler.whole < count:
            await asyncio.sleep(0)
            most, last = max(most, handler.whole - last), handler.whole
        assert most <= 2 * (16 * 1024 // len(request_) + 1)
        await settled(client)
        assert client.answer.count(b"HTTP/1.1 200 ") == count

    scene(play)


def test_a_fast_sender_rests_after_each_long_piece() -> None:
    """What it sends next is read in the next turn; not before, and not while it is held for another reason."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
        connection.data_received(bytes(100_000))
        assert not client.is_paused
        connection.data_received(bytes(140_000))
        assert client.is_paused
        await asyncio.sleep(0)
        assert not client.is_paused
        connection.data_received(bytes(140_000))
        connection.hold_reading()
        for _ in range(3):
            await asyncio.sleep(0)
        connection.hold_reading()
        await asyncio.sleep(0)
        assert client.is_paused
        connection.read_on()
        assert not client.is_paused

    scene(play)


def test_a_body_is_read_to_its_end_at_once() -> None:
    """It costs no turn more however large it is; what follows it waits for the next."""
    large = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n" + bytes(40_000)

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        handler.limit = 50_000
        connection.data_received(large)
        assert (handler.whole, client.is_paused) == (1, False)
        connection.data_received(large + REQUESTS[0] * 1000)
        assert 1 < handler.whole < 1002
        assert client.is_paused
        await settled(client)
        assert handler.whole == 1002

    scene(play)


def test_a_header_of_an_answer_can_not_begin_another() -> None:
    """A line's end in a value is an error of ours: 500, and nothing of it is sent."""

    def play(connection: Connection, client: Client, handler: Echo) -> None:
        handler.answer = lambda request, done: Reply(200, [("x", "a\r\nset-cookie: b")], b"")  # type: ignore[method-assign]
        connection.data_received(REQUESTS[0])
        assert client.answer.startswith(b"HTTP/1.1 500")
        assert b"set-cookie" not in client.answer
        handler.reserved = 0

    scene(play)


def test_what_follows_a_stream_is_no_part_of_it() -> None:
    """Its connection ends with its answer: another request's body, sent after it, is dropped."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(
            b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ndef"
        )
        for _ in range(5):
            await asyncio.sleep(0)
        assert handler.read == b"abc"
        assert client.answer.endswith(b"\r\n3\r\nabc\r\n0\r\n\r\n")

    scene(play)


BLOCK = b"a" * 65_536
CHUNKED = b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("beginning", [b"3\r\nabc\r\n0\r\nX: ", b"0\r\n", b"1;", b"3\r\nabc\r\n1;x="])
def test_a_body_must_go_on(beginning: bytes) -> None:
    """A trailer's value or name and a chunk's extension have a bound, where the parser would take them without end."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(b"POST /b" + CHUNKED + beginning)
        connection.data_received(BLOCK)
        await settled(client)
        assert client.answer.startswith(b"HTTP/1.1 400")
        assert b"BAD_FRAMING" in client.answer

    scene(play)


def test_a_stream_must_go_on_as_well() -> None:
    """It is told that its body is not whole; what it sends is not read any more."""

    async def play(connection: Connection, client: Client, handler: Echo) -> None:
        connection.data_received(b"POST /stream" + CHUNKED + b"3\r\nabc\r\n0\r\nX: ")
        connection.data_received(BLOCK)
        for _ in range(5):
            await asyncio.sleep(0)
        assert (handler.read, client.is_broken) == (b"abc", True)

    scene(play)


def test_small_extensions_may_come_for_ever() -> None:
    """Where each chunk brings something of the body, the bound is not for all of them together."""
    chunk = b"1;%s\r\na\r\n" % (b"x" * 10_000)
    answer = sent([b"POST /b" + CHUNKED, *[chunk] * 20, b"0\r\n\r\n"])
    assert answer.endswith(b"POST /b " + b"a" * 20)


def test_an_upgrade_is_ignored_and_the_connection_kept() -> None:
    """The request is answered with its body, as if it had not asked; the next one is, too (RFC 9110, 7.8)."""
    answer = sent([REQUESTS[5] + REQUESTS[6] + REQUESTS[0]])
    assert re.findall(rb"\r\n\r\n([A-Z]+ /[^H]*)", answer) == [b"POST /d hello", b"POST /e abcde", b"GET /a "]
    assert b"connection: close" not in answer
    closing = REQUESTS[5].replace(b"Connection: Upgrade", b"Connection: close, Upgrade")
    assert b"connection: close" in sent([closing + REQUESTS[0]])


def test_connections_that_expire_together_do_not_end_in_one_turn() -> None:
    """Others are served between them; in the end all are answered."""

    async def play() -> None:
        listener = Listener(Echo(), 5.0, 60.0)
        listener.loop = asyncio.get_running_loop()
        clients = [Client() for _ in range(95)]
        for client in clients:
            connection = Connection(listener)
            connection.connection_made(client)
            connection.data_received(b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
            connection.deadline = 0.0
        looking = asyncio.ensure_future(listener.look_at_each())
        answered = [0]
        while not looking.done():
            await asyncio.sleep(0)
            answered.append(sum(client.answer.startswith(b"HTTP/1.1 408") for client in clients))
        assert answered[-1] == 95
        assert max(after - before for before, after in itertools.pairwise(answered)) <= 2

    asyncio.run(play())
