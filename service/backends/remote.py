"""Where the server of the `oip` backend is, and what it calls our models: read from the settings, checked at start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from mulgam.errors import MulgamError
from service.settings import Settings

_PAIR = re.compile(r"(?P<ours>[^=:,]+)=(?P<theirs>[^=:,]+)(:(?P<version>[^=:,]+))?")


@dataclass(frozen=True)
class Remote:
    """Host and port, and the paths of models that have other names or a fixed version there."""

    host: str
    port: int
    paths: Mapping[str, str]

    def path(self, model: str) -> str:
        """Where to ask for a prediction of a model; the server chooses the version unless one is set."""
        return self.paths.get(model) or _path(model, None)


def from_settings(settings: Settings) -> Remote:
    """The remote server.

    Raises:
        MulgamError: the address is absent or none, or the names can't be read.
    """
    host, port = _address(settings.oip_url)
    paths = {}
    for pair in filter(None, (part.strip() for part in settings.oip_models.split(","))):
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise MulgamError(
                f"MULGAM_OIP_MODELS has {pair!r}; it must be a list of model=name or model=name:version, with commas."
            )
        paths[match["ours"].strip()] = _path(match["theirs"].strip(), match["version"])
    return Remote(host, port, paths)


def _address(url: str) -> tuple[str, int]:
    wanted = "it must be http://host:port of a server that speaks the Open Inference Protocol V2"
    if not url:
        raise MulgamError(f"MULGAM_BACKEND is oip, so MULGAM_OIP_URL must be set: {wanted}.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise MulgamError(f"MULGAM_OIP_URL is {url!r}; {wanted}.") from problem
    if parts.scheme == "https":
        raise MulgamError(f"MULGAM_OIP_URL is {url!r}; TLS is not spoken to backends: {wanted}.")
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme != "http" or not host or not port or not bare:
        raise MulgamError(f"MULGAM_OIP_URL is {url!r}; {wanted}.")
    return host, port


def _path(name: str, version: str | None) -> str:
    part = "" if version is None else f"/versions/{quote(version.strip(), safe='')}"
    return f"/v2/models/{quote(name, safe='')}{part}/infer"
