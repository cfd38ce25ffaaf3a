"""What the HTTP parser lets pass and the edge does not: ambiguous framing and oversized requests.

RFC 9112 (sections 3.2, 6.1, 6.3, 7.1) and RFC 9110 (10.1.1) say what is refused; what the parser itself refuses
before this is listed in `docs/http.md`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from service.errors import ApiError, from_status

MAX_URL = 8 * 1024
MAX_HEADERS = 16 * 1024
MOST_HEADERS = 100
# A chunk costs the event loop far more than its bytes: a body of thousands of tiny ones is an attack.
FREE_CHUNKS = 1000
LEAST_CHUNK = 64
# Extensions of a chunk, or trailers: whatever stands between two pieces of a body, or after the last.
MAX_FRAMING = 16 * 1024
_MOST_HOST = 260  # a name of 253 letters, a point and a port
# RFC 3986, 3.2.2, without the signs that no name of a host has: a list or a user's name could be taken for two hosts.
_HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[\w~-]{1,63}(?:\.[\w~-]{1,63})*\.?)?(?::\d{0,5})?", re.ASCII | re.IGNORECASE)


def check_head(path: str, query: str, headers: Sequence[tuple[str, str]], is_1_0: bool = False) -> int | None:
    """Refuse a request by its head.

    Args:
        path: percent-decoded.
        query: as sent.
        headers: (name in lower case, value); not more than `MOST_HEADERS`.
        is_1_0: whether it says HTTP/1.0, which has no Transfer-Encoding.

    Returns:
        The body's length: 0 where there is none, None where it comes in chunks.

    Raises:
        ApiError: 400 BAD_FRAMING or BAD_HOST, 404, 414, 417, 431, 501.
    """
    if len(path) + len(query) > MAX_URL:
        raise ApiError(414, "URI_TOO_LONG", f"The URL is longer than the {MAX_URL} characters that are taken.")
    if path.startswith("//"):
        raise from_status(404)  # the app would drop a slash: what an ingress keeps from `/metrics` would reach it
    size = 0
    length: int | None = 0
    hosts = lengths = codings = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == "host":
            hosts += 1
            check_host(value)
        elif name == "content-length":
            lengths += 1
            length = int(value)  # the parser let digits pass only
        elif name == "transfer-encoding":
            codings += 1
            length = None
            if value.lower() != "chunked":
                raise from_status(501, "The only transfer coding that is taken is chunked.")
        elif name == "expect" and value.lower() != "100-continue":
            raise ApiError(417, "EXPECTATION_FAILED", "The only expectation that is met is 100-continue.")
    if size > MAX_HEADERS:
        raise ApiError(431, "HEADERS_TOO_LARGE", f"The headers are longer than the {MAX_HEADERS} bytes that are taken.")
    if lengths + codings > 1:
        raise ApiError(400, "BAD_FRAMING", "Send one Content-Length or one Transfer-Encoding, not several.")
    if codings and is_1_0:
        raise ApiError(400, "BAD_FRAMING", "HTTP/1.0 has no Transfer-Encoding; send a Content-Length.")
    if hosts != 1:
        raise ApiError(400, "BAD_HOST", f"A request needs one Host header, not {hosts}.")
    return length


def check_host(value: str) -> None:
    """Refuse what is no host, with a port or without; raises ApiError 400."""
    if len(value) > _MOST_HOST or not _is_host(value):
        raise ApiError(400, "BAD_HOST", "A request is for one host, with a port or without.")


@functools.lru_cache(64)  # nearly every request names the same one
def _is_host(value: str) -> bool:
    return _HOST.fullmatch(value) is not None


def check_framing(size: int) -> None:
    """Refuse so many bytes in which a body did not go on; raises ApiError 400."""
    if size > MAX_FRAMING:
        raise ApiError(
            400, "BAD_FRAMING", f"Extensions of a chunk, or trailers, are longer than the {MAX_FRAMING} bytes allowed."
        )


def check_chunks(count: int, size: int) -> None:
    """Refuse a body in more chunks than its size can explain; raises ApiError 400."""
    if count > FREE_CHUNKS and size < count * LEAST_CHUNK:
        raise ApiError(400, "TOO_MANY_CHUNKS", f"The body comes in chunks of less than {LEAST_CHUNK} bytes.")
