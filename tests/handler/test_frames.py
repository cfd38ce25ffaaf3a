"""TorchServe's messages are read as its own reader would, however they are cut."""

from __future__ import annotations

import random
import struct
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import frames
from handler.frames import Frames

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # TorchServe leaves a file open while it is imported
    from ts.protocol import otf_message_handler as otf

# As tests are collected, before one of them has a worker replace it in this process.
OWN = otf._retrieve_buffer
# Request id, headers, bytes of the body.
Requests = list[tuple[str, dict[str, str], int]]
WORDS = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=9)
REQUESTS = st.lists(
    st.tuples(WORDS, st.dictionaries(WORDS, WORDS, max_size=4), st.integers(0, 40)),
    min_size=1,
    max_size=3,
)


class Pieces:
    """A connection that gives what it holds in pieces of these sizes, over and over; then its other side is gone."""

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        self._data = data
        self._sizes = sizes
        self.calls = 0

    def recv(self, size: int) -> bytes:
        """The next piece."""
        most = self._sizes[self.calls % len(self._sizes)]
        self.calls += 1
        piece, self._data = self._data[: min(size, most)], self._data[min(size, most) :]
        return piece


def framed(requests: Requests) -> bytes:
    """A batch as TorchServe 0.12.0 writes it (`OtfMessage`, `ModelRequestEncoder`)."""

    def field(data: bytes) -> bytes:
        return struct.pack("!i", len(data)) + data

    message = b"I"
    for name, headers, size in requests:
        message += field(name.encode())
        message += b"".join(field(key.encode()) + field(value.encode()) for key, value in headers.items())
        message += struct.pack("!i", -1)
        message += (
            field(b"body")
            + field(b"application/octet-stream")
            + field(random.Random(size).randbytes(size))
            + struct.pack("!i", -1)
        )
    return message + struct.pack("!i", -1)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's reader in TorchServe's module, which is put right again."""
    monkeypatch.setattr(otf, "_retrieve_buffer", OWN)
    assert frames.install()


def read_by(reader: Any, data: bytes, sizes: Sequence[int], count: int) -> list[Any]:
    """So many messages of a connection, by TorchServe's own code with one of the two readers."""
    connection = Pieces(data, sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otf, "_retrieve_buffer", reader)
        return [otf.retrieve_msg(connection) for _ in range(count)]


@given(st.lists(REQUESTS, min_size=1, max_size=3), st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_any_message_in_any_pieces_is_read_alike(messages: list[Requests], sizes: list[int]) -> None:
    """One after the other on a connection; a message that comes together with the next one is not lost."""
    data = b"".join(map(framed, messages))
    assert read_by(Frames(), data, sizes, len(messages)) == read_by(OWN, data, sizes, len(messages))


@pytest.mark.parametrize("sizes", [[100_000], [65_536, 1], [7_000]])
def test_a_large_body_is_read_alike(sizes: list[int]) -> None:
    """Of more than is asked for at a time, between two small ones."""
    small, large = [("id", {"a": "b"}, 4)], [("id", {"a": "b"}, 3 * frames.CHUNK)]
    data = framed(small) + framed(large) + framed(small)
    assert read_by(Frames(), data, sizes, 3) == read_by(OWN, data, sizes, 3)


@pytest.mark.usefixtures("installed")
def test_a_usual_request_is_asked_for_once() -> None:
    """One call of the system instead of dozens."""
    connection = Pieces(framed([("id", {"a": "b", "c": "d"}, 4)]), [2**20])
    command, (request,) = otf.retrieve_msg(connection)
    assert (command, len(request["parameters"][0]["value"]), connection.calls) == (b"I", 4, 1)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("left", [0, 1, 9])
def test_it_ends_when_torchserve_is_gone(left: int) -> None:
    """Quietly, also in the middle of a message: as TorchServe's own."""
    with pytest.raises(SystemExit) as ended:
        otf.retrieve_msg(Pieces(framed([("id", {}, 4)])[:left], [2**20]))
    assert ended.value.code == 0


def test_another_connection_begins_anew() -> None:
    """Nothing that came before is taken for its own."""
    take = Frames()
    assert take(Pieces(b"abcdef", [6]), 2) == b"ab"
    assert take(Pieces(b"xyz", [6]), 2) == b"xy"


@pytest.mark.parametrize("reader", [None, "no function", lambda conn: b""], ids=["absent", "no function", "other"])
def test_another_torchserve_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, reader: Any) -> None:
    """What was not seen to be so is not replaced."""
    module = ModuleType("otf")
    if reader is not None:
        module._retrieve_buffer = reader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, frames._MODULE, module)
    assert not frames.install()
    assert getattr(module, "_retrieve_buffer", None) is reader
