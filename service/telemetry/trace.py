"""W3C Trace Context: a caller's trace is taken over, given a span of our own, and passed on to the backend.

Source: https://www.w3.org/TR/trace-context/. A request without `traceparent` costs one look-up of a header.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from service.versions.served import Served

Header = Callable[[str], str | None]

PARENT, STATE = "traceparent", "tracestate"
# Version 00 ends after the flags; a later version may go on after a hyphen. Zeros are no ids, ff is no version.
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a request belongs: its trace, our span in it, the caller's span (none in a new trace)."""

    trace_id: str
    span_id: str
    parent: str | None = None
    sampled: bool = False
    state: str | None = None

    def headers(self) -> dict[str, str]:
        """What the backend is sent: our span is its parent."""
        sent = {PARENT: f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"}
        if self.state:
            sent[STATE] = self.state
        return sent


# Of the batch that a backend is asked to compute.
current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def passed_on() -> dict[str, str]:
    """The headers for the backend's call that is under way; none without a trace."""
    trace = current.get()
    return trace.headers() if trace is not None else {}


def fresh(sampled: bool = False) -> Trace:
    """A trace that begins here."""
    return Trace(secrets.token_hex(16), secrets.token_hex(8), sampled=sampled)


def taken(header: Header, sampled: bool = False) -> Trace | None:
    """The trace of a request: the caller's, none where there is none, a new one where its header is invalid.

    `sampled` says whether such a new one is.
    """
    given = header(PARENT)
    if given is None:
        return None
    match = _PARENT.fullmatch(given)
    if match is None or (match[1] == "00" and match[5] is not None):
        return fresh(sampled)
    state = header(STATE)
    return Trace(
        match[2],
        secrets.token_hex(8),
        match[3],
        bool(int(match[4], 16) & 1),
        state if state and _STATE.fullmatch(state) else None,
    )


class Tracing:
    """Takes traces over; a subclass also reports them."""

    def begin(self, header: Header) -> Trace | None:
        """The trace of a request that begins."""
        return taken(header)

    def end(self, trace: Trace, served: Served, protocol: str, status: int, seconds: float) -> None:
        """A prediction request is answered, so many seconds after it was whole."""

    def close(self) -> None:
        """Report what is left."""
