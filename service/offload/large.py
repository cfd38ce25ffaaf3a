"""What is large enough for the worker: it is parsed or written there, anything smaller where it is."""

from __future__ import annotations

from dataclasses import replace

from service.calls import Call
from service.offload.client import Offload
from service.protocols.base import Decoded, Headers, Output, PredictionProtocol, Render
from service.versions.served import Served

# A parser takes half a millisecond for it; the way to the worker and back costs as much.
LARGE_BYTES = 256 * 1024
# Of an output: about as much. A value is worth so many bytes of a body.
LARGE_VALUES = 8192
VALUE_BYTES = LARGE_BYTES // LARGE_VALUES


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
    if offload is None or output.size <= LARGE_VALUES:
        return write(output)
    return offload.run(served, timeout, write, output)


def _decode(protocol: PredictionProtocol, served: Served, call: Call, body: bytes, max_rows: int) -> Decoded:
    return protocol.decode(served, replace(call, body=body), max_rows)
