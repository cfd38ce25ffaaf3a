"""A request as the parser gives it, and what answers it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

from service.calls import Reply
from service.errors import ApiError
from service.http1.exchange import Exchange
from service.http1.guard import check_host

_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?]+)(?P<rest>.*)", re.IGNORECASE)


@dataclass(slots=True)
class Request:
    """One request; its body is whole when it is to be answered, in the `parts` that it came in, of `size` bytes.

    `headers` are as they came, names in lower case; `fields` gives each by name, one that came twice joined by commas.
    """

    client: str
    method: str = ""
    path: str = ""
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    length: int | None = 0
    reserved: int = 0
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    is_kept: bool = True
    is_1_0: bool = False

    def body(self) -> bytes:
        """The whole body; of a large one this is a copy of milliseconds: not for the event loop."""
        if len(self.parts) != 1:
            self.parts = [b"".join(self.parts)]
        return self.parts[0]


class Pending(Protocol):
    """An answer that is being made."""

    def cancel(self) -> object:
        """Nobody waits for it any more: it is not given."""
        ...


class Handler(Protocol):
    """What a connection asks; all of it on the event loop."""

    @property
    def draining(self) -> bool:
        """Whether each answer closes its connection."""
        ...

    def admit(self, request: Request) -> int | None:
        """The head is here: the most bytes that its body may have, or None where `stream` reads it.

        Raises:
            ApiError: it is refused, whatever its body is.
        """
        ...

    def reserve(self, request: Request, size: int) -> None:
        """So many bytes more of its body are here, and will be kept.

        Raises:
            ApiError: there is no room for them.
        """
        ...

    def answer(self, request: Request, done: Callable[[Reply], None]) -> Reply | Pending:
        """The request is whole: its answer, or what `done` is called with later; cancelled when the client leaves."""
        ...

    async def stream(self, request: Request, exchange: Exchange) -> None:
        """Read the body and send the answer, both piece by piece. Never raises but for cancellation."""
        ...

    def abandon(self, request: Request) -> None:
        """It was admitted, and will not be whole."""
        ...

    def refuse(self, request: Request | None, error: ApiError) -> Reply:
        """The answer to what will not be read further; None where the head was not understood."""
        ...


def read_target(request: Request, target: bytes) -> None:
    """Take path and query from the request line's target (RFC 9112, 3.2): of an absolute one without its host.

    Raises:
        ApiError: 400 where it is not ASCII, or absolute and not of HTTP.
    """
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise ApiError(400, "BAD_HTTP", "The request's target must be ASCII; percent-encode the rest.") from None
    if not text.startswith("/") and "://" in text:
        absolute = _ABSOLUTE.fullmatch(text)
        if absolute is None:
            raise ApiError(400, "BAD_HTTP", "An absolute target must be http://HOST/PATH or https://HOST/PATH.")
        check_host(absolute["host"])
        text = absolute["rest"] if absolute["rest"].startswith("/") else "/" + absolute["rest"]
    path, _, request.query = text.partition("?")
    request.path = unquote(path, errors="surrogateescape") if "%" in path else path
