"""KServe V1: `POST /v1/models/<model>:predict` with `{"instances": […]}` (or "inputs")."""

from __future__ import annotations

from functools import partial

from service.calls import Call
from service.protocols import wire
from service.protocols.base import JSON_HEADERS, Decoded, Headers, Output, check_json, encoded_rows
from service.versions.served import Served


class V1:
    """The rows of the gateway's own JSON, the answer as `{"predictions": […]}`."""

    name = "v1"
    headers: tuple[str, ...] = ("content-type",)
    rows = "instances"

    def decode(self, served: Served, call: Call, max_rows: int) -> Decoded:
        """See `PredictionProtocol.decode`."""
        check_json(call)
        tensors, rows = encoded_rows(served, call, ("instances", "inputs"), max_rows)

        return Decoded(tensors, rows, partial(_answer, served))

    def parsed_bytes(self, call: Call) -> int:
        """See `PredictionProtocol.parsed_bytes`: all."""
        return len(call.body)


def _answer(served: Served, output: Output) -> tuple[Headers, bytes]:
    return JSON_HEADERS, wire.dumps({"predictions": wire.predictions(served.signature, output, False)})
