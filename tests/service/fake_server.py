"""A server on a Unix socket or a port that answers with the bytes a test wants: faults that no real one shows on
demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

# Bytes to send for a request; None closes the connection without an answer.
Script = Callable[[int, bytes], bytes | None]


@asynccontextmanager
async def serving(where: Path | int, script: Script, host: str = "127.0.0.1") -> AsyncIterator[list[bytes]]:
    """Serve until the block ends; gives the list of requests as they come in."""
    requests: list[bytes] = []
    open_writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                requests.append(head + await reader.readexactly(length))
                answer = script(len(requests), requests[-1])
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            open_writers.discard(writer)
            writer.close()

    if isinstance(where, int):
        server = await asyncio.start_server(connected, host, where)
    else:
        server = await asyncio.start_unix_server(connected, str(where))
    try:
        yield requests
    finally:
        server.close()
        for writer in list(open_writers):
            writer.close()
        await server.wait_closed()
        await asyncio.sleep(0)


def http(status: int, body: bytes, headers: str = "") -> bytes:
    """An answer with a Content-Length."""
    return f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
