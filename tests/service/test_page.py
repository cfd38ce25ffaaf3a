"""The page at `/`: its files as they are sent, what they may do, and that they fit together."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.page.files import FOLDER, INDEX, files, paths
from service.plane import DataPlane
from tests.processes import ROOT

TEXTS = {name: file.plain.decode() for name, file in files().items()}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}
# Of the first load: HTML, style, drawing, scripts and one dictionary, as they travel without compression.
MOST_BYTES = 150_000
LANGUAGES = ("en", "ko")


def words(language: str) -> dict[str, str]:
    """The dictionary of a language."""
    found = re.findall(r'^  (?:"([^"]+)"|(\w+)): "(.*)",$', TEXTS[f"{language}.js"], re.M)
    return {quoted or bare: text for quoted, bare, text in found}


@pytest.mark.parametrize("path", sorted(paths()))
def test_every_file_is_sent_with_its_type_and_the_policy(client: FlaskClient, path: str) -> None:
    """No sniffing, no framing, nothing from elsewhere, no inline script or style, no markup out of strings."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.data
    kind = {
        "": "text/html",
        ".html": "text/html",
        ".css": "text/css",
        ".js": "text/javascript",
        ".svg": "image/svg+xml",
    }
    assert answer.mimetype == kind[path[path.rindex(".") :] if "." in path else ""]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "DENY"
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"


def test_a_browser_that_has_a_file_is_not_sent_it_again(client: FlaskClient) -> None:
    """304 without a body for a tag of either form, also one that a proxy made weak; the file for another."""
    plain = client.get("/page/app.js")
    zipped = client.get("/page/app.js", headers={"Accept-Encoding": "br, gzip"})
    assert gzip.decompress(zipped.data) == plain.data
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert plain.headers["Cache-Control"] == "no-cache"
    for tag in (
        plain.headers["ETag"],
        zipped.headers["ETag"],
        "W/" + zipped.headers["ETag"],
        '"a", ' + plain.headers["ETag"],
    ):
        answer = client.get("/page/app.js", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.data) == (304, b""), tag
        assert "Content-Security-Policy" in answer.headers
    assert client.get("/page/app.js", headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "nope.js", "files.py", "__init__.py", "../settings.py", "..%2fsettings.py", "%2e%2e/settings.py",
        "..%5csettings.py",
        "app.js%00", "app.js/", "APP.JS", "", ".", "%ff", "a" * 3000, "en.js%0d%0aX-Evil:1", "C:%5capp.js", "app.js;x",
    ],
)  # fmt: skip
def test_only_the_files_of_the_page_are_sent(client: FlaskClient, name: str) -> None:
    """A name that is none, or leads elsewhere: 404 in the one shape, with nothing of a path."""
    answer = client.get(f"/page/{name}")
    assert (answer.status_code, answer.json["code"]) == (404, "NOT_FOUND")
    assert set(answer.json) == {"error", "code", "request_id"}


@pytest.mark.parametrize("path", ["/", "/page/app.js"])
def test_other_methods_have_the_one_shape(client: FlaskClient, path: str) -> None:
    """405 with Allow; HEAD is GET without a body."""
    answer = client.post(path)
    assert (answer.status_code, answer.json["code"], answer.headers["Allow"]) == (
        405,
        "METHOD_NOT_ALLOWED",
        "GET, HEAD, OPTIONS",
    )
    head = client.head(path)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", client.get(path).headers["ETag"])


def test_without_the_page_the_root_says_where_to_go(plane: DataPlane, bridge: Bridge) -> None:
    """MULGAM_PAGE=no: the paths as JSON, and no file."""
    bare = DataPlane(replace(plane.settings, page="no"), plane.catalogue, plane.backend, Metrics())
    client = create_app(bare, bridge).test_client()
    assert client.get("/").json["predict"]["notes"] == "/predict/notes"
    assert client.get("/page/app.js").status_code == 404


def test_the_first_load_is_small() -> None:
    """All files but the other language's, uncompressed."""
    size = sum(len(file.plain) for name, file in files().items() if name != "ko.js")
    assert size <= MOST_BYTES, f"{size} bytes"


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_file_names_another_host(name: str) -> None:
    """The page works offline: the only address in it is the name of a drawing's language."""
    found = [url for url in re.findall(r"(?:https?:)?//[\w.-]+\.\w{2,}\S*", TEXTS[name]) if "www.w3.org" not in url]
    assert found == []


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_script_makes_markup_or_code_of_strings(name: str) -> None:
    """Names and words are hostile: they go in as text."""
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser", SCRIPTS[name]
    )
    assert not re.search(r'setAttribute\("(style|on\w+)"', SCRIPTS[name])


def test_the_markup_has_no_inline_script_or_style() -> None:
    """The policy would refuse it."""
    html = TEXTS[INDEX]
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)


def test_every_file_that_is_named_is_there() -> None:
    """By the markup and by imports; each script but the dictionaries is loaded early."""
    named = set(re.findall(r'"page/([^"]+)"', TEXTS[INDEX]))
    imported = {one for text in SCRIPTS.values() for one in re.findall(r'from "\./([^"]+)"', text)}
    assert named | imported <= set(files())
    assert {f"{language}.js" for language in LANGUAGES} | named == set(files()) - {INDEX}
    assert {path.name for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".py"} == set(files())


def test_every_id_that_is_looked_up_is_there() -> None:
    """In the markup."""
    looked_up = {one for text in SCRIPTS.values() for one in re.findall(r'\bat\("([\w-]+)"\)', text)}
    assert looked_up
    assert looked_up <= set(re.findall(r'\bid="([\w-]+)"', TEXTS[INDEX]))


def test_both_languages_have_every_word() -> None:
    """The same keys with the same places, and each that a script asks for."""
    english, korean = (words(language) for language in LANGUAGES)
    assert len(english) > 100
    assert set(english) == set(korean)
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) >= set(re.findall(r"\{\w+\}", korean[key])), key
    asked = {one for text in SCRIPTS.values() for one in re.findall(r'\bt\(\s*"([\w.-]+)"', text)}
    assert asked <= set(english)
    # None that no script names, whole or by what stands before a place.
    code = "".join(text for name, text in SCRIPTS.items() if name.removesuffix(".js") not in LANGUAGES)
    stems = tuple(re.findall(r"\bt\(`([\w.-]+)\$\{", code))
    assert [key for key in english if f'"{key}"' not in code and not key.startswith(stems)] == []


@pytest.mark.parametrize("state", ["ready", "starting", "wrong", "unavailable", "stopping"])
def test_every_state_has_its_word(state: str) -> None:
    """And, where it is not ready, its sentence."""
    for language in LANGUAGES:
        assert f"state.{state}" in words(language)
        assert state == "ready" or f"why.{state}" in words(language)


def test_the_pictures_are_small_and_shown() -> None:
    """Those that `make screenshots` makes: all of them on the page's own page."""
    pictures = sorted((ROOT / "docs" / "images").glob("page*.png"))
    page = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    assert len(pictures) >= 5
    for picture in pictures:
        assert picture.stat().st_size <= MOST_BYTES
        assert f"images/{picture.name})" in page
