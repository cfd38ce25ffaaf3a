"""What is large enough for the worker: it is parsed or written there, anything smaller where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from service.calls import Call
from service.offload.client import Offload
from service.protocols.base import Decoded, Headers, Output, PredictionProtocol, Render
from service.versions.served import Served

# A parser takes half a millisecond for it; the way to the worker and back costs as much.
LARGE_BYTES = 256 * 1024
# To write a value of an output takes about as long.
VALUE_BYTES = 32

Result = TypeVar("Result")


def run(
    offload: Offload | None, size: int, served: Served | None, timeout: float,
    function: Callable[..., Result], *arguments: Any,
) -> Result:  # fmt: skip
    """The function's result, from the worker where there is one and `size` bytes are large; raises as `Offload.run`."""
    if offload is None or size <= LARGE_BYTES:
        return function(*arguments)
    return offload.run(served, timeout, function, *arguments)


def decode(
    offload: Offload | None, protocol: PredictionProtocol, served: Served, call: Call, max_rows: int, timeout: float
) -> Decoded:
    """`protocol.decode`, in the worker where there is one and the body is large.

    Raises:
        InputError: as `PredictionProtocol.decode`.
        ApiError: as that and as `Offload.run`.
    """
    if offload is None or protocol.parsed_bytes(call) <= LARGE_BYTES:
        return protocol.decode(served, call, max_rows)
    # A header that was not named is an error there, not an absent one.
    header = {name: call.header(name) for name in protocol.headers}.__getitem__
    head = replace(call, header=header, body=b"")
    return offload.run(served, timeout, _decode, protocol, served, head, call.body, max_rows)


def render(
    offload: Offload | None, served: Served, write: Render, output: Output, timeout: float
) -> tuple[Headers, bytes]:
    """`Decoded.render`, in the worker where there is one and the answer is large; raises as `Offload.run`."""
    return run(offload, output.size * VALUE_BYTES, served, timeout, write, output)


def _decode(protocol: PredictionProtocol, served: Served, call: Call, body: bytes, max_rows: int) -> Decoded:
    return protocol.decode(served, replace(call, body=body), max_rows)
