"""One service with the default models and a hostile one, one browser, and a fresh visit for each test."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import models
from tests.browser.chromium import Absent, Visit, running
from tests.processes import Serving, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Open = Callable[..., Visit]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium; skipped where there is none. Playwright keeps a loop running in this thread meanwhile, so it
    ends with these tests."""
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(running())
        except Absent as reason:
            pytest.skip(str(reason))
        yield found


@pytest.fixture(scope="package")
def page_registry(browser: Browser, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default models as `make train` gives them, and two that are made to be difficult."""
    registry = tmp_path_factory.mktemp("page") / "registry"
    shutil.copytree(request.getfixturevalue("default_models"), registry)  # not trained where there is no browser
    models.publish_mixed(registry)
    models.publish_doubled(registry)
    return registry


@pytest.fixture(scope="package")
def service(page_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """They are served, in process."""
    with serving(page_registry, tmp_path_factory.mktemp("served"), backend="onnxruntime", drain_delay="0") as running:
        yield running


@pytest.fixture
def visit(browser: Browser, service: Serving) -> Iterator[Open]:
    """Makes visits with options of Playwright's contexts; none may leave a complaint or ask another host."""
    visits: list[Visit] = []

    def made(base: str = f"http://127.0.0.1:{service.port}", **options: Any) -> Visit:
        visits.append(Visit(browser, base, **options))
        return visits[-1]

    yield made
    for one in visits:
        one.close()
        assert one.complaints == []
        assert one.hosts <= {one.base.split("/")[2]}
