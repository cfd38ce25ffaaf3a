"""Which requests a canary gets: by a stable hash, so that a caller who shows the same key keeps its version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

KEY_HEADER = "x-canary-key"


def key_of(header: Callable[[str], str | None], request_id: str) -> str:
    """What a request is placed by: the caller's key, without one the request's own id."""
    return header(KEY_HEADER) or request_id


def place(model: str, key: str) -> float:
    """Where a key lies in [0, 1): evenly spread, the same in every process, and for each model another.

    A canary takes the keys below its share, so that a larger share keeps those of a smaller one.
    """
    text = f"{model} {key}".encode("utf-8", "surrogateescape")
    return (int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 11) / 2**53
