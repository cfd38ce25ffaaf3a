"""`make docs`: the site is whole, needs no other host, and shows nothing that is meant for the tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site import links, navigation
from docs.site.__main__ import MODULES
from tests import groups, pages
from tests.processes import ROOT


def test_every_page_has_its_place() -> None:
    """Once in the navigation, and there; all of docs/ is in it."""
    placed = navigation.pages()
    assert len(placed) == len(set(placed))
    assert [page for page in placed if not (ROOT / f"{page}.md").is_file()] == []
    written = {pages.name(page).removesuffix(".md") for page in pages.files("docs/*.md", "docs/**/*.md")}
    assert written - set(placed) == set()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built anew."""
    if groups.missing(MODULES) and not groups.install("docs"):
        pytest.skip("pip could not install the group 'docs'")
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "docs.site", "--site", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_whole(site: Path) -> None:
    """Every link and anchor leads somewhere, nothing is fetched from elsewhere, styles neither."""
    assert list(links.faults(site)) == []
    for style in site.rglob("*.css"):
        assert re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import[^;]*//", style.read_text(encoding="utf-8")) == []
    home = (site / "docs" / "README.html").read_text(encoding="utf-8")
    assert all(f">{heading}</span>" in home for heading in navigation.NAVIGATION)
    assert (site / "index.html").is_file()
    assert "tutorial" in (site / "searchindex.js").read_text(encoding="utf-8")


@pytest.mark.slow
def test_marks_are_not_seen(site: Path) -> None:
    """They are comments in the page's source, and no part of its text."""
    text = re.sub(r"<!--.*?-->", "", (site / "docs" / "tutorial.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "saved as" not in text
    assert "not run" not in text


def page(folder: Path, name: str, body: str) -> None:
    """A page of a site."""
    (folder / name).write_text(f"<!doctype html><html><body>{body}</body></html>")


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    """Of a page, of an anchor, and what is fetched from another host."""
    page(tmp_path, "a.html", '<h1 id="top"></h1><a href="b.html#there"></a><a href="https://example.org"></a>')
    page(tmp_path, "b.html", '<p id="there"></p><a href="a.html#top"></a><a href="#there"></a>')
    assert list(links.faults(tmp_path)) == []
    page(
        tmp_path,
        "c.html",
        '<a href="d.html"></a><a href="a.html#no"></a><a href="https:"></a><script src="https://cdn.example/x.js"></script>',
    )
    assert list(links.faults(tmp_path)) == [
        "c.html: d.html is not there",
        "c.html: a.html#no has no such anchor",
        "c.html: https: is no address",
        "c.html: fetches https://cdn.example/x.js",
    ]
