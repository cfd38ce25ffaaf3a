"""`GET /` and `GET /page/<name>`: the page for people, and the files it is made of."""

from __future__ import annotations

from flask import Blueprint, Response

from service import assets
from service.errors import from_status
from service.page.files import INDEX, files

# Nothing but our own files runs, nothing is fetched from elsewhere, nobody frames it, and no string becomes markup.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def blueprint() -> Blueprint:
    """The routes of the page."""
    routes = Blueprint("page", __name__)

    @routes.get("/")
    def index() -> Response:
        return _answer(INDEX)

    @routes.get("/page/<name>")
    def file(name: str) -> Response:
        return _answer(name)

    return routes


def _answer(name: str) -> Response:
    """A file, or 304 where the browser has it; 404 for another name."""
    found = files().get(name)
    if found is None:
        raise from_status(404)
    return assets.answer(found, HEADERS)
