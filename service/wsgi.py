"""From a whole request to a WSGI call and back (PEP 3333), so that the edge can run the Flask app."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from service.calls import Reply

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

# When the request was whole, on the clock of `time.perf_counter`: the app's timings start there.
RECEIVED = "mulgam.received"
# The `Caller` that waits for the answer; absent where nobody knows whether it still does.
CALLER = "mulgam.caller"
# A function that says whether reading the body would have to wait; absent where it is here, or nobody knows.
IS_WAITING = "mulgam.is_waiting"
# The body is here, and no other protocol is spoken; Werkzeug would refuse a path that is asked for a WebSocket.
_OF_THE_CONNECTION = ("HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE")
_WITHOUT_PREFIX = frozenset({"content-type", "content-length"})


def environ(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], client: str, scheme: str, body: bytes,
    received: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The environ of a request whose body is here.

    Args:
        method: as sent.
        path: percent-decoded.
        query: as sent.
        headers: (name in lower case, value); one that comes twice is joined by commas. One with an underscore
            is dropped: in an environ it could not be told from another with a hyphen.
        client: address and port of the peer.
        scheme: "http" or "https".
        body: whole; its length replaces what the headers say of it.
        received: when it was whole, on the clock of `time.perf_counter`; None: now.
    """
    values: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "mulgam",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        RECEIVED: time.perf_counter() if received is None else received,
    }
    for name, value in headers:
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if name not in _WITHOUT_PREFIX:
            key = "HTTP_" + key
        values[key] = f"{values[key]},{value}" if key in values else value
    for name in _OF_THE_CONNECTION:
        values.pop(name, None)
    values["CONTENT_LENGTH"] = str(len(body))
    return values


def run(app: App, values: dict[str, Any]) -> Reply:
    """Call the app and gather its answer."""
    status, headers, chunks = begin(app, values)
    try:
        return Reply(status, headers, b"".join(chunks))
    finally:
        end(chunks)


def begin(app: App, values: dict[str, Any]) -> tuple[int, list[tuple[str, str]], Iterable[bytes]]:
    """Call the app: status, headers with their names in lower case, and the body, to be given to `end`."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
        started[:] = [int(status.split(" ", 1)[0]), headers]
        return written.append

    written: list[bytes] = []
    chunks = app(values, start_response)
    if not started or written:
        # An old-fashioned app calls `start_response` with its first chunk, or writes by itself.
        whole = chunks
        try:
            written.extend(whole)
        finally:
            end(whole)
        chunks = written
    status, headers = started
    return status, [(name.lower(), value) for name, value in headers], chunks


def end(chunks: Iterable[bytes]) -> None:
    """Close an app's body, as PEP 3333 wants it."""
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
