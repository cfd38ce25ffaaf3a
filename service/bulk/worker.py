"""One model on ONNX Runtime in this process, without a service: batches to written answers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mulgam.registry import opened
from mulgam.tensors import Arrays
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.prediction import predict
from service.bulk.formats import writer_of
from service.bulk.rows import Batch, Scorer
from service.protocols.base import Output
from service.versions.served import Served

# A batch offline may take its time.
_TIMEOUT = 3600.0


class Worker:
    """Scores batches by the very functions of the service.

    Args:
        root: of the registry.
        model: its name.
        version: which one; verified again here, so that all processes answer with the same files.
        form: in which the answers are written.
        keep: columns to pass through.
        kept: their types, as in `Source`.
        rejects_out_of_range: refuse rows with numbers outside of the range that training had.
    """

    def __init__(
        self, root: Path, model: str, version: int, form: str, keep: Sequence[str], kept: Any,
        rejects_out_of_range: bool,
    ) -> None:  # fmt: skip
        self._served = Served(opened(root).entry(model, version), "onnx")
        self._backend = OnnxRuntimeBackend([self._served], "cpu")
        # Not a `Runner`: it takes Ctrl-C for itself, and loses it where a call ends without waiting.
        self._loop = asyncio.new_event_loop()
        self._writer = writer_of(form, self._served.signature, keep, kept)
        outside = self._served.ranges.outside if rejects_out_of_range else None
        self._scorer = Scorer(self._served.encoder, self._compute, outside)

    def answers(self, batch: Batch) -> tuple[bytes, int, int]:
        """The answers as written, the number of rows, and how many of them are in error."""
        output = self._scorer.score(batch)
        return self._writer.rows(batch, output), batch.size, len(batch.problems)

    def close(self) -> None:
        """Drop the model."""
        self._loop.run_until_complete(self._backend.close())
        self._loop.close()

    def _compute(self, tensors: Arrays, rows: int) -> Output:
        return self._loop.run_until_complete(predict(self._served, tensors, self._backend, _TIMEOUT))


_worker: Worker | None = None


def start(*arguments: Any) -> None:
    """Make this process a `Worker` of these arguments; Ctrl-C is the parent's to handle."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = Worker(*arguments)


def work(batch: Batch) -> tuple[bytes, int, int]:
    """One batch in a worker process."""
    assert _worker is not None
    return _worker.answers(batch)
