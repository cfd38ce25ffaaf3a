"""The public port: takes connections, looks at their deadlines, lets them finish."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from typing import Any

from service.http1.connection import Connection
from service.http1.heads import KnownHeads
from service.http1.request import Handler

log = logging.getLogger(__name__)

BACKLOG = 1024
# Of one port. libuv takes one connection of a socket in a turn of the loop: the queue that a long turn leaves behind
# would be taken one by one, each after a turn that is long because of all who wait already.
_SOCKETS = 8
# Descriptors that are left for models, logs and the backend's connections.
_DESCRIPTORS_LEFT = 128
_LOOKS = 10
# Connections that are ended in one turn of the loop: each costs as much as several predictions.
_MOST_ENDED = 2


class Listener:
    """Listens on one address.

    Args:
        handler: answers the requests.
        patience: seconds that a head or a body may take to arrive, and an answer to be read.
        keep_alive: seconds that a connection may wait for its next request.
    """

    def __init__(self, handler: Handler, patience: float, keep_alive: float) -> None:
        self.handler = handler
        self.patience = patience
        self.keep_alive = keep_alive
        self.connections: set[Connection] = set()
        self.heads = KnownHeads()
        self.loop: asyncio.AbstractEventLoop
        self._servers: list[asyncio.Server] = []
        self._watch: asyncio.Task[None] | None = None
        self._refused = 0
        self._most = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _DESCRIPTORS_LEFT, 16)

    async def start(self, host: str, port: int) -> None:
        """Listen; other processes may share the port.

        Raises:
            OSError: the address can't be had.
        """
        self.loop = asyncio.get_running_loop()
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        for _ in range(_SOCKETS):
            listening = _bound(family, kind, address)
            self._servers.append(await self.loop.create_server(self._taken, sock=listening, backlog=BACKLOG))
            address = listening.getsockname()
        self._watch = self.loop.create_task(self._look_around(), name="deadlines")

    def stop_listening(self) -> None:
        """Take no new connection."""
        while self._servers:
            self._servers.pop().close()

    async def finish(self) -> None:
        """Let what is under way end, and close every connection."""
        self.stop_listening()
        empty = 0
        while empty < 3:  # what was accepted a moment ago is not among the connections yet
            await asyncio.sleep(0.02)
            for connection in tuple(self.connections):
                connection.close_idle()
            empty = 0 if self.connections else empty + 1
        if self._watch is not None:
            self._watch.cancel()

    def _taken(self) -> asyncio.Protocol:
        # One connection more would take the last descriptors from those who need one to answer.
        if len(self.connections) >= self._most:
            self._refused += 1
            return _TooMany()
        return Connection(self)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(min(self.patience, self.keep_alive) / _LOOKS)
            await self.look_at_each()
            if self._refused:
                log.warning("%d connections were closed at once: %d are open", self._refused, len(self.connections))
                self._refused = 0

    async def look_at_each(self) -> None:
        """End the connections whose deadline is over, a few in each turn of the loop."""
        ended = 0
        for connection in tuple(self.connections):
            ended += connection.look(time.monotonic())
            if ended == _MOST_ENDED:
                ended = 0
                await asyncio.sleep(0)


class _TooMany(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _bound(family: int, kind: int, address: Any) -> socket.socket:
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
