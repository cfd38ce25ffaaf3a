"""Granian's side of a request, as far as the edges use it (RSGI)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

# The header that ends a kept-open connection after an answer.
CLOSE = ("connection", "close")


class Scope(Protocol):
    """What granian tells of a request (the parts used here)."""

    method: str
    path: str
    query_string: str
    client: str
    scheme: str
    headers: Any


class Exchange(Protocol):
    """Granian's side of one request: body in, answer out."""

    def __call__(self) -> asyncio.Future[bytes]:
        """The whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in chunks."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer."""
        ...

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        """Send what a file holds, read as the client reads."""
        ...
