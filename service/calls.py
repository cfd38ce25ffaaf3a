"""A prediction request and its answer, whatever way they came: what edge and Flask both hand to `respond`."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

# An id has to be unlike others, not secret: the system's random numbers would cost a system call for each.
_NUMBERS = random.Random()  # noqa: S311
# Parsing more than this would hold the event loop for longer than a cheap model may.
LOOP_BYTES = 32 * 1024
# Of every answer: what it is stands in Content-Type, and it is for this caller, now.
SAFE_HEADERS = (("x-content-type-options", "nosniff"), ("cache-control", "no-store"))
# What is counted for a caller that left before its answer, as nginx does; nobody is ever sent it.
GONE = 499
# A caller's id that is echoed.
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass(slots=True)
class Call:
    """A request that is whole.

    `header` gives a header's value by its name in lower case; `received` is when the body was whole, on the
    clock of `time.perf_counter`.
    """

    header: Callable[[str], str | None]
    query: str
    body: bytes
    request_id: str
    received: float


@dataclass(slots=True)
class Reply:
    """A whole answer; header names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def request_id(given: str | None) -> str:
    """The caller's id where it is a short plain word, else a new one."""
    if given and REQUEST_ID.fullmatch(given):
        return given
    return f"{_NUMBERS.getrandbits(64):016x}"
