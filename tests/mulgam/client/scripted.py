"""A service that answers what a test wants, or nothing: in threads, for a client that waits."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# (number of the request from 1 on, its head and body) → bytes to send; None closes the connection.
Script = Callable[[int, bytes], bytes | None]


@dataclass
class Service:
    """Where it listens, and what came in."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[Service]:
    """Answer until the block ends."""
    with contextlib.ExitStack() as opened, socket.create_server(("127.0.0.1", 0)) as listener:
        service = Service(f"http://127.0.0.1:{listener.getsockname()[1]}")
        lock = threading.Lock()

        def serve(connection: socket.socket) -> None:
            with connection, connection.makefile("rb") as incoming, contextlib.suppress(OSError):
                while request := _request(incoming):
                    with lock:
                        service.requests.append(request)
                        number = len(service.requests)
                    answer = script(number, request)
                    if answer is None:
                        return
                    connection.sendall(answer)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                opened.callback(_shut, connection)
                service.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            _shut(listener)
            thread.join(5)


def http(status: int, document: Any, **headers: str) -> bytes:
    """An answer of JSON, or of the bytes that are given."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def header(request: bytes, name: str) -> str | None:
    """A header of a request."""
    for line in request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name.lower():
            return value.strip()
    return None


def sent(request: bytes) -> Any:
    """The body of a request as JSON."""
    return json.loads(request.partition(b"\r\n\r\n")[2])


def _request(incoming: Any) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = incoming.readline()
        if not line:
            return b""
        head += line
    return head + incoming.read(int(header(head, "Content-Length") or 0))  # type: ignore[no-any-return]


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
