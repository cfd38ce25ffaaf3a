"""What a protocol is: from a call to tensors, and from the model's output to an answer's body."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mulgam.errors import InputError
from mulgam.tensors import Arrays
from service.calls import Call
from service.errors import ApiError
from service.protocols import wire
from service.protocols.number_rows import number_rows
from service.versions.served import Served

Output = npt.NDArray[np.float32]
# (headers, body) of the answer to an output.
Headers = list[tuple[str, str]]
Render = Callable[[Output], tuple[Headers, bytes]]

JSON = "application/json"
JSON_HEADERS = [("content-type", JSON)]
_CHARSET = re.compile(r';\s*charset\s*=\s*(?:"([^"]*)"|([^";\s]*))', re.IGNORECASE)
# ASCII is a part of it.
_UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")


@dataclass(slots=True)
class Decoded:
    """The graph's inputs, their number of rows, how the answer is to be written, and the seconds that it may take."""

    tensors: Arrays
    rows: int
    render: Render
    timeout: float | None = None

    def within(self, timeout: float) -> float:
        """The seconds that a request may take, where it may take so many anyhow."""
        return timeout if self.timeout is None else min(timeout, self.timeout)


class PredictionProtocol(Protocol):
    """One way to ask for a prediction."""

    name: str
    """The label in metrics."""

    rows: str
    """What its errors call the rows."""

    headers: tuple[str, ...]
    """The headers that `decode` reads."""

    def decode(self, served: Served, call: Call, max_rows: int) -> Decoded:
        """Check and encode what was sent.

        Raises:
            InputError: it does not fit the signature.
            ApiError: 413, 415, or a wrong parameter.
        """
        ...

    def parsed_bytes(self, call: Call) -> int:
        """How much of the body `decode` parses; the rest it takes as it is."""
        ...


def check_json(call: Call) -> None:
    """415 for anything but plain JSON in UTF-8; an absent Content-Type is taken for that."""
    kind = call.header("content-type")
    if kind is None or kind == JSON:
        return
    if kind.partition(";")[0].strip().lower() != JSON:
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"The body must be JSON; send Content-Type: {JSON}.")
    check_charset(kind)


def check_charset(kind: str) -> None:
    """415 where a Content-Type says that the body is in another encoding than UTF-8, as which it is read."""
    for name, value in _CHARSET.findall(kind):
        if (name or value).lower() not in _UTF8:
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be UTF-8, whatever its charset is called.")


def check_rows(rows: int, most: int) -> None:
    """413 for more rows than one request may have."""
    if rows > most:
        sentence = f"The request has {rows} rows; at most {most} are taken in one."
        raise ApiError(413, "TOO_MANY_ROWS", sentence)


def encoded_rows(served: Served, call: Call, names: tuple[str, ...], max_rows: int) -> tuple[Arrays, int]:
    """The graph's inputs for a JSON body of rows, and how many rows there are.

    Args:
        served: whose signature checks and encodes them.
        call: with the body.
        names: the words that may stand for "instances".
        max_rows: most rows of one request.

    Raises:
        InputError: they do not fit the signature; TOO_DEEP where the body is also nested beyond reason.
        ApiError: 413 for too many rows.
    """
    if served.encoder.takes_matrices:
        matrix = number_rows(call.body, names)
        if matrix is not None:
            check_rows(len(matrix), max_rows)
            tensors = served.encoder.encode_matrix(matrix)
            if tensors is not None:
                return tensors, len(matrix)
    try:
        rows = wire.instances(call.body, names)
        check_rows(len(rows), max_rows)
        return served.encoder.encode(rows), len(rows)
    except InputError:
        wire.explain_depth(call.body)
        raise
