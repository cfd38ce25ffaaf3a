"""Clients that are a burden: `python -m tests.bench.apps.abusers KIND CLIENTS PORT FILE`; FILE holds a whole request.

Each begins within a second, and whoever is answered or cut off comes again after about one. Prints `ready` when each
client is at it or was refused, and on SIGTERM one line of JSON: how many are at it, and what they were answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

# At random, so that they do not come all at once, as no clients do that know nothing of each other.
BEGIN_SECONDS, AGAIN_SECONDS = (0.0, 1.0), (0.5, 1.5)
_SEED = 20200401
# A little over the least rate that a service asks of whoever sends a table, so that it bears with them.
DRIP_BYTES, DRIP_SECONDS = 64, 0.05
# How long who leaves stays after the last byte that it sends: with some the answer is under way, with some it is there.
STAY_SECONDS = (0.0, 0.01)
# For a client that does not read, so that the kernel takes little of its answer.
_SMALL_BUFFER = 4096
_LIMIT = 1 << 16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Crowd:
    """All clients of one kind.

    Args:
        port: of the service.
        request: head and body.
        clients: how many.
        buffer: bytes that are received before they are read, about; None: as the system has it.
    """

    def __init__(self, port: int, request: bytes, clients: int, buffer: int | None = None) -> None:
        self._port = port
        self._buffer = buffer
        self._request = request
        self._clients = clients
        self._drawn = random.Random(_SEED)
        self._at_it: set[int] = set()
        self._began: set[int] = set()
        self.outcomes: Counter[str] = Counter()

    async def run(self, act: Callable[[Crowd, int, Streams], Coroutine[Any, Any, None]]) -> None:
        """Act until SIGTERM."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        tasks = [asyncio.create_task(self._again_and_again(number, act)) for number in range(self._clients)]
        await stop.wait()
        print(json.dumps({"at_it": len(self._at_it), "outcomes": self.outcomes}), flush=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def is_at_it(self, number: int) -> None:
        """A client does what it came for."""
        self._at_it.add(number)
        self._has_begun(number)

    async def _again_and_again(
        self, number: int, act: Callable[[Crowd, int, Streams], Coroutine[Any, Any, None]]
    ) -> None:
        drawn = random.Random(_SEED + number)
        await asyncio.sleep(drawn.uniform(*BEGIN_SECONDS))
        while True:
            with contextlib.suppress(OSError, EOFError):
                streams = await self._connect()
                try:
                    await act(self, number, streams)
                finally:
                    streams[1].transport.abort()
            self._at_it.discard(number)
            self._has_begun(number)
            await asyncio.sleep(drawn.uniform(*AGAIN_SECONDS))

    async def _connect(self) -> Streams:
        made = socket.socket()
        if self._buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self._port))
        except OSError:
            made.close()
            raise
        return await asyncio.open_connection(sock=made, limit=self._buffer or _LIMIT)

    def _has_begun(self, number: int) -> None:
        if number not in self._began:
            self._began.add(number)
            if len(self._began) == self._clients:
                print("ready", flush=True)

    async def half(self, number: int, streams: Streams) -> None:
        """Send half a body, and wait for what becomes of it."""
        head, body = self._parts()
        streams[1].write(head + body[: len(body) // 2])
        self.is_at_it(number)
        await self._told(streams[0])

    async def drip(self, number: int, streams: Streams) -> None:
        """Send a body in drips, until it is whole or refused; the answer to a table begins before its end."""
        head, body = self._parts()
        streams[1].write(head)
        answer = asyncio.create_task(self._told(streams[0]))
        try:
            for at in range(0, len(body), DRIP_BYTES):
                streams[1].write(body[at : at + DRIP_BYTES])
                await asyncio.sleep(DRIP_SECONDS)
                if answer.done() and not answer.result().startswith(b"http/1.1 200"):
                    return
                self.is_at_it(number)
            await answer
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def large(self, number: int, streams: Streams) -> None:
        """Send the request as often as it is answered well, on one connection."""
        reader, writer = streams
        while True:
            writer.write(self._request)
            await writer.drain()
            head = await self._told(reader)
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r")[0]))
            self.is_at_it(number)

    async def read_slowly(self, number: int, streams: Streams) -> None:
        """Send the request, and read a byte of its answer a second."""
        streams[1].write(self._request)
        await streams[1].drain()
        await self._told(streams[0])
        while await streams[0].read(1):
            self.is_at_it(number)
            await asyncio.sleep(1)
        self.outcomes["cut off"] += 1

    async def leave(self, number: int, streams: Streams) -> None:
        """Send the whole request, or as often a part of its body, and go."""
        head, body = self._parts()
        drawn = self._drawn
        streams[1].write(head + (body if drawn.random() < 0.5 else body[: drawn.randrange(len(body))]))
        await streams[1].drain()
        self.is_at_it(number)
        await asyncio.sleep(drawn.uniform(*STAY_SECONDS))
        self.outcomes["left"] += 1

    def _parts(self) -> tuple[bytes, bytes]:
        head, _, body = self._request.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n", body

    async def _told(self, reader: asyncio.StreamReader) -> bytes:
        """The head of an answer in lower case, its status counted; raises EOFError where there is none."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        except (OSError, EOFError):
            self.outcomes["closed"] += 1
            raise
        self.outcomes[head[9:12].decode("ascii", "replace")] += 1
        return head


KINDS = {"half": Crowd.half, "drip": Crowd.drip, "large": Crowd.large, "read": Crowd.read_slowly, "leave": Crowd.leave}


def main(words: Sequence[str]) -> None:
    """Act as the words say."""
    kind, clients, port, file = words
    # They are to cost the service something, not whoever measures it on the same core.
    os.nice(19)
    buffer = _SMALL_BUFFER if kind == "read" else None
    asyncio.run(Crowd(int(port), Path(file).read_bytes(), int(clients), buffer).run(KINDS[kind]))


if __name__ == "__main__":
    main(sys.argv[1:])
