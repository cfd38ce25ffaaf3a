"""API keys from a mounted file: one on each line, several for rotation, read again when the file changes.

What is kept is the SHA-256 of each key. A caller's key is compared with every one of them in constant time, so that
neither the time nor the number of comparisons tells how near a guess was. Keys are never logged nor answered.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

from mulgam.errors import MulgamError
from service.errors import ApiError
from service.openapi import files as viewer
from service.page import files as page
from service.settings import Settings

log = logging.getLogger(__name__)

# What a Bearer token may consist of (RFC 6750, 2.1); shorter ones can be guessed.
_KEY = re.compile(r"[A-Za-z0-9._~+/-]+=*")
LEAST_LENGTH, MOST_LENGTH = 16, 512
MOST_BYTES = 2**20
# Between two looks at the file: a change counts within this time.
LOOK_SECONDS = 1.0
# Probes come without a key: these paths tell nothing but whether the service lives and is ready.
OPEN_PATHS = frozenset({"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})


class KeysError(MulgamError):
    """The file of keys can't be read, or holds something else."""


class Keys:
    """The keys that open the service.

    Args:
        path: the file.
        also_open: paths that need no key, beside the probes.

    Raises:
        KeysError: it can't be read, holds no key, or a line that is none.
    """

    def __init__(self, path: Path, also_open: frozenset[str] = frozenset()) -> None:
        self._path = path
        self._open = OPEN_PATHS | also_open
        self._stamp = _stamp(path)
        self._digests = _read(path)
        self._looked = time.monotonic()

    def check(self, path: str, header: Callable[[str], str | None]) -> None:
        """Refuse a request without a valid key, unless its path is open.

        Args:
            path: of the request, percent-decoded.
            header: gives a header's value by its name in lower case.

        Raises:
            ApiError: 401 UNAUTHORIZED.
        """
        if path in self._open:
            return
        if not self._knows(_presented(header)):
            raise ApiError(
                401, "UNAUTHORIZED", "This service wants a valid API key: send Authorization: Bearer KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip

    def _knows(self, key: str) -> bool:
        self._look()
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        # All of them, always: an early end would tell which one it was.
        return sum([hmac.compare_digest(one, digest) for one in self._digests]) > 0

    def _look(self) -> None:
        """Read the file again where it has changed; while it can't be read, the last good keys count."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._digests = _read(self._path)
        except KeysError as problem:
            log.error("the API keys stay as they were: %s", problem)
        else:
            log.info("the API keys were read again: there are %d", len(self._digests))


def from_settings(settings: Settings) -> Keys | None:
    """The keys of `MULGAM_API_KEYS_FILE`; None where it is not set. Raises KeysError."""
    open_paths = page.paths() | viewer.paths() if settings.shows_page else frozenset[str]()
    return Keys(Path(settings.api_keys_file), open_paths) if settings.api_keys_file else None


def _presented(header: Callable[[str], str | None]) -> str:
    """The key that a request shows: as a Bearer token, else in X-API-Key; "" where there is none."""
    scheme, _, token = (header("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else header("x-api-key") or ""


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes with the file, or where a mounted link leads; None where it can't be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(path: Path) -> tuple[bytes, ...]:
    """The SHA-256 of each key; raises KeysError."""
    return tuple(hashlib.sha256(key.encode()).digest() for key in listed(path))


def listed(path: Path) -> list[str]:
    """The keys of a file; blank lines and those that begin with # are none. Raises KeysError, which shows none."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise KeysError(f"The file of API keys {path} can't be read: {problem.strerror}.") from problem
    if len(content) > MOST_BYTES:
        raise KeysError(f"The file of API keys {path} has more than {MOST_BYTES} bytes.")
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#") and not _is_key(line):
            raise KeysError(
                f"Line {number} of {path} is no API key: {LEAST_LENGTH} to {MOST_LENGTH} letters, digits"
                " and - . _ ~ + / =, or a comment that begins with #."
            )
    keys = [line for line in lines if _is_key(line)]
    if not keys:
        raise KeysError(f"The file of API keys {path} holds no key.")
    return keys


def _is_key(line: str) -> bool:
    return LEAST_LENGTH <= len(line) <= MOST_LENGTH and _KEY.fullmatch(line) is not None
