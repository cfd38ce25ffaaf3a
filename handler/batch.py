"""Many requests, one run, many answers: pure, with the runtime given."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from handler.exchange import Answer, Exchange, Request, failure, refusal
from mulgam.errors import InputError
from mulgam.signature import Signature
from mulgam.tensors import Arrays, rows_of

logger = logging.getLogger(__name__)

NON_FINITE_OUTPUT = failure("NON_FINITE_OUTPUT", "The model gave no finite number for a row of this request.")
MODEL_FAILED = failure("MODEL_FAILED", "The model could not compute this request.")


class Runtime(Protocol):
    """What computes a graph: one of the `runtime_*` modules."""

    name: str
    device: str

    def run(self, inputs: Arrays) -> npt.NDArray[np.float32]:
        """The graph's one output for its inputs, [N] or [N, K]; raises whatever the library raises."""
        ...


class Served:
    """A verified, loaded model: what `loading.load` returns, and all that a request needs.

    Args:
        signature: the model's.
        digest: of the verified files.
        runtime: holds the loaded graph.
    """

    def __init__(self, signature: Signature, digest: str, runtime: Runtime) -> None:
        self.signature = signature
        self.digest = digest
        self.runtime = runtime
        parameters = {"digest": digest, "runtime": runtime.name, "device": runtime.device}
        self._exchange = Exchange(signature, parameters)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer for each request, in order; a bad one never hurts the others."""
        answers: dict[int, Answer] = {}
        good: dict[int, Arrays] = {}
        for position, request in enumerate(requests):
            try:
                good[position] = self._exchange.read(request)
            except InputError as problem:
                answers[position] = refusal(problem)
        outputs = self._outputs(list(good.values()))
        answers.update({position: self._packed(output) for position, output in zip(good, outputs, strict=True)})
        return [answers[position] for position in range(len(requests))]

    def run(self, inputs: Arrays) -> npt.NDArray[np.float32]:
        """Run the graph and hold it to its signature's word: one answer for each row, of the right shape."""
        output = self.runtime.run(inputs)
        rows = rows_of(inputs)
        expected = (rows, *self.signature.output.shape[1:])
        if output.shape != expected or output.dtype != np.float32:
            raise ValueError(f"the output is {output.dtype} {list(output.shape)}, expected float32 {list(expected)}")
        return output

    def _outputs(self, items: list[Arrays]) -> list[npt.NDArray[np.float32] | None]:
        """The output for each item, None where the model fails on it."""
        if not items:
            return []
        try:
            output = self.run(self._joined(items))
        except Exception:
            logger.exception("The model failed on a batch of %d requests.", len(items))
            # One of them is to blame, and only that one may notice.
            return [None] if len(items) == 1 else [self._outputs([item])[0] for item in items]
        if len(items) == 1:
            return [output]
        ends = np.cumsum([rows_of(item) for item in items])
        return list(np.split(output, ends[:-1]))

    def _joined(self, items: list[Arrays]) -> Arrays:
        """The rows of all items, in arrays that may be written to: torch takes no others."""
        if len(items) == 1:
            return {name: array if array.flags.writeable else array.copy() for name, array in items[0].items()}
        return {tensor.name: np.concatenate([item[tensor.name] for item in items]) for tensor in self.signature.inputs}

    def _packed(self, output: npt.NDArray[np.float32] | None) -> Answer:
        if output is None:
            return MODEL_FAILED
        if not np.isfinite(output).all():
            return NON_FINITE_OUTPUT
        return self._exchange.prediction(output)
