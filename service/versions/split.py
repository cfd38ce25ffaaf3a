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


class Share:
    """The keys that a canary takes: evenly spread, the same in every process, and for each model others.

    A key's place among 64-bit numbers is a hash of model and key; the canary takes those below its bound, so that a
    larger share keeps the keys of a smaller one.

    Args:
        model: its name.
        share: of all keys, 0 to 1.
    """

    __slots__ = ("_begun", "_bound")

    def __init__(self, model: str, share: float) -> None:
        # Begun once for all keys: for each of them only the rest is hashed.
        self._begun = hashlib.blake2b(f"{model} ".encode(), digest_size=_BYTES)
        self._bound = min(int(share * _PLACES), _PLACES - 1).to_bytes(_BYTES)

    def takes(self, key: str) -> bool:
        """Whether a key is among them. Bytes compare as the numbers that they spell would, and cost less."""
        hasher = self._begun.copy()
        hasher.update(key.encode("utf-8", "surrogateescape"))
        return hasher.digest() < self._bound
