"""The fuzzers in short, what they have found, and that they would find it again. In full: `make fuzz`."""

from __future__ import annotations

from functools import cache

import pytest

from mulgam.errors import InputError
from service.errors import ApiError
from tests.fuzz import reference, rpc, sockets
from tests.fuzz.__main__ import crashes
from tests.fuzz.decoders import Decoder, attempt, decoders
from tests.fuzz.mutation import mutated

INPUTS, REQUESTS, CALLS = 300, 200, 300


@cache
def known() -> dict[str, Decoder]:
    """The decoders by their names."""
    return {decoder.name: decoder for decoder in decoders()}


@pytest.mark.parametrize("name", known())
def test_a_decoder_takes_or_refuses(name: str) -> None:
    """Its good inputs are taken; what was changed is taken, or refused with a sentence."""
    decoder = known()[name]
    for good in decoder.corpus:
        if name != "answer of a backend":  # one of them is a refusal
            decoder.run(good)
        assert attempt(decoder, good) is None
    assert crashes(decoder, 7, INPUTS) == []


# Found by the fuzzers, by the table, or by reading what they had not reached yet.
FOUND = [
    ("V2 JSON", b'{"inputs":[{"name":"numeric","datatype":"FP32","shape":[1,3],"data":[1,2,3],"parameters":[1]}]}'),
    ("answer of a backend", b"HTTP/1.1 \xb2\xb0\xb0 OK\r\nContent-Length: 0\r\n\r\n"),
    ("answer of a backend", b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"),
    ("answer of a backend", b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000),
    ("SHA256SUMS", b"0" * 64 + b"  " + b"m" * 4000 + b"\n"),
]


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_stays_mended(name: str, data: bytes) -> None:
    """Each input that once did harm."""
    assert attempt(known()[name], data) is None


def _fails(data: bytes) -> None:
    if b"\xff" in data:
        raise KeyError("a defect")
    if b"[[" in data:
        raise ApiError(500, "X", "a fault")
    if b"9999" in data:
        raise InputError("X", "x" * 1000)


def test_a_defect_is_found() -> None:
    """Each kind once, with the input that makes it again."""
    found = crashes(Decoder("planted", _fails, [b"[1,2,3]"]), 1, 2000)
    kinds = {kind for kind in ("KeyError", "status 500", "a sentence of 1000") for one in found if kind in one}
    assert len(kinds) == len(found) == 3


def test_a_seed_makes_the_same_inputs_again() -> None:
    """And another one others."""
    first, again, other = ([mutated(seed, number, [b"abc"]) for number in range(50)] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.live
@pytest.mark.beside
def test_the_socket_answers_whatever_is_sent() -> None:
    """No 500, no silence that lasts, one shape of errors, every process alive."""
    assert sockets.run(7, REQUESTS) == []


@pytest.mark.live
@pytest.mark.beside
def test_the_grpc_listener_answers_whatever_is_sent() -> None:
    """Neither INTERNAL nor UNKNOWN, every process alive, good calls answered as before."""
    assert rpc.run(7, CALLS) == []


@pytest.mark.live
@pytest.mark.beside
@pytest.mark.slow
def test_requests_made_from_the_reference_are_answered_as_it_says() -> None:
    """Statuses, media types, headers and bodies that it names; no 5xx."""
    assert reference.run(7, 5) == []


TOLD = """
================= FAILURES =================
____________ GET /v1/models ____________
1. Test Case ID: a

- ST101 Server error
____________ POST /predict/notes ____________
1. Test Case ID: b
================= SUMMARY =================
"""


def test_failures_are_told_one_by_one() -> None:
    """Each operation's with its heading."""
    found = reference.failures(TOLD)
    assert [one.splitlines()[0].strip("_ ") for one in found] == ["GET /v1/models", "POST /predict/notes"]
    assert "ST101" in found[0]
