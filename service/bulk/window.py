"""The least speed at which a peer must send or read, looked at over stretches of waiting for it."""

from __future__ import annotations


class Window:
    """Adds up the time that was spent waiting for a peer, and what came of it.

    Args:
        rate: bytes a second that must come about.
        seconds: of waiting after which they are looked at; then a new stretch begins.
    """

    def __init__(self, rate: float, seconds: float) -> None:
        self._least = rate * seconds
        self._seconds = seconds
        self._waited = 0.0
        self._bytes = 0

    @property
    def left(self) -> float:
        """Seconds of waiting until the next look."""
        return max(self._seconds - self._waited, 0.0)

    def is_too_slow(self, waited: float, size: int) -> bool:
        """Add a wait and its bytes; whether a stretch ended in which too few came."""
        self._waited += waited
        self._bytes += size
        if self._waited < self._seconds:
            return False
        too_few = self._bytes < self._least
        self._waited, self._bytes = 0.0, 0
        return too_few
