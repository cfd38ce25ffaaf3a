"""How a worker takes in what TorchServe sends it: as much as there is at a time, not field by field.

TorchServe's own reader (`ts/protocol/otf_message_handler.py`, 0.12.0, the last release) asks the socket for four bytes
of length and then for the field, for every name and value of every header: 39 system calls for a request. `install`
gives it one that asks once and hands out of what came. Nothing else of it is changed, and where it is not as it was
seen to be, nothing at all.
"""

from __future__ import annotations

import inspect
import logging
import sys
from typing import Protocol

logger = logging.getLogger(__name__)

_MODULE, _FUNCTION, _PARAMETERS = "ts.protocol.otf_message_handler", "_retrieve_buffer", ["conn", "length"]
# Asked for at a time; what is longer is asked for by its length.
CHUNK = 64 * 1024


class Source(Protocol):
    """A connected socket, as far as it is needed."""

    def recv(self, size: int, /) -> bytes:
        """At most so many bytes; none where the other side is gone."""
        ...


class Frames:
    """Takes the place of TorchServe's `_retrieve_buffer`: the next so many bytes of a connection."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._ahead = bytearray()
        self._at = 0

    def __call__(self, source: Source, length: int) -> bytearray:
        """Wait for `length` bytes; as TorchServe's own, it ends the process where the other side is gone."""
        if source is not self._source:
            self._source, self._ahead, self._at = source, bytearray(), 0
        end = self._at + length
        if end > len(self._ahead):
            self._read(length)
            end = self._at + length
        data = self._ahead[self._at : end]
        self._at = end
        return data

    def _read(self, length: int) -> None:
        """Have at least `length` bytes ahead."""
        assert self._source is not None
        del self._ahead[: self._at]
        self._at = 0
        while (missing := length - len(self._ahead)) > 0:
            part = self._source.recv(max(missing, CHUNK))
            if not part:
                logger.info("TorchServe is gone.")
                sys.exit(0)
            self._ahead += part


def install() -> bool:
    """Have TorchServe, where this runs inside it, read by `Frames`; whether it does."""
    module = sys.modules.get(_MODULE)
    own = getattr(module, _FUNCTION, None)
    if module is None or not inspect.isfunction(own) or list(inspect.signature(own).parameters) != _PARAMETERS:
        return False
    setattr(module, _FUNCTION, Frames())
    return True
