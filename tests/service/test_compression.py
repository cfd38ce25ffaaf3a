"""Compressed bodies: what was sent comes out, a bomb is never inflated past the limit."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calls import Reply
from service.compression import LEAST_BYTES, compressed, inflated
from service.errors import ApiError
from tests.builders import gzipped


@given(st.binary(max_size=500))
def test_what_was_compressed_comes_out(body: bytes) -> None:
    """gzip and deflate, and nothing at all."""
    assert inflated(gzipped(body), "gzip", 500) == body
    assert inflated(zlib.compress(body), " Deflate", 500) == body
    assert inflated(body, "identity", 500) == body


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    """100 MB of zeros in 100 kB: 413, and the memory stays near the limit."""
    bomb = gzip.compress(b"0" * 100_000_000)
    tracemalloc.start()
    with pytest.raises(ApiError) as caught:
        inflated(bomb, "gzip", 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 5_000_000


@pytest.mark.parametrize("body", [b"", b"no gzip", gzipped(b"x" * 100)[:-5], gzipped(b"a") + b"rest"])
def test_bytes_that_are_no_gzip_are_400(body: bytes) -> None:
    """Also those that are cut off, or go on after their end."""
    with pytest.raises(ApiError) as caught:
        inflated(body, "gzip", 1000)
    assert (caught.value.status, caught.value.code) == (400, "BAD_ENCODING")


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_several_members_are_one_body(parts: list[bytes]) -> None:
    """As `cat a.gz b.gz` makes it (RFC 1952, 2.2), bounded as a whole; deflate knows no such thing."""
    body = b"".join(map(gzipped, parts))
    assert inflated(body, "gzip", 1000) == b"".join(parts)
    with pytest.raises(ApiError) as caught:
        inflated(body + gzipped(b"x"), "gzip", len(b"".join(parts)))
    assert caught.value.code == "BODY_TOO_LARGE"
    with pytest.raises(ApiError) as caught:
        inflated(zlib.compress(b"a") * 2, "deflate", 1000)
    assert caught.value.code == "BAD_ENCODING"


def test_a_body_of_tiny_members_is_refused() -> None:
    """A hundred thousand of them cost no more than the first thousand; a thousand small ones are fine."""
    empty = gzipped(b"")
    assert inflated(empty * 1000, "gzip", 10) == b""
    with pytest.raises(ApiError) as caught:
        inflated(empty * 100_000, "gzip", 10)
    assert (caught.value.status, caught.value.code) == (400, "BAD_ENCODING")


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_noise_is_an_api_error(body: bytes, encoding: str) -> None:
    """Nothing else comes out, and never more than the limit."""
    with contextlib.suppress(ApiError):
        assert len(inflated(body, encoding, 100)) <= 100


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("gzip", True), ("br;q=1.0, gzip;q=0.8", True), ("*", True), ("gzip;q=0", False), ("br", False), (None, False)],
)
def test_an_answer_is_compressed_for_those_who_take_it(accepted: str | None, expected: bool) -> None:
    """And says so; short ones are left as they are."""
    body = b"[1.25]" * LEAST_BYTES
    reply = compressed(Reply(200, [("a", "b")], body), accepted)
    assert (("content-encoding", "gzip") in reply.headers) is expected
    assert (gzip.decompress(reply.body) if expected else reply.body) == body
    short = Reply(200, [], b"x")
    assert compressed(short, accepted) is short
