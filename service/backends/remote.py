"""Where the servers of the `oip` backend are, and what they call our models: from the settings, checked at start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from mulgam.errors import MulgamError
from service import keys
from service.settings import Settings

_PAIR = re.compile(r"(?P<ours>[^=:,]+)=(?P<theirs>[^=:,]+)(:(?P<version>[^=:,]+))?")


@dataclass(frozen=True)
class Remote:
    """Hosts with ports, and the paths of models that have other names or a fixed version there.

    `ours` where they serve the same registry, so that each version is asked for by its number; `key` is shown to them.
    """

    places: tuple[tuple[str, int], ...]
    paths: Mapping[str, str]
    ours: bool = False
    key: str = ""

    def path(self, model: str, version: int) -> str:
        """Where to ask for a prediction; the server chooses the version, unless one is set or its versions are ours."""
        return self.paths.get(model) or _path(model, str(version) if self.ours else None)


def from_settings(settings: Settings) -> Remote:
    """The remote servers.

    Raises:
        MulgamError: an address is absent or none, or the names or the key can't be read.
    """
    paths = {}
    for pair in filter(None, (part.strip() for part in settings.oip_models.split(","))):
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise MulgamError(
                f"MULGAM_OIP_MODELS has {pair!r}; it must be a list of model=name or model=name:version, with commas."
            )
        paths[match["ours"].strip()] = _path(match["theirs"].strip(), match["version"])
    return Remote(places(settings.oip_url), paths, settings.oip_versions == "ours", _key(settings.oip_key_file))


def _key(path: str) -> str:
    """The first key of a file such as the server's own; none where no file is named."""
    if not path:
        return ""
    found = keys.listed(Path(path))
    return found[0]


def places(urls: str) -> tuple[tuple[str, int], ...]:
    """Hosts with ports, from addresses with commas between them; raises MulgamError."""
    return tuple(_address(url.strip()) for url in urls.split(","))


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
