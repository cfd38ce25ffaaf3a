"""KServe V1: `POST /v1/models/<model>:predict` with `{"instances": […]}` (or "inputs")."""

from __future__ import annotations

from mulgam.errors import InputError
from service import wire
from service.calls import Call
from service.protocols.base import JSON_HEADERS, Decoded, Headers, Output, check_json, check_rows
from service.served import Served


class V1:
    """The rows of the gateway's own JSON, the answer as `{"predictions": […]}`."""

    name = "v1"

    def decode(self, served: Served, call: Call, max_rows: int) -> Decoded:
        """See `PredictionProtocol.decode`."""
        check_json(call)
        try:
            rows = wire.instances(call.body, ("instances", "inputs"))
            check_rows(len(rows), max_rows)
            tensors = served.encoder.encode(rows)
        except InputError:
            wire.explain_depth(call.body)
            raise

        def render(output: Output) -> tuple[Headers, bytes]:
            return JSON_HEADERS, wire.dumps({"predictions": wire.predictions(served.signature, output, False)})

        return Decoded(tensors, len(rows), render)
