"""The document as a file for browsers and tools, made anew when other versions are served."""

from __future__ import annotations

import threading

import orjson

from service.assets import Asset
from service.openapi.answers import JSON
from service.openapi.document import document
from service.plane import DataPlane
from service.versions.served import Catalogue


class Reference:
    """The document of what a plane serves now; for several threads.

    Args:
        plane: whose models and settings it describes.
    """

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._made: tuple[Catalogue, Asset] | None = None

    def current(self) -> Asset:
        """The document; its tag follows from its content, and so from the digests of the versions."""
        with self._lock:
            catalogue = self._plane.catalogue
            if self._made is None or self._made[0] is not catalogue:
                body = orjson.dumps(document(self._plane.settings, catalogue))
                self._made = (catalogue, Asset(body, JSON))
            return self._made[1]
