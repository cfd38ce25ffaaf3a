"""Headless Chromium: where it is, how it is started, and what a visit to the page is."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests import groups

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Another interface of this machine came or went (a container's): Chromium gives up what it was asking for.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
# Of the group "browser" in pyproject.toml.
MODULES = ("playwright", "axe_playwright_python")
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Absent(Exception):
    """There is no browser to test with; the text says what is missing."""


def executable() -> str:
    """Chromium's path, with Playwright there to drive it: installed on first use.

    Raises:
        Absent: one of them is not there.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise Absent("there is no Chromium (Debian: chromium)")
    if groups.missing(MODULES) and (not groups.install("browser") or groups.missing(MODULES)):
        raise Absent("pip can't install the group 'browser' of pyproject.toml here")
    return found


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """A browser with a profile of its own, gone afterwards; raises Absent."""
    path = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of its own in a fresh profile, and what happened on it.

    Attributes:
        page: Playwright's.
        complaints: what the console warned of, and exceptions that nobody caught.
        was_disturbed: whether the network of this machine changed meanwhile.
        hosts: every host that was asked for something.
    """

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base = base
        self.context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options})
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.was_disturbed = False
        self.hosts: set[str] = set()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda problem: self.complaints.append(str(problem)))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def open(self, model: str) -> Page:
        """The page with a model, its first answer (or the wait for one) shown."""
        from playwright.sync_api import TimeoutError as Late

        self.page.goto(f"{self.base}/#{model}")
        with contextlib.suppress(Late):
            self.page.locator(".model").wait_for(timeout=20_000)
        if self.was_disturbed:
            self.was_disturbed = False
            self.page.reload()
        self.page.locator(".model").wait_for()
        self.page.wait_for_function(
            "() => document.querySelector('#latency').textContent || !document.querySelector('.answer-state').hidden"
        )
        return self.page

    def close(self) -> None:
        """Leave."""
        self.context.close()

    def _said(self, message: Any) -> None:
        if NETWORK_CHANGED in message.text:
            self.was_disturbed = True
        elif message.type in ("error", "warning"):
            self.complaints.append(message.text)
