"""`python -m tests.bench.apps.open_loop PORT RATE SECONDS FILE`: requests when they are due, whatever becomes of them.

A closed loop waits for a slow answer and so leaves out the requests that would have met the same delay. Here they
arrive as a Poisson process, and a latency counts from the moment at which the request was due. A request takes a
connection that is free, or a new one, up to many. Prints one line of JSON.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import random
import resource
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence

_SEED = 20200401
# Beyond that a request waits for one that becomes free, as in the pool of any client; its latency counts on.
MOST_CONNECTIONS = 1000
# Seconds that the last answers have.
PATIENCE = 10.0
# Requests sent in a row before answers are looked for, where the generator is behind.
_BURST = 8
_READ_BYTES = 1 << 14


class Connection:
    """One socket, which may still be connecting.

    `due` is when its request was to be sent, None while it is free; `unsent` the request while it can't be.
    """

    __slots__ = ("due", "received", "socket", "unsent")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", port))
        self.due: float | None = None
        self.received = b""
        self.unsent = b""


class Generator:
    """Sends requests in turn, each when it is due."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._free: list[Connection] = []
        self._waiting: deque[tuple[bytes, float]] = deque()
        self.latencies: list[float] = []
        self.late: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self.most_connections = 0

    def run(self, due: Sequence[float]) -> None:
        """Send and receive until each request has its answer, or none came in time."""
        start, at = time.perf_counter(), 0
        end = (due[-1] if due else 0.0) + PATIENCE
        while True:
            now = time.perf_counter() - start
            burst = 0
            while at < len(due) and due[at] <= now and burst < _BURST:
                self.late.append(now - due[at])
                self._waiting.append((self._requests[at % len(self._requests)], due[at]))
                self._send_waiting()
                at, burst, now = at + 1, burst + 1, time.perf_counter() - start
            if now > end or (at == len(due) and not self._waiting and len(self._free) == len(self._connections)):
                break
            wait = due[at] - now if at < len(due) else end - now
            if wait > 0:
                # select, unlike epoll itself, waits for less than a millisecond.
                select.select((self._poll,), (), (), wait)
            for number, event in self._poll.poll(0):
                connection = self._connections[number]
                if event == select.EPOLLOUT:
                    self._hand_over(connection, connection.unsent)
                else:
                    self._receive(connection, start)
            self._send_waiting()
        unanswered = len(self._waiting) + sum(one.due is not None for one in self._connections.values())
        if unanswered:
            self.outcomes["no answer"] += unanswered

    def close(self) -> None:
        """Its sockets."""
        for one in self._connections.values():
            one.socket.close()
        self._poll.close()

    def _send_waiting(self) -> None:
        while self._waiting and (self._free or len(self._connections) < MOST_CONNECTIONS):
            connection = self._free.pop() if self._free else self._open()
            request, connection.due = self._waiting.popleft()
            self._hand_over(connection, request)

    def _hand_over(self, connection: Connection, request: bytes) -> None:
        """Send a request, or have it sent once the connection is there."""
        was_waiting = bool(connection.unsent)
        try:
            connection.unsent = request[connection.socket.send(request) :]
        except BlockingIOError:
            connection.unsent = request
        except OSError:
            self._close(connection)
            return
        if bool(connection.unsent) != was_waiting:
            events = select.EPOLLIN | select.EPOLLOUT if connection.unsent else select.EPOLLIN
            self._poll.modify(connection.socket, events)

    def _open(self) -> Connection:
        connection = Connection(self._port)
        self._connections[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        self.most_connections = max(self.most_connections, len(self._connections))
        return connection

    def _receive(self, connection: Connection, start: float) -> None:
        try:
            data = connection.socket.recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        if connection.received:
            data = connection.received + data
        if not is_whole(data):
            connection.received = data
            return
        if connection.due is not None:
            self.latencies.append(time.perf_counter() - start - connection.due)
            self.outcomes[data[9:12].decode("ascii", "replace")] += 1
        connection.due, connection.received = None, b""
        self._free.append(connection)

    def _close(self, connection: Connection) -> None:
        if connection.due is not None:
            self.outcomes["closed"] += 1
        else:
            self._free.remove(connection)
        self._poll.unregister(connection.socket)
        del self._connections[connection.socket.fileno()]
        connection.socket.close()


def is_whole(data: bytes) -> bool:
    """Whether an answer with a Content-Length has arrived up to its last byte."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return True
    return len(data) >= end + 4 + int(head[at + 17 :].partition(b"\r")[0])


def arrivals(rate: float, seconds: float) -> list[float]:
    """Moments of a Poisson process [s]."""
    drawn = random.Random(_SEED)
    found, now = [], drawn.expovariate(rate)
    while now < seconds:
        found.append(now)
        now += drawn.expovariate(rate)
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that such a share of them does not exceed; 0 of none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def main(words: Sequence[str]) -> None:
    """Read the requests, send them, print the figures: latencies in milliseconds, CPU in seconds."""
    port, rate, seconds, file = int(words[0]), float(words[1]), float(words[2]), words[3]
    with open(file, encoding="latin-1", newline="") as text:
        requests = [one.encode("latin-1") for one in json.load(text)]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(PermissionError):  # what it waits for its core is no latency of the service
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    due = arrivals(rate, seconds)
    generator = Generator(port, requests)
    gc.disable()
    generator.run(due)
    generator.close()
    figures = {
        "requests": len(due), "outcomes": generator.outcomes, "connections": generator.most_connections,
        "late": 1000 * quantile(generator.late, 0.99),
        **{name: 1000 * quantile(generator.latencies, share)
           for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))},
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
