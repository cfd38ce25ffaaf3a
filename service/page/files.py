"""The files of the page, read once, and the paths that they are served under."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from service.assets import CONTENT_TYPES, Asset, read

FOLDER = Path(__file__).parent
INDEX = "index.html"


@cache
def files() -> Mapping[str, Asset]:
    """Every file by its name."""
    return {path.name: read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in CONTENT_TYPES}


def paths() -> frozenset[str]:
    """The paths under which the page and its files are served; they tell nothing of the models."""
    return frozenset({"/", *(f"/page/{name}" for name in files())})
