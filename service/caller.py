"""Who waits for an answer that a thread makes: the event loop sees them leave, the thread looks between its steps."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class CallerGoneError(Exception):
    """Nobody waits for the answer any more."""


class Caller:
    """One request's. A thread can't be stopped, so that it has to look by itself whether it is still wanted."""

    def __init__(self) -> None:
        self.is_gone = False
        self._awaited: list[Future[Any]] = []

    def cancel(self) -> None:
        """They have left: what is awaited for them ends now, a thread's work after its present step."""
        self.is_gone = True
        for future in self._awaited:
            future.cancel()

    def awaits(self, future: Future[Any]) -> None:
        """Cancel this, too, when they leave; at once, if they have."""
        self._awaited.append(future)
        if self.is_gone:
            future.cancel()

    def result(self, future: Future[Result]) -> Result:
        """What the calling thread waits for; raises CallerGoneError where it was cancelled for that."""
        self.awaits(future)
        try:
            return future.result()
        except CancelledError:
            self.check()
            raise

    def check(self) -> None:
        """Raise CallerGoneError where nobody waits any more."""
        if self.is_gone:
            raise CallerGoneError
