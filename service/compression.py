"""gzip and deflate in both directions, with a limit on what a body may become (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from service.calls import Reply
from service.errors import ApiError, body_too_large

# zlib's window bits for a gzip and for a zlib wrapper ("deflate" in HTTP).
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# What follows a member is copied at its end: from a whole body that would cost the square of its length.
_PIECE = 64 * 1024
# The most that is made at a time.
_BLOCK = 2**20
# Of what cuts a body in blocks (bgzip) each has some kilobytes.
_FREE_MEMBERS, _LEAST_MEMBER = 1000, 1024
# Smaller answers fit one packet anyway.
LEAST_BYTES = 1400
# The fastest level: it halves JSON; the slower ones take four times as long for a tenth more.
_LEVEL = 1


def inflated(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was compressed; hardly more than `limit` bytes of it are ever made.

    Raises:
        ApiError: 415 for another encoding, 413 past the limit, 400 for bytes that are not of this encoding.
    """
    name = _known(encoding)
    if name == "identity":
        return body
    pieces = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
    parts: list[bytes] = []
    left = limit
    for part in inflated_blocks(pieces, encoding, _BLOCK):
        left -= len(part)
        if left < 0:
            raise body_too_large(limit)
        parts.append(part)
    return b"".join(parts)


def inflated_blocks(blocks: Iterable[bytes], encoding: str, size: int) -> Iterator[bytes]:
    """The same block by block, of at most `size` bytes each; gzip may have several members (RFC 1952, 2.2).

    Raises:
        ApiError: 415 for another encoding, 400 where the bytes are not of this one, or end within it.
    """
    name = _known(encoding)
    if name == "identity":
        yield from blocks
        return
    inflater = zlib.decompressobj(_WINDOW[name])
    is_whole = False
    members, received = 1, 0
    try:
        for block in blocks:
            received += len(block)
            while block:
                if inflater.eof:
                    members += 1
                    _check_member(name, members, received)
                    inflater = zlib.decompressobj(_WINDOW[name])
                if plain := inflater.decompress(block, size):
                    yield plain
                block = inflater.unconsumed_tail or inflater.unused_data
            while not inflater.eof and (plain := inflater.decompress(b"", size)):
                yield plain
            is_whole = inflater.eof
    except zlib.error as problem:
        raise _not_that(name) from problem
    if not is_whole:
        raise _not_that(name)


def _check_member(name: str, count: int, received: int) -> None:
    """Refuse another member where there can be none, or where they are so small that only their number costs."""
    if name == "deflate":
        raise _not_that(name)
    if count > _FREE_MEMBERS and received < count * _LEAST_MEMBER:
        raise ApiError(400, "BAD_ENCODING", f"The body comes in members of gzip of less than {_LEAST_MEMBER} bytes.")


def compressed(reply: Reply, accepted: str | None) -> Reply:
    """The answer in gzip where the caller takes it and the body is worth it."""
    if len(reply.body) < LEAST_BYTES or not takes_gzip(accepted):
        return reply
    deflater = zlib.compressobj(_LEVEL, wbits=_WINDOW["gzip"])
    body = deflater.compress(reply.body) + deflater.flush()
    headers = [*reply.headers, ("content-encoding", "gzip"), ("vary", "accept-encoding")]
    return Reply(reply.status, headers, body)


def _known(encoding: str) -> str:
    name = encoding.strip().lower()
    if name != "identity" and name not in _WINDOW:
        sentence = "The body's encoding must be gzip, deflate or none."
        raise ApiError(415, "UNSUPPORTED_ENCODING", sentence, headers={"Accept-Encoding": "gzip, deflate"})
    return name


def takes_gzip(accepted: str | None) -> bool:
    """Whether an Accept-Encoding, where there is one, lets gzip pass."""
    if accepted is None:
        return False
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _not_that(name: str) -> ApiError:
    return ApiError(400, "BAD_ENCODING", f"The body is not whole {name}, as its Content-Encoding says.")
