"""`GET /openapi.json`: the API reference; `GET /docs`: a viewer of it for people."""

from __future__ import annotations

from flask import Blueprint, Response

from service import assets
from service.errors import from_status
from service.openapi.files import PAGE
from service.openapi.files import assets as viewer
from service.openapi.reference import Reference
from service.plane import DataPlane

# Only our own files run, and nothing is fetched from elsewhere. Swagger UI writes styles into what it draws, and its
# own style sheet has images within.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}


def blueprint(plane: DataPlane) -> Blueprint:
    """The document, and its viewer where there are pages for people."""
    routes = Blueprint("docs", __name__)
    reference = Reference(plane)

    @routes.get("/openapi.json")
    def document() -> Response:
        return assets.answer(reference.current(), {})

    if plane.settings.shows_page:

        @routes.get("/docs")
        def page() -> Response:
            return file(PAGE)

        @routes.get("/docs/<name>")
        def file(name: str) -> Response:
            found = viewer().get(name)
            if found is None:
                raise from_status(404)
            return assets.answer(found, HEADERS)

    return routes
