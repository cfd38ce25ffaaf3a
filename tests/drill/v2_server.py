"""A V2 server that computes `notes`, as fast and as wrongly as a drill wants, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.builders import NOTES_ROWS
from tests.processes import free_port

_WEIGHTS = np.float32([0.1, 0.3, 4.0])
_MEDIANS = np.median(np.float32(NOTES_ROWS), axis=0)


class V2Server:
    """What it does to the answers may be changed at any time.

    `spoil` gets the whole answer and gives the bytes that are sent; after a part of it the connection breaks.
    `delay` is in seconds.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.delay = 0.0
        self.spoil: Callable[[bytes], bytes] = lambda answer: answer

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes on one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                body = await reader.readexactly(int(next(lengths).partition(b":")[2]))
                await asyncio.sleep(self.delay)
                whole = http(json.dumps(predicted(json.loads(body))).encode())
                answer = self.spoil(whole)
                writer.write(answer)
                await writer.drain()
                if whole.startswith(answer) and answer != whole:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def predicted(document: dict[str, Any]) -> dict[str, Any]:
    """The V2 answer to a V2 request, JSON tensors both."""
    (numeric,) = (one for one in document["inputs"] if one["name"] == "numeric")
    rows = np.array(numeric["data"], np.float32).reshape(numeric["shape"])
    prices = (np.where(np.isnan(rows), _MEDIANS, rows) * _WEIGHTS).sum(axis=1, dtype=np.float32)
    output = {"name": "prediction", "datatype": "FP32", "shape": [len(prices)], "data": prices.tolist()}
    return {"model_name": "notes", "outputs": [output]}


def http(body: bytes) -> bytes:
    """A 200 with this body."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def v2_server() -> Iterator[V2Server]:
    """A running server for the length of the block."""
    server = V2Server(free_port())
    loop = asyncio.new_event_loop()
    over, listening = asyncio.Event(), threading.Event()

    async def run() -> None:
        listener = await asyncio.start_server(server.connected, "127.0.0.1", server.port)
        listening.set()
        await over.wait()
        listener.close()
        open_connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close in the loop's next turn

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    listening.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
