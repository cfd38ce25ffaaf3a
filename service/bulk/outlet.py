"""The answer's way from a thread to the connection, with the pressure of a slow reader felt in the thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from service.bulk.window import Window
from service.http1.exchange import Exchange

# Handed over to the loop and not yet taken by it.
_MOST_IN_HAND = 256 * 1024


class ReaderGone(Exception):
    """The client left, or reads too slowly to be waited for."""


class Outlet:
    """One thread writes; the loop sends.

    Args:
        exchange: where it is sent.
        loop: the exchange's.
        window: the least speed at which the client must read.
        waits: told True while the client is waited for, False afterwards.
        received: the bytes that have come from the client; one that still sends may not be reading yet.
    """

    def __init__(
        self,
        exchange: Exchange,
        loop: asyncio.AbstractEventLoop,
        window: Window,
        waits: Callable[[bool], None],
        received: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._loop = loop
        self._window = window
        self._waits = waits
        self._received = received
        self._received_before = 0
        self._changed = threading.Condition()
        self._in_hand = 0
        self._is_clogged = self._is_lost = False
        exchange.on_change = self._look

    def write(self, data: bytes) -> None:
        """All of it, at the client's speed; raises ReaderGone."""
        self._wait(lambda: self._is_clogged or self._in_hand > _MOST_IN_HAND)
        with self._changed:
            self._in_hand += len(data)
        self._window.is_too_slow(0.0, len(data))
        self._loop.call_soon_threadsafe(self._send, data)

    def flush(self) -> None:
        """Wait until the loop has taken everything; raises ReaderGone."""
        self._wait(lambda: self._is_clogged or self._in_hand > 0)

    def _wait(self, is_full: Callable[[], bool]) -> None:
        with self._changed:
            while is_full() and not self._is_lost:
                started = time.monotonic()
                self._waits(True)
                self._changed.wait(max(self._window.left, 0.001))
                self._waits(False)
                received = self._received()
                came, self._received_before = received - self._received_before, received
                if self._window.is_too_slow(time.monotonic() - started, came):
                    raise ReaderGone
            if self._is_lost:
                raise ReaderGone

    def _send(self, data: bytes) -> None:
        """On the loop."""
        self._exchange.write(data)
        with self._changed:
            self._in_hand -= len(data)
        self._look()

    def _look(self) -> None:
        """On the loop: has the client read, or left?"""
        with self._changed:
            self._is_clogged, self._is_lost = self._exchange.is_clogged, self._exchange.is_lost
            self._changed.notify()
