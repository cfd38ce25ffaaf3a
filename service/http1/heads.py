"""Heads that were read before: a client sends the same one again and again, and to read it takes a quarter of the time.

A head's meaning depends on its bytes alone. So of a request that came whole and alone in one piece the head is kept as
it was, with what the parser and the guard made of it; whoever sends exactly these bytes again, and a body of exactly
that length in the same piece, means the same. Anything else is read as ever, and the parser notices nothing: it stands
before a request both times.
"""

from __future__ import annotations

from mulgam import exchanges
from service.http1.request import Request

# A client whose heads are all different must not cost more than their look-up; then all are forgotten at once.
MOST = 512
LONGEST = 2048
_END = b"\r\n\r\n"


class KnownHeads:
    """What one listener's connections have in common."""

    def __init__(self) -> None:
        self._known: dict[bytes, Request] = {}

    def again(self, data: bytes, client: str) -> Request | None:
        """The request that these bytes are, where its head is known and its body whole; nothing of it is reserved."""
        end = data.find(_END, 0, LONGEST) + len(_END)
        known = self._known.get(data[:end])
        if known is None or len(data) - end != known.length:
            return None
        return Request(
            client, known.method, known.path, known.query, known.headers, known.fields, known.length, 0,
            [data[end:]], len(data) - end,
        )  # fmt: skip

    def remember(self, data: bytes, request: Request) -> None:
        """Keep the head of the last request in these bytes, where it is the only one and has nothing special."""
        end = data.find(_END, 0, LONGEST) + len(_END)
        # Where several came, the body of the last is shorter than what follows the head of the first.
        if end < len(_END) or len(data) - end != request.length or not request.length:
            return
        if not request.is_kept or request.is_1_0 or "expect" in request.fields or "upgrade" in request.fields:
            return
        kept = Request("", request.method, request.path, request.query, request.headers, request.fields, request.length)
        exchanges.remember(self._known, data[:end], kept, end, MOST, LONGEST)
