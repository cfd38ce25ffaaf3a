"""Predictions by any server that speaks the Open Inference Protocol V2: Triton, KServe, MLServer, another Mulgam.

Inputs and outputs have the names of the signature there. Such a server reports no digest (another Mulgam does, and
then it is compared): the registry's own stands in for it, of the version whose golden answers the server gives.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from mulgam import tensors as v2
from mulgam.errors import InputError, MulgamError
from mulgam.tensors import Arrays
from service.backends.balanced import BalancedClient
from service.backends.base import Answer, Elsewhere
from service.backends.http import BrokenAnswerError, ConnectionLostError, Reply
from service.backends.remote import Remote
from service.errors import answer_broken, backend_lost, backend_unavailable, bad_backend
from service.protocols import wire
from service.protocols.v2_json import array_of
from service.telemetry.trace import passed_on
from service.versions.served import Served

log = logging.getLogger(__name__)

# Not there, not now, too many, too late: another try may help. Whatever else it refuses, it would refuse again.
_PASSING = frozenset({404, 408, 429, 503, 504})
_SHOWN = 300
_LOOK_SECONDS = 0.25


class OipBackend(Elsewhere):
    """Calls a V2 server, or several in turn, over kept-open connections.

    Args:
        remote: where they are.
        lanes: calls under way at a time for each model.
        binary: whether tensors travel by the binary tensor extension; else as JSON.
        patience: seconds within which servers of the same registry must have loaded a new version.
    """

    def __init__(self, remote: Remote, lanes: int = 4, binary: bool = True, patience: float = 120.0) -> None:
        self._remote = remote
        self._patience = patience
        self._client = BalancedClient(remote.places)
        self._encode = _binary if binary else _json
        self._troubles: dict[str, str] = {}
        self.workers = self.lanes = lanes

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """One `infer` of the server."""
        headers, body = self._request(served, tensors)
        headers["X-Request-Timeout"] = f"{max(timeout, 0.001):.3f}"
        headers |= passed_on()
        try:
            reply = await self._client.post(self._remote.path(served.name, served.version), headers, body)
        except ConnectionLostError as problem:
            self._tell(served, f"no answer: {problem}")
            elsewhere = self._client.is_reachable
            if isinstance(problem, BrokenAnswerError):
                raise answer_broken(elsewhere=elsewhere) from problem
            raise backend_lost(served.name, elsewhere=elsewhere) from problem
        if reply.status != 200:
            # The sentence is the operator's only way to learn that shapes or names differ.
            self._tell(served, f"status {reply.status}: {reply.body[:_SHOWN].decode('utf-8', 'replace')}")
            raise backend_unavailable(served.name) if reply.status in _PASSING else bad_backend()
        try:
            answer = _answer(served, reply)
        except InputError as problem:
            self._tell(served, f"an answer that is no V2: {problem}")
            raise bad_backend() from problem
        self._troubles.pop(served.name, None)
        return answer

    async def prepare(self, served: Served) -> None:
        """Wait until every server of the same registry computes that version: each has to load it by itself.

        Of another server the golden requests find out. One that is not there is not waited for.
        """
        if not self._remote.ours:
            return
        headers, body = self._request(served, served.encoder.encode(served.entry.golden[0].instances))
        target = self._remote.path(served.name, served.version)
        due = time.monotonic() + self._patience
        while True:
            replies = await self._client.each(target, headers, body)
            there = {host: reply.status for host, reply in replies.items() if reply is not None}
            lacking = [f"{host} (status {status})" for host, status in there.items() if status != 200]
            if there and not lacking:
                return
            if time.monotonic() > due:
                who = ", ".join(lacking) or f"any server of {self._client.called}"
                raise MulgamError(f"it is not served by {who} after {self._patience:g} s")
            await asyncio.sleep(_LOOK_SECONDS)

    async def release(self, served: Served) -> None:
        """Nothing to do: the server's models are not ours to unload."""

    async def close(self) -> None:
        """Close the kept connections."""
        await self._client.close()

    def _request(self, served: Served, tensors: Arrays) -> tuple[dict[str, str], bytes]:
        headers, body = self._encode(tensors, served.signature.output.name)
        if self._remote.key:
            headers["Authorization"] = f"Bearer {self._remote.key}"
        return headers, body

    def _tell(self, served: Served, trouble: str) -> None:
        """Log what is wrong, once for as long as it stays the same."""
        if self._troubles.get(served.name) != trouble:
            self._troubles[served.name] = trouble
            log.warning("model %s: the server at %s gives %s", served.name, self._client.called, trouble)


def _binary(tensors: Arrays, output: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request with binary tensors, binary the answer."""
    wanted = [{"name": output, "parameters": {"binary_data": True}}]
    length, body = v2.encode("inputs", tensors, outputs=wanted)
    return {"Content-Type": v2.CONTENT_TYPE, v2.LENGTH_HEADER: str(length)}, body


def _json(tensors: Arrays, output: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request that is JSON alone; a missing value is `null`, as JSON has no NaN."""
    inputs = [
        {
            "name": name,
            "datatype": v2.datatype_of(array.dtype),
            "shape": array.shape,
            "data": np.ascontiguousarray(array).ravel(),
        }
        for name, array in tensors.items()
    ]
    document = {"inputs": inputs, "outputs": [{"name": output}]}
    return {"Content-Type": "application/json"}, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _answer(served: Served, reply: Reply) -> Answer:
    """The signature's output in an answer whose tensors are binary or JSON; raises InputError."""
    view = memoryview(reply.body)
    length = v2.checked_header_length(reply.header(v2.LENGTH_HEADER.lower()), len(view))
    document = wire.loads(view[:length])
    described = document.get("outputs") if isinstance(document, dict) else None
    if not isinstance(described, list):
        raise InputError("MISSING_FIELD", "it has no list of outputs", "outputs")
    raw = view[length:]
    found: dict[str, npt.NDArray[Any]] = {}
    for position, item in enumerate(described):
        where = f"outputs[{position}]"
        if isinstance(item, dict) and "data" in item:
            name, array = array_of(item, where)
        else:
            name, array, used = v2.raw_tensor(item, where, raw)
            raw = raw[used:]
        found[name] = array
    if raw:
        raise InputError("WRONG_SIZE", "bytes are left over after the last tensor")
    output = found.get(served.signature.output.name)
    if output is None:
        names = ", ".join(sorted(found)) or "none"
        raise InputError("MISSING_FIELD", f"it has no output {served.signature.output.name!r}, only: {names}")
    return Answer(_shaped(served, output), _digest(served, document, reply))


def _shaped(served: Served, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """As the signature has it: many servers give [N, 1] for one value a row, and doubles."""
    if output.ndim == 2 and output.shape[1] == 1 and len(served.signature.output.shape) == 1:
        output = output[:, 0]
    if output.dtype.kind == "f" and output.dtype != np.float32:
        with np.errstate(over="ignore"):  # what does not fit becomes an infinity, which is refused
            output = output.astype(np.float32)
    return output


def _digest(served: Served, document: dict[str, Any], reply: Reply) -> str:
    """What the server says that it computed with; where it says nothing, the golden answers speak for it."""
    parameters = document.get("parameters")
    told = parameters.get("digest") if isinstance(parameters, dict) else None
    return str(told or reply.header("x-model-digest") or served.digest)
