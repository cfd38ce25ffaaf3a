"""Bodies between two sides that speak to one another again and again: gateway and TorchServe's handler.

From one request to the next their JSON parts differ by the number of rows alone. So the last ones are remembered, as
they were read and as they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from mulgam import tensors as v2
from mulgam.tensors import Arrays, Form, Head, Message, Section

# Of a request: the moment, on the `time.monotonic` of their machine, after which nobody waits for the answer.
DEADLINE_HEADER = "Mulgam-Deadline"
# How many are remembered, and the longest of them in bytes: strangers can't make them take more than these.
MOST, LONGEST = 256, 1024
Key = TypeVar("Key")
Value = TypeVar("Value")


class Writer:
    """Writes bodies, all with the same parameters.

    Args:
        section: "inputs" for requests, "outputs" for responses.
        parameters: JSON values that each of them carries.
    """

    def __init__(self, section: Section, parameters: Mapping[str, Any] | None = None) -> None:
        self._section = section
        self._parameters = parameters
        self._known: dict[tuple[Form, ...], bytes] = {}

    def encode(self, tensors: Arrays) -> tuple[int, bytes]:
        """As `tensors.encode`."""
        raw = [v2.raw_bytes(array) for array in tensors.values()]
        forms = v2.forms(tensors, raw)
        header = self._known.get(forms)
        if header is None:
            header = v2.json_part(self._section, forms, self._parameters)
            remember(self._known, forms, header, len(header))
        return len(header), b"".join((header, *raw))


class Reader:
    """Reads bodies.

    Args:
        section: "inputs" of requests, "outputs" of responses.
    """

    def __init__(self, section: Section) -> None:
        self._section = section
        self._known: dict[bytes, Head] = {}

    def decode(self, body: bytes | bytearray | memoryview, header_length: int | str | None) -> Message:
        """As `tensors.decode`."""
        view = memoryview(body)
        length = v2.checked_header_length(header_length, len(view))
        header = bytes(view[:length])
        head = self._known.get(header)
        if head is None:
            head = v2.read_head(self._section, header)
            remember(self._known, header, head, length)
        return Message(head.tensors(view[length:]), head.parameters, head.id)


def remember(
    known: dict[Key, Value], key: Key, value: Value, size: int, most: int = MOST, longest: int = LONGEST
) -> None:
    """Keep what was made of a head of so many bytes, where it is short; at one too many all others are forgotten."""
    if size > longest:
        return
    if len(known) >= most:
        known.clear()
    known[key] = value
