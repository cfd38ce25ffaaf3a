"""The API reference at `/docs` in a real browser: it shows what is served, and sends its examples from the page."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import models
from tests.browser.chromium import Visit
from tests.processes import Serving, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.beside, pytest.mark.timeout(300)]

KEY = "the-key-of-this-test-0123"
Visitor = Callable[..., contextlib.AbstractContextManager[Visit]]


@pytest.fixture(scope="module")
def registry(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of every type of feature, whose names want to be markup, and one of tensors."""
    root = tmp_path_factory.mktemp("docs") / "registry"
    models.publish_mixed(root)
    models.publish_doubled(root)
    return root


@pytest.fixture(scope="module")
def running(registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """They are served, in process."""
    with serving(registry, tmp_path_factory.mktemp("served"), backend="onnxruntime", drain_delay="0") as service:
        yield service


@pytest.fixture(scope="module")
def guarded(registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The same behind a key."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys").write_text(KEY)
    settings = {"drain_delay": "0", "api_keys_file": str(folder / "keys")}
    with serving(registry, folder, backend="onnxruntime", **settings) as service:
        yield service


@contextlib.contextmanager
def visiting(browser: Browser, service: Serving, **options: Any) -> Iterator[Visit]:
    """A visit to the reference, which leaves no complaint and asks no other host."""
    one = Visit(browser, f"http://127.0.0.1:{service.port}", **options)
    try:
        one.page.goto(f"{one.base}/docs")
        yield one
    finally:
        one.close()
    assert one.complaints == []
    assert one.hosts <= {one.base.split("/")[2]}


def tried(page: Any, path: str, kind: str | None = None) -> str:
    """Send the example of an operation from the page, in a media type; the body of the answer, which is a 200."""
    operation = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))
    operation.locator(".opblock-summary-control").first.click()
    operation.get_by_role("button", name="Try it out").click()
    if kind is not None:
        operation.get_by_label("Request content type").select_option(kind)
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    answer.wait_for()
    assert answer.locator("tbody .response-col_status").first.inner_text().split()[0] == "200"
    return str(answer.locator(".response-col_description pre code, .response-col_description pre").first.inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_examples_are_sent_from_the_page(browser: Browser, running: Serving, scheme: str) -> None:
    """Our own JSON, V2 and a table; names that want to be markup stay names."""
    with visiting(browser, running, color_scheme=scheme) as visit:
        page = visit.page
        page.locator(".opblock").first.wait_for()
        assert page.locator("html.dark-mode").count() == (scheme == "dark")
        own = json.loads(tried(page, "/predict/mixed"))
        assert own["predictions"][0]["label"] in models.CLASSES
        infer = json.loads(tried(page, "/v2/models/doubled/infer"))
        assert infer["outputs"][0]["shape"] == [1, 2, 3]
        table = tried(page, "/predict/mixed/versions/1", "text/csv")
        assert table.startswith("label,probability,error\n")
        assert page.title() == "Mulgam: API reference"
        assert page.locator("img[src=x]").count() == 0


def test_a_phone_shows_it(browser: Browser, running: Serving) -> None:
    """Nothing but code is wider than the screen."""
    with visiting(browser, running, viewport={"width": 390, "height": 844}) as visit:
        visit.page.locator(".opblock").first.wait_for()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_where_keys_are_set_it_asks_for_one(browser: Browser, guarded: Serving) -> None:
    """A wrong one is told, the right one opens the document and its requests, and is kept nowhere."""
    one = Visit(browser, f"http://127.0.0.1:{guarded.port}")
    page = one.page
    page.goto(f"{one.base}/docs")
    field = page.get_by_label("This service wants an API key.")
    field.fill("a-wrong-key-of-this-test")
    field.press("Enter")
    page.get_by_text("The service does not know this key.").wait_for()
    field.fill(KEY)
    page.get_by_role("button", name="Show").click()
    assert json.loads(tried(page, "/predict/mixed"))["model"] == "mixed"
    assert page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])") == '[{},{},""]'
    page.reload()
    field.wait_for()
    assert page.locator(".opblock").count() == 0
    one.close()
    # The browser itself notes each 401.
    assert all("401" in complaint for complaint in one.complaints)
