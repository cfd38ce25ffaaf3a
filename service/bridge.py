"""The way from Flask's threads to the event loop on which backends and replays run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from service.caller import Caller

Result = TypeVar("Result")


class Bridge:
    """Runs coroutines on a loop from other threads: on the edge's loop, or on one of its own.

    Args:
        loop: a loop that runs in another thread; None starts one (under any WSGI server, and in tests).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._own = loop is None
        self.loop = loop or uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="mulgam-loop", daemon=True)
        if self._own:
            self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result], caller: Caller | None = None) -> Result:
        """The coroutine's result; the calling thread waits for it.

        Raises:
            CallerGoneError: it was cancelled, for the caller had left.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        return future.result() if caller is None else caller.result(future)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Let the loop call a function soon; nobody waits."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Stop and close the loop if it is the bridge's own."""
        if self._own and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()
