"""Predictions inside the gateway's own process, by ONNX Runtime: no TorchServe, no second process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam.tensors import Arrays, rows_of
from service import priority
from service.backends import onnx_session
from service.backends.base import Answer
from service.errors import backend_unavailable
from service.versions.served import Served

# Of one run on the CPU: 10,000 rows of 256 values between layers took 17 ms at once and 12 ms so.
PIECE_ROWS = 512


@dataclass(frozen=True)
class _Model:
    """A session with the number of rows that the event loop may be held for.

    `piece` is the most rows of one run; None, on a GPU: any.
    """

    session: Any
    outputs: list[str]
    quick_rows: int
    piece: int | None

    def run(self, tensors: Arrays) -> npt.NDArray[Any]:
        """The model's output; the session's own wrapper, which checks names once more, costs a sixth of a small run."""
        (output,) = self.session._sess.run(self.outputs, tensors, None)
        return output  # type: ignore[no-any-return]

    def run_in_pieces(self, tensors: Arrays) -> npt.NDArray[Any]:
        """The same for any number of rows: what a few hundred need between the layers stays in the processor's cache.

        Rows know nothing of their neighbours, which the parity gate holds.
        """
        rows = rows_of(tensors)
        if self.piece is None or rows <= self.piece:
            return self.run(tensors)
        starts = range(0, rows, self.piece)
        pieces = ({name: one[at : at + self.piece] for name, one in tensors.items()} for at in starts)
        outputs = []
        for piece in pieces:
            outputs.append(self.run(piece))
            priority.step_aside()
        return np.concatenate(outputs)


class OnnxRuntimeBackend:
    """Holds one session for each served model, and knows by measuring what each costs.

    Raises:
        MulgamError: a model can't be loaded, or a GPU is demanded and the session did not get it.
    """

    def __init__(self, served: Iterable[Served], device: str) -> None:
        self._device = device
        self._models = {one: _loaded(one, device) for one in served}
        # onnxruntime frees the interpreter lock while it computes, so threads use the cores.
        self.workers = self.lanes = len(os.sched_getaffinity(0))
        # Batches that threads have now.
        self._computing = 0
        # One more than requests use at a time, for golden replays and shadows.
        self._threads = ThreadPoolExecutor(self.lanes + 1, "onnxruntime", priority.stand_back)

    def cheap_rows(self, served: Served) -> int:
        """By the time that this model took when it was loaded."""
        rows = self._model(served).quick_rows
        return rows if rows >= onnx_session.LEAST_CHEAP_ROWS else 0

    def idle_rows(self, served: Served) -> int:
        """Where a thread computes, what comes joins the next batch."""
        return 0 if self._computing else self._model(served).quick_rows

    def at_once(self, served: Served, tensors: Arrays) -> Answer:
        """Run one batch here and now."""
        return Answer(self._model(served).run(tensors), served.digest)

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """Run one batch in a thread."""
        run = self._model(served).run_in_pieces
        loop = asyncio.get_running_loop()
        self._computing += 1
        try:
            return Answer(await loop.run_in_executor(self._threads, run, tensors), served.digest)
        finally:
            self._computing -= 1

    def _model(self, served: Served) -> _Model:
        model = self._models.get(served)
        if model is None:
            raise backend_unavailable(served.name)
        return model

    async def prepare(self, served: Served) -> None:
        """Load another version, in a thread."""
        loop = asyncio.get_running_loop()
        self._models[served] = await loop.run_in_executor(self._threads, _loaded, served, self._device)

    async def release(self, served: Served) -> None:
        """Drop the session."""
        self._models.pop(served, None)

    async def close(self) -> None:
        """Stop the threads and drop the sessions."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._models.clear()


def _loaded(served: Served, device: str) -> _Model:
    session = onnx_session.opened(served, device)
    outputs = [output.name for output in session.get_outputs()]
    piece = PIECE_ROWS if session.get_providers()[0] == onnx_session.CPU else None
    return _Model(session, outputs, onnx_session.quick_rows(session, served), piece)
