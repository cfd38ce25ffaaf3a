"""Which requests a canary gets: by a stable hash, so that a caller who shows the same key keeps its version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

KEY_HEADER = "x-canary-key"
_BYTES = 8
_PLACES = 1 << 8 * _BYTES


def key_of(header: Callable[[str], str | None], request_id: str) -> str:
    """What a request is placed by: the caller's key, without one the request's own id."""
    return header(KEY_HEADER) or request_id


def place(model: str, key: str) -> bytes:
    """Where a key lies: evenly spread over 64 bits, the same in every process, and for each model another.

    A canary takes the keys below its `bound`, so that a larger share keeps those of a smaller one. Bytes compare as the
    numbers that they spell would, and cost less.
    """
    return hashlib.blake2b(f"{model} {key}".encode("utf-8", "surrogateescape"), digest_size=_BYTES).digest()


def bound(share: float) -> bytes:
    """The place below which such a share of all keys lies."""
    return min(int(share * _PLACES), _PLACES - 1).to_bytes(_BYTES)
