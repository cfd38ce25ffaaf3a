"""Files for browsers: read once, kept plain and in gzip, tagged by their content, answered with what a browser has."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flask import Response, request

from service.compression import takes_gzip

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file's content and media type."""

    plain: bytes
    content_type: str

    @cached_property
    def compressed(self) -> bytes:
        """In gzip."""
        return gzip.compress(self.plain, 9, mtime=0)

    @cached_property
    def tag(self) -> str:
        """The first part of its entity tags: another one for another content."""
        return hashlib.sha256(self.plain).hexdigest()[:16]


def read(path: Path) -> Asset:
    """A file as it is now."""
    return Asset(path.read_bytes(), CONTENT_TYPES[path.suffix])


def answer(asset: Asset, headers: Mapping[str, str]) -> Response:
    """The file with these headers, or 304 where the browser has it; within a request."""
    zipped = takes_gzip(request.headers.get("Accept-Encoding"))
    # Each form has a tag of its own, and either tells that the file is the same.
    plain_tag, zipped_tag = asset.tag, f"{asset.tag}-gzip"
    known = request.if_none_match
    if known.contains_weak(plain_tag) or known.contains_weak(zipped_tag):
        response = Response(status=304)
    else:
        response = Response(asset.compressed if zipped else asset.plain, content_type=asset.content_type)
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
    response.headers.extend(headers)
    response.set_etag(zipped_tag if zipped else plain_tag)
    response.headers["Vary"] = "Accept-Encoding"
    # Kept, and asked for anew each time: what changes counts at once, and costs 304s otherwise.
    response.headers["Cache-Control"] = "no-cache"
    return response
