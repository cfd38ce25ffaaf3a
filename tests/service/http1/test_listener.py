"""The listener: whoever waits in its queue is taken soon."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack
from typing import Any, cast

import uvloop

from service.http1.listener import Listener
from tests.processes import free_port

CROWD = 160


async def turns_until_taken() -> int:
    """While the loop was held, a crowd has connected: the turns until each of them has its connection."""
    listener = Listener(cast(Any, None), 5.0, 5.0)
    port = free_port()
    await listener.start("127.0.0.1", port)
    with ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        turns = 0
        until = time.monotonic() + 10
        while len(listener.connections) < CROWD and time.monotonic() < until:
            await asyncio.sleep(0)
            turns += 1
        assert len(listener.connections) == CROWD
    listener.stop_listening()
    await listener.finish()
    return turns


def test_a_queue_is_taken_in_few_turns() -> None:
    """Not one connection in each turn of the loop, for the turns are long when many wait."""
    assert uvloop.run(turns_until_taken()) < CROWD / 2
