"""One exchange with the service over a kept connection. Thread-safe; a forked process opens connections of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from mulgam.client.errors import NO_CONNECTION, TIMEOUT, UnavailableError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Reply:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """The connections to one service.

    Args:
        url: `http://host:port` or `https://…`, with a path before every other where a proxy wants one.
        idle: how many are kept for the next request.
        context: of TLS; None: the system's certificates, verified.

    Raises:
        ValueError: the URL is none of these.
    """

    def __init__(self, url: str, idle: int, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no address of a service, such as http://127.0.0.1:8000.")
        self.url = url.rstrip("/")
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._most = idle
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Reply:
        """Send a request and read its answer.

        Raises:
            UnavailableError: no whole answer came (NO_CONNECTION), or not within `seconds` (TIMEOUT).
        """
        ends = time.monotonic() + seconds
        kept = self._kept()
        if kept is not None:
            try:
                return self._exchanged(kept, method, path, headers, body, ends)
            except UnavailableError as problem:
                if problem.code != NO_CONNECTION:
                    raise
                # The service closed it while nobody used it, as it may: that says nothing about a fresh one.
        return self._exchanged(self._opened(), method, path, headers, body, ends)

    def close(self) -> None:
        """Close what is idle; the next request opens a connection again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        if hasattr(self, "_idle"):  # not where the URL was refused
            self.close()

    def _exchanged(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        ends: float,
    ) -> Reply:
        try:
            _allow(connection, ends)
            # What refuses a large body may answer and close before it has read all of it: then that answer counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, self._prefix + path, body, dict(headers))
            _allow(connection, ends)
            answer = connection.getresponse()
            blocks = []
            while block := answer.read1(_BLOCK):
                blocks.append(block)
                _allow(connection, ends)
            if answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
            answer.close()  # which frees the connection for its next request
        except TimeoutError as problem:
            connection.close()
            raise UnavailableError(f"{self.url} gave no answer in time.", TIMEOUT) from problem
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            reason = getattr(problem, "strerror", None) or type(problem).__name__
            raise UnavailableError(f"{self.url} can't be asked: {reason}.", NO_CONNECTION) from problem
        except BaseException:
            connection.close()
            raise
        found = {name.lower(): value for name, value in answer.getheaders()}
        if answer.will_close:
            connection.close()
        else:
            self._keep(connection)
        return Reply(answer.status, found, b"".join(blocks))

    def _opened(self) -> http.client.HTTPConnection:
        if self._context is not None:
            return http.client.HTTPSConnection(self._host, self._port, context=self._context)
        return http.client.HTTPConnection(self._host, self._port)

    def _kept(self) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._process != os.getpid():  # two processes on one connection would read each other's answers
                self._process, inherited, self._idle = os.getpid(), self._idle, []
                for connection in inherited:  # of this process alone: the other's stays open
                    connection.close()
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < self._most and self._process == os.getpid():
                self._idle.append(connection)
                return
        connection.close()


def _allow(connection: http.client.HTTPConnection, ends: float) -> None:
    """What is left of the time, to the next step; raises TimeoutError where nothing is."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)
