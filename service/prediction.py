"""One prediction's way: encode → backend → check the answer. Every protocol and the golden replay take it."""

from __future__ import annotations

import asyncio

import numpy as np
import numpy.typing as npt

from mulgam.encoding import Arrays
from service.backends.base import Answer, Backend
from service.errors import backend_late, bad_backend
from service.served import Served


async def predict(served: Served, tensors: Arrays, backend: Backend, timeout: float) -> npt.NDArray[np.float32]:
    """The model's output for encoded tensors.

    Returns:
        float32 [N] (regression) or [N, K] (classification), finite.

    Raises:
        BackendError: 502 where the answer has another digest, shape or a non-finite value; 503; 504.
    """
    rows = len(next(iter(tensors.values())))
    try:
        async with asyncio.timeout(timeout):
            answer = await backend.predict(served, tensors, timeout)
    except TimeoutError:
        raise backend_late(timeout) from None
    return _checked(served, answer, rows)


def _checked(served: Served, answer: Answer, rows: int) -> npt.NDArray[np.float32]:
    expected = (rows, *served.signature.output.shape[1:])
    if answer.digest != served.digest or answer.output.shape != expected or answer.output.dtype != np.float32:
        raise bad_backend()
    if not np.isfinite(answer.output).all():
        raise bad_backend()
    return answer.output
