"""What the tests of the contract share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.bridge import Bridge


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    """A running loop."""
    bridge = Bridge()
    yield bridge
    bridge.close()
