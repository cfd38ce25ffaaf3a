"""`python -m tests.bench.apps.bare PORT`: granian on uvloop, reading bodies, computing nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import uvloop

ANSWER = b'{"model":"mlp","version":1,"predictions":[0.12345678]}'
_HEADERS = [("content-type", "application/json")]


class Bare:
    """The same answer to everything."""

    async def __rsgi__(self, scope: Any, exchange: Any) -> None:
        await exchange()
        exchange.response_bytes(200, _HEADERS, ANSWER)


async def _serve(port: int) -> None:
    # Of the group `bench`: whoever needs the fixed answer alone has not installed it.
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    server = Server(
        Bare(), address="127.0.0.1", port=port, interface=Interfaces.RSGI, http=HTTPModes.http1, websockets=False,
        log_enabled=False,
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    await server.serve()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
