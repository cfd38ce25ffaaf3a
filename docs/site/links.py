"""Links of a built site that lead nowhere, and what it would fetch from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Elements whose address a browser fetches by itself; a link (`a`) waits for a reader.
_FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


@dataclass
class Page(HTMLParser):
    """What a page of the site refers to, and what can be referred to in it."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each element."""
        given = dict(attrs)
        for name in ("id", "name"):
            if value := given.get(name):
                self.anchors.add(value)
        if tag == "a" and (target := given.get("href")):
            self.links.append(target)
        if (address := given.get(_FETCHED.get(tag, ""))) and given.get("rel") not in ("canonical", "index", "search"):
            self.fetched.append(address)


def read(site: Path) -> dict[Path, Page]:
    """Every page of a site."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        found[path.resolve()] = page = Page()
        page.feed(path.read_text(encoding="utf-8"))
    return found


def faults(site: Path) -> Iterator[str]:
    """A sentence for each dead link, each anchor that is not there, and each address on another host."""
    pages = read(site)
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for target in page.links:
            address = urlsplit(target)
            if address.scheme or address.netloc:
                if address.scheme not in ("http", "https", "mailto") or not (address.netloc or address.path):
                    yield f"{name}: {target} is no address"
                continue
            file = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not file.is_file():
                yield f"{name}: {target} is not there"
            elif address.fragment and file in pages and unquote(address.fragment) not in pages[file].anchors:
                yield f"{name}: {target} has no such anchor"
        for target in page.fetched:
            if urlsplit(target).netloc:
                yield f"{name}: fetches {target}"
