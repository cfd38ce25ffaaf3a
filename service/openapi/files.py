"""The files of the viewer at `/docs`: our page around Swagger UI, which the package `flask-swagger-ui` carries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from service.assets import Asset, read

PAGE = "index.html"
_OURS = (PAGE, "start.js", "viewer.css")
_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")


@cache
def assets() -> Mapping[str, Asset]:
    """Every file by its name."""
    ours, theirs = Path(__file__).parent / "viewer", Path(str(files("flask_swagger_ui"))) / "dist"
    return {
        **{name: read(ours / name) for name in _OURS},
        **{name: read(theirs / name) for name in _SWAGGER_UI},
    }


def paths() -> frozenset[str]:
    """The paths of the viewer's files; they tell nothing of the models."""
    return frozenset({"/docs", *(f"/docs/{name}" for name in (*_OURS, *_SWAGGER_UI))})
