"""Load whose every request is accounted for: callers on persistent and on fresh connections, in a thread of their own.

`wrk` tells how fast a server is; these tell what became of each request. A connection that the server closes without
having said so (`Connection: close`) is a failure, as it is for a load balancer.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Ports = Callable[[], Sequence[int]]


@dataclass(slots=True)
class Answer:
    """What came back for one request; `problem` where nothing whole did."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    at: float
    problem: str | None = None

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Outcome:
    """Every answer so far."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came; 0 where there was none."""
        return Counter(answer.status for answer in self.answers)

    @property
    def failed(self) -> list[str]:
        """What was not answered by 200, in words."""
        return [
            answer.problem or f"{answer.status} {answer.body[:200]!r}"
            for answer in self.answers
            if answer.status != 200
        ]

    def seconds(self, status: int = 200) -> list[float]:
        """How long the answers of a status took, in ascending order."""
        return sorted(answer.seconds for answer in self.answers if answer.status == status)


def quantile(values: Sequence[float], share: float) -> float:
    """Of ascending values; NaN where there is none."""
    return values[min(int(share * len(values)), len(values) - 1)] if values else float("nan")


class Connection:
    """One HTTP/1.1 connection, opened when it is first needed and kept while the server lets it.

    Args:
        port: on loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, timeout: float) -> Answer:
        """Send a request; never raises but for cancellation."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                status, headers, body = await self._exchange(request)
        except TimeoutError:
            self.close()
            return self._answer(started, 0, f"no answer within {timeout:g} s")
        except (OSError, asyncio.IncompleteReadError, ValueError) as problem:
            self.close()
            return self._answer(started, 0, f"{type(problem).__name__}: {problem}")
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body, time.perf_counter() - started, time.monotonic())

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))

    @staticmethod
    def _answer(started: float, status: int, problem: str) -> Answer:
        return Answer(status, {}, b"", time.perf_counter() - started, time.monotonic(), problem)


def post(path: str, document: Any, **headers: str) -> bytes:
    """A request as bytes."""
    body = json.dumps(document).encode()
    fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


@contextmanager
def calling(
    ports: Ports, request: bytes, persistent: int = 4, fresh: int = 4, pause: float = 0.0, timeout: float = 15.0
) -> Iterator[Outcome]:
    """Callers that ask again as soon as they are answered, for the length of the block; all are answered at its end.

    Args:
        ports: the ports that requests may go to at the moment, as a load balancer knows them.
        request: what each sends.
        persistent: callers that keep their connections.
        fresh: callers that open one for every request.
        pause: seconds between an answer and the next request.
        timeout: seconds after which a request counts as lost.
    """
    outcome = Outcome()
    over = threading.Event()

    async def call(keeps: bool, number: int) -> None:
        connections: dict[int, Connection] = {}
        while not over.is_set():
            open_ports = ports()
            if open_ports:
                port = open_ports[number % len(open_ports)]
                connection = connections.setdefault(port, Connection(port)) if keeps else Connection(port)
                outcome.answers.append(await connection.ask(request, timeout))
                if not keeps:
                    connection.close()
            number += 1
            await asyncio.sleep(pause if open_ports else 0.005)
        for connection in connections.values():
            connection.close()

    async def run() -> None:
        callers = [call(number < persistent, number) for number in range(persistent + fresh)]
        await asyncio.gather(*callers)

    with _in_a_thread(run):
        try:
            yield outcome
        finally:
            over.set()


@contextmanager
def offering(port: int, request: bytes, rate: float, timeout: float = 15.0) -> Iterator[Outcome]:
    """So many requests a second, whether they are answered or not (open loop), for the length of the block."""
    outcome = Outcome()
    over = threading.Event()

    async def one(connection: Connection, idle: list[Connection]) -> None:
        outcome.answers.append(await connection.ask(request, timeout))
        idle.append(connection)

    async def run() -> None:
        idle: list[Connection] = []
        under_way: set[asyncio.Task[None]] = set()
        began, sent = time.perf_counter(), 0
        while not over.is_set():
            while sent < (time.perf_counter() - began) * rate:
                task = asyncio.create_task(one(idle.pop() if idle else Connection(port), idle))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                sent += 1
            await asyncio.sleep(0.002)
        if under_way:
            await asyncio.wait(under_way)
        for connection in idle:
            connection.close()

    with _in_a_thread(run):
        try:
            yield outcome
        finally:
            over.set()


@contextmanager
def _in_a_thread(run: Callable[[], Any]) -> Iterator[None]:
    """An event loop in a thread until `run` has ended, which the block brings about; raises what it raised."""
    problems: list[BaseException] = []

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=main)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if problems:
        raise problems[0]
