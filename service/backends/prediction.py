"""One call of the backend, its answer checked. Requests and golden replays take the same way."""

from __future__ import annotations

import math

import numpy as np

from mulgam.tensors import Arrays, rows_of
from service.backends.base import Answer, Backend
from service.backends.time_out import within
from service.errors import backend_late, bad_backend
from service.protocols.base import Output
from service.versions.served import Served


async def predict(served: Served, tensors: Arrays, backend: Backend, timeout: float) -> Output:
    """The model's output for encoded tensors.

    Returns:
        float32 [N] (regression), [N, K] (classification) or [N, …] (generic), finite.

    Raises:
        BackendError: 502 where the answer has another digest, shape or a non-finite value; 503; 504.
    """
    rows = rows_of(tensors)
    try:
        with within(timeout):
            answer = await backend.predict(served, tensors, timeout)
    except TimeoutError:
        raise backend_late(timeout) from None
    return checked(served, answer, rows)


def checked(served: Served, answer: Answer, rows: int) -> Output:
    """The output of an answer that may be passed on; raises BackendError 502."""
    output = answer.output
    expected = (rows, *served.signature.output.shape[1:])
    if answer.digest != served.digest or output.shape != expected or output.dtype != np.float32:
        raise bad_backend()
    if not math.isfinite(total(output)) and not np.isfinite(output).all():
        raise bad_backend()
    return output


def total(output: Output) -> float:
    """The sum of all values: finite where every value is, so that most outputs are looked at once."""
    return float(output.item()) if output.size == 1 else float(output.sum(dtype=np.float64))
