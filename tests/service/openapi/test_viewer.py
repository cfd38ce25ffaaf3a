"""The viewer at `/docs`: files of our own alone, under a strict policy; open where keys are set, the document not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service import keys
from service.app import create_app
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.openapi.files import assets, paths
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import Catalogue, LineUp
from tests.service.openapi.conftest import NOTES, Api, Halves

KEY = "the-key-of-this-test-0123"


def test_every_file_is_served_under_a_strict_policy(api: Api) -> None:
    """With its type; nothing inline runs, nothing comes from elsewhere, nobody frames it."""
    for path in paths():
        answer = api.client.get(path)
        assert answer.status_code == 200
        assert answer.content_type.startswith(("text/html", "text/css", "text/javascript"))
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert re.findall(r"https?:|\*", policy) == []
    assert api.client.get("/docs/nope.js").status_code == 404
    assert api.client.get("/docs/..%2Fdocument.py").status_code == 404


def test_our_files_name_no_other_host(api: Api) -> None:
    """Each link and each fetch of the page is relative, and the files that it names are there."""
    page = api.client.get("/docs").get_data(as_text=True)
    for name in ("index.html", "start.js", "viewer.css"):
        assert "//" not in re.sub(r"(?m)^//.*$", "", assets()[name].plain.decode()), name
    for target in re.findall(r'(?:src|href)="([^"]+)"', page):
        if not target.startswith("data:"):
            assert api.client.get("/" + target.removeprefix("./")).status_code == 200, target


def test_what_a_browser_has_is_not_sent_again(api: Api) -> None:
    """In gzip where it is taken, 304 for either tag, another tag for another content."""
    plain = api.client.get("/docs/swagger-ui-bundle.js")
    zipped = api.client.get("/docs/swagger-ui-bundle.js", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert len(zipped.data) < len(plain.data) / 3
    for tag in (plain.headers["ETag"], zipped.headers["ETag"]):
        answer = api.client.get("/docs/swagger-ui-bundle.js", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.data) == (304, b"")
    assert len({asset.tag for asset in assets().values()}) == len(assets())


@pytest.fixture
def closed(bridge: Bridge, tmp_path: Path) -> FlaskClient:
    """An app behind a key."""
    (tmp_path / "keys").write_text(KEY)
    settings = Settings(api_keys_file=str(tmp_path / "keys"))
    catalogue = Catalogue([LineUp(NOTES)])
    plane = DataPlane(settings, catalogue, Halves(), Metrics(), keys=keys.from_settings(settings))
    return create_app(plane, bridge).test_client()


def test_with_keys_the_viewer_is_open_and_the_document_not(closed: FlaskClient) -> None:
    """The files tell nothing of the models; the document is as closed as /models is."""
    for path in paths():
        assert closed.get(path).status_code == 200
    for path in ("/openapi.json", "/models"):
        assert closed.get(path).status_code == 401
        assert closed.get(path, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    document = closed.get("/openapi.json", headers={"X-API-Key": KEY}).json
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    # The viewer hands the key to the scheme of this name.
    assert b'preauthorizeApiKey("bearer"' in assets()["start.js"].plain


def test_without_pages_there_is_no_viewer_but_the_document(api: Api, bridge: Bridge) -> None:
    """`MULGAM_PAGE=no`."""
    settings = replace(api.plane.settings, page="no")
    client = create_app(DataPlane(settings, api.plane.catalogue, Halves(), Metrics()), bridge).test_client()
    assert {client.get(path).status_code for path in paths()} == {404}
    assert client.get("/openapi.json").status_code == 200
