"""What the parser lets pass and the edge does not: refused by the head or by the shape of the body."""

from __future__ import annotations

import pytest

from service.errors import ApiError
from service.http1.guard import (
    FREE_CHUNKS,
    LEAST_CHUNK,
    MAX_FRAMING,
    MAX_HEADERS,
    MAX_URL,
    check_chunks,
    check_framing,
    check_head,
)

HOST = ("host", "localhost")
LENGTH = ("content-length", "5")
CODING = ("transfer-encoding", "chunked")


def head(path: str = "/p", query: str = "", headers: tuple[tuple[str, str], ...] = (HOST,)) -> str:
    """The code with which a head is refused, "" where it passes."""
    try:
        check_head(path, query, headers)
    except ApiError as error:
        return f"{error.status} {error.code}"
    return ""


@pytest.mark.parametrize(
    "headers",
    [
        (HOST,),
        (HOST, LENGTH),
        (HOST, CODING),
        (HOST, ("expect", "100-continue")),
        (HOST, ("expect", "100-Continue")),
        (HOST, ("x-a", "1"), ("x-a", "2")),
        (HOST, ("transfer-encoding", "Chunked")),
        (("host", ""),),
        (("host", "a_b-1.example.com.:8000"),),
        (("host", "[::1]:80"),),
        (("host", ".".join(["a" * 63] * 4)),),
    ],
)
def test_a_plain_head_passes(headers: tuple[tuple[str, str], ...]) -> None:
    """One Host, at most one way to tell the body's length, `Expect: 100-continue` in any case."""
    assert head(headers=headers) == ""


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ((), "400 BAD_HOST"),
        ((HOST, HOST), "400 BAD_HOST"),
        ((HOST, LENGTH, LENGTH), "400 BAD_FRAMING"),
        ((HOST, LENGTH, CODING), "400 BAD_FRAMING"),
        ((HOST, CODING, CODING), "400 BAD_FRAMING"),
        ((HOST, ("expect", "200-maybe")), "417 EXPECTATION_FAILED"),
        ((HOST, ("transfer-encoding", "gzip, chunked")), "501 NOT_IMPLEMENTED"),
        ((HOST, ("transfer-encoding", ",chunked")), "501 NOT_IMPLEMENTED"),
        ((("host", "a b"),), "400 BAD_HOST"),
        ((("host", "a,b"),), "400 BAD_HOST"),
        ((("host", "me@a"),), "400 BAD_HOST"),
        ((("host", "[::1"),), "400 BAD_HOST"),
        ((("host", "a..b"),), "400 BAD_HOST"),
        ((("host", "a:port"),), "400 BAD_HOST"),
        ((("host", "a" * 64),), "400 BAD_HOST"),
        ((("host", ".".join(["a" * 63] * 5)),), "400 BAD_HOST"),
    ],
)
def test_an_ambiguous_head_is_refused(headers: tuple[tuple[str, str], ...], refusal: str) -> None:
    """Where two servers could read two different requests, or a demand that is not met."""
    assert head(headers=headers) == refusal


@pytest.mark.parametrize(
    ("headers", "length"),
    [((HOST,), 0), ((HOST, LENGTH), 5), ((HOST, ("content-length", "0")), 0), ((HOST, CODING), None)],
)
def test_a_head_tells_the_bodys_length(headers: tuple[tuple[str, str], ...], length: int | None) -> None:
    """None where it comes in chunks and only its end tells."""
    assert check_head("/p", "", headers) == length


def test_the_url_has_a_limit() -> None:
    """Path and query together; at the limit it passes."""
    assert head("/" + "p" * 99, "q" * (MAX_URL - 100)) == ""
    assert head("/" + "p" * 99, "q" * (MAX_URL - 99)) == "414 URI_TOO_LONG"
    assert head("/" + "p" * MAX_URL) == "414 URI_TOO_LONG"


def test_the_headers_have_a_limit() -> None:
    """Names and values together; at the limit they pass."""
    rest = MAX_HEADERS - len("hostlocalhost") - len("x-a")
    assert head(headers=(HOST, ("x-a", "a" * rest))) == ""
    assert head(headers=(HOST, ("x-a", "a" * (rest + 1)))) == "431 HEADERS_TOO_LARGE"


def test_http_1_0_has_no_transfer_coding() -> None:
    """Whoever sends one to an old server and to us would be understood in two ways (RFC 9112, 6.1)."""
    with pytest.raises(ApiError) as caught:
        check_head("/p", "", (HOST, CODING), is_1_0=True)
    assert (caught.value.status, caught.value.code) == (400, "BAD_FRAMING")


def test_a_path_of_two_slashes_is_nowhere() -> None:
    """The app would drop one of them, and an ingress that blocks a path would have let it pass."""
    assert head("//metrics") == "404 NOT_FOUND"


def test_what_stands_between_pieces_of_a_body_has_a_limit() -> None:
    """At the limit it passes."""
    check_framing(MAX_FRAMING)
    with pytest.raises(ApiError) as caught:
        check_framing(MAX_FRAMING + 1)
    assert (caught.value.status, caught.value.code) == (400, "BAD_FRAMING")


def test_a_body_of_tiny_chunks_is_refused() -> None:
    """A thousand chunks of any size are free; more of them must carry something."""
    check_chunks(FREE_CHUNKS, 1)
    check_chunks(FREE_CHUNKS + 1, (FREE_CHUNKS + 1) * LEAST_CHUNK)
    with pytest.raises(ApiError) as caught:
        check_chunks(FREE_CHUNKS + 1, (FREE_CHUNKS + 1) * LEAST_CHUNK - 1)
    assert (caught.value.status, caught.value.code) == (400, "TOO_MANY_CHUNKS")
