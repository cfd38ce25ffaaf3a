"""Mutated requests on the socket of a real service: whatever is sent, it answers in time, and never with a 500.

Many threads, since most wait: a request that lost its end is cut off by the service after its deadline for bodies.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutation import mutated
from tests.hostile import CASES, publish
from tests.processes import Serving, call, predict, serving

MOST_SECONDS = 10.0
THREADS = 32
# Large ones would measure the loopback, slow ones our own patience: the table sends them once each.
CORPUS = tuple(data for _, data, _, _ in CASES if len(data) < 4000)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
# 501 and 505: such methods and versions; 502: a number near the limit of float32 makes the model overflow, whose answer
# is not passed on; 503: more tables at a time than are taken. 500 is not among them.
_EXPECTED = frozenset({200, 400, 404, 405, 408, 413, 414, 415, 417, 431, 501, 502, 503, 505})


@dataclass
class Tally:
    """What came back: answers by status (0: closed in silence), and what should not have."""

    statuses: Counter[int] = field(default_factory=Counter)
    harm: list[str] = field(default_factory=list)


def run(seed: int, requests: int) -> list[str]:
    """Send them to a service of its own; what did harm."""
    with tempfile.TemporaryDirectory(prefix="mulgam-fuzz-") as name:
        folder = Path(name)
        publish(folder / "registry")
        settings = {
            "body_timeout": "0.3",
            "bulk_patience": "0.3",
            "drain_delay": "0",
            "keep_alive": "1",
            "log_level": "error",
        }
        with serving(folder / "registry", folder, backend="onnxruntime", **settings) as service:
            return bombard(service, seed, requests)


def bombard(service: Serving, seed: int, requests: int) -> list[str]:
    """Send so many requests; what did harm, and a line of what came back."""
    started = time.perf_counter()
    gateways = {one.pid for one in service.descendants("service.gateway")}
    with ThreadPoolExecutor(THREADS) as threads:
        tallies = list(threads.map(lambda part: _send(service, seed, range(part, requests, THREADS)), range(THREADS)))
    statuses: Counter[int] = sum((one.statuses for one in tallies), Counter())
    harm = [sentence for one in tallies for sentence in one.harm]
    seconds = time.perf_counter() - started
    print(
        f"fuzz: {requests} requests on the socket, {requests / seconds:,.0f} a second, {len(harm)} did harm;", end=" "
    )
    print(", ".join(f"{status or 'closed'}: {count}" for status, count in sorted(statuses.items())), flush=True)
    if {one.pid for one in service.descendants("service.gateway")} != gateways:
        harm.append("a gateway died")
    if call(service.admin_port, "GET", "/livez").status != 200:
        harm.append("the service is not alive")
    if predict(service.port, "notes", [[32, 3, 0.3]]).status != 200:
        harm.append("a good request is not answered")
    errors = [line for line in service.output().splitlines() if '"level": "error"' in line]
    harm += [f"an error in the log: {line[:1000]}" for line in errors[:5]]
    return harm


def made(seed: int, number: int) -> bytes:
    """Request `number` of a run: in every third anything is changed, in the others the body alone, its length true.

    In every hundredth it is sent in chunks, with extensions and trailers of any length.
    """
    if number % 100 == 1:
        return _framed(random.Random(f"{seed} {number}"))
    if number % 3 == 0:
        return mutated(seed, number, CORPUS)
    head, end, body = random.Random(number).choice(CORPUS).partition(b"\r\n\r\n")
    body = mutated(seed, number, (body,))
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + end + body


def _framed(chance: random.Random) -> bytes:
    head, _, body = chance.choice(CORPUS).partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: [^\r]*", b"Transfer-Encoding: chunked", head, count=1)
    half = chance.randrange(len(body) + 1)
    parts = [part for part in (body[:half], body[half:]) if part]
    chunks = [b"%x;%s\r\n%s\r\n" % (len(part), _letters(chance), part) for part in parts]
    trailers = [b"X%s: %s\r\n" % (_letters(chance), _letters(chance))] * chance.choice((0, 1, 1, 50))
    return b"".join((head, b"\r\n\r\n", *chunks, b"0\r\n", *trailers, b"\r\n"))


def _letters(chance: random.Random) -> bytes:
    """Few, as many as are allowed, or more."""
    return b"a" * chance.choice((0, 1, 10, 100, 16_384, 100_000))


def _send(service: Serving, seed: int, numbers: range) -> Tally:
    tally = Tally()
    for number in numbers:
        data = made(seed, number)
        began = time.perf_counter()
        answer = _exchange(service.port, data)
        seconds = time.perf_counter() - began
        statuses = [int(one) for one in _STATUS.findall(answer)]
        tally.statuses.update(statuses or [0])
        if trouble := _trouble(answer, statuses, seconds):
            tally.harm.append(f"request {number}: {trouble}\n      {data[:600]!r}")
    return tally


def _exchange(port: int, data: bytes) -> bytes:
    """Send, read until an answer is whole or the server closes."""
    answer = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), MOST_SECONDS + 5) as connection:
        with contextlib.suppress(OSError):  # refused before all was taken: the answer is there to read
            connection.sendall(data)
        while not _is_whole(answer) and (block := connection.recv(65536)):
            answer += block
    return answer


def _is_whole(answer: bytes) -> bool:
    """Whether no more need be waited for; an answer in chunks ends with the connection."""
    head, end, rest = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end and length and len(rest) >= int(length[1]) and not head.startswith(b"HTTP/1.1 100"))


def _trouble(answer: bytes, statuses: list[int], seconds: float) -> str | None:
    """What is wrong with this answer, if anything."""
    if seconds > MOST_SECONDS:
        return f"answered after {seconds:.1f} s"
    if unexpected := set(statuses) - _EXPECTED - {100}:
        return f"status {unexpected}"
    if re.search(rb"Traceback|\.py\b", answer):
        return "internals in the answer"
    for body in _errors(answer):
        try:
            document = json.loads(body)
        except ValueError:
            return f"an error that is no JSON: {body[:200]!r}"
        if not {"error", "code", "request_id"} <= set(document):
            return f"an error of another shape: {body[:200]!r}"
    return None


def _errors(answer: bytes) -> Iterator[bytes]:
    """The bodies of errors that the application gave: those whose head says JSON."""
    while match := _STATUS.match(answer):
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        if int(match[1]) >= 400 and b"application/json" in head and rest:
            yield rest[:size]
        answer = rest[size:]
