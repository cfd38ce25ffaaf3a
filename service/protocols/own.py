"""The gateway's own JSON: `POST /predict/<model>[/versions/<version>]` with `{"instances": […]}`."""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qs

from service.calls import Call
from service.errors import ApiError
from service.protocols import wire
from service.protocols.base import JSON_HEADERS, Decoded, Headers, Output, check_json, encoded_rows
from service.versions.served import Served


class OwnJson:
    """Rows by name or in order, `null` for a missing value; `?probabilities=all` for every class."""

    name = "json"
    headers: tuple[str, ...] = ("content-type",)
    rows = "instances"

    def decode(self, served: Served, call: Call, max_rows: int) -> Decoded:
        """See `PredictionProtocol.decode`."""
        check_json(call)
        every = _wants_probabilities(call.query) if call.query else False
        tensors, rows = encoded_rows(served, call, ("instances",), max_rows)

        return Decoded(tensors, rows, partial(_answer, served, every))

    def parsed_bytes(self, call: Call) -> int:
        """See `PredictionProtocol.parsed_bytes`: all."""
        return len(call.body)


def _answer(served: Served, every: bool, output: Output) -> tuple[Headers, bytes]:
    return JSON_HEADERS, wire.answer(served.signature, served.version, output, every)


def _wants_probabilities(query: str) -> bool:
    """`probabilities=all`; parameters that nobody knows are ignored."""
    wanted = parse_qs(query, keep_blank_values=True).get("probabilities")
    if wanted not in (None, ["all"]):
        raise ApiError(400, "BAD_PARAMETER", "probabilities must be 'all' or absent.", "probabilities")
    return wanted is not None
