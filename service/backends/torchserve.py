"""Predictions by TorchServe, over its private Unix socket.

The body in both directions is the V2 binary tensor encoding; the other side is `handler/exchange.py`.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from mulgam import tensors as v2
from mulgam.errors import InputError
from mulgam.exchanges import DEADLINE_HEADER, Reader, Writer
from mulgam.tensors import Arrays
from service.backends.base import Answer, Elsewhere
from service.backends.http import BrokenAnswerError, ConnectionLostError, HttpClient, Reply
from service.backends.torchserve_keys import TorchServeKeys, is_refusal
from service.errors import BackendError, answer_broken, backend_lost, backend_unavailable, bad_backend
from service.telemetry.trace import passed_on
from service.versions.served import Served

_LENGTH = v2.LENGTH_HEADER.lower()
# What TorchServe answers to the calls that a worker had in hand when it died.
_WORKER_DIED = frozenset({500, 507})
# The worker leaves out what is so much too late: our own 504 comes first.
_LATE_SECONDS = 0.1


def default_lanes() -> int:
    """Calls under way for each worker: a second one is written while the first is computed, which takes a second core.

    On a single one it would only halve the batches.
    """
    return min(2, len(os.sched_getaffinity(0)))


class TorchServeBackend(Elsewhere):
    """Calls the TorchServe that listens on a socket.

    Args:
        socket: path of its inference socket, in its working folder.
        workers: of each model.
        lanes: calls under way at a time for each worker.
        needs_gpu: whether an answer that a CPU computed counts as none.
    """

    def __init__(self, socket: str, workers: int = 1, lanes: int = 2, needs_gpu: bool = False) -> None:
        self._needs_gpu = needs_gpu
        self._client = HttpClient(socket)
        self._keys = TorchServeKeys(Path(socket).parent, "inference")
        self._writer, self._reader = Writer("inputs"), Reader("outputs")
        self.workers = workers
        self.lanes = workers * lanes

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """One call to the handler."""
        header_length, body = self._writer.encode(tensors)
        deadline = time.monotonic() + timeout + _LATE_SECONDS
        headers = {"Content-Type": v2.CONTENT_TYPE, v2.LENGTH_HEADER: str(header_length), **passed_on()}
        headers[DEADLINE_HEADER] = f"{deadline:.3f}"
        reply = await self._call(served, headers, body)
        if is_refusal(reply.status, reply.body):
            self._keys.forget()
            reply = await self._call(served, headers, body)
        if reply.status != 200:
            raise _refusal(served, reply)
        return self._decoded(served, reply)

    async def _call(self, served: Served, headers: dict[str, str], body: bytes) -> Reply:
        target = f"/predictions/{served.name}/{served.version}"
        try:
            return await self._client.post(target, {**headers, **self._keys.headers()}, body)
        except BrokenAnswerError as problem:
            raise answer_broken() from problem
        except ConnectionLostError as problem:
            raise backend_lost(served.name) from problem

    def _decoded(self, served: Served, reply: Reply) -> Answer:
        try:
            message = self._reader.decode(reply.body, reply.header(_LENGTH))
        except InputError as problem:
            raise bad_backend() from problem
        output = message.tensors.get(served.signature.output.name)
        if output is None:
            raise bad_backend()
        # A worker without a usable GPU takes the CPU in silence; whoever demands a GPU must hear of it.
        if self._needs_gpu and not str(message.parameters.get("device")).startswith("cuda"):
            raise backend_unavailable(served.name)
        return Answer(output, str(message.parameters.get("digest")))

    async def prepare(self, served: Served) -> None:
        """Nothing to do: the supervisor has registered it."""

    async def release(self, served: Served) -> None:
        """Nothing to do: the supervisor unregisters it."""

    async def close(self) -> None:
        """Close the kept connections."""
        await self._client.close()


def _refusal(served: Served, reply: Reply) -> BackendError:
    """What an answer other than 200 means."""
    if _is_handlers(reply):
        return bad_backend()
    return backend_lost(served.name) if reply.status in _WORKER_DIED else backend_unavailable(served.name)


def _is_handlers(reply: Reply) -> bool:
    """Whether our handler answered: its `code` is a string, TorchServe's own ("no worker", a full queue, a
    worker that died, a model not loaded) a number. The handler refuses what the gateway let pass, or the
    model failed: in neither case would another try help."""
    try:
        return isinstance(json.loads(reply.body)["code"], str)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
