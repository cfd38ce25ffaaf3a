"""The gateway's app over the in-process backend, and over a backend that a test steers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from mulgam.registry import Registry
from mulgam.tensors import Arrays
from service.app import create_app
from service.backends.base import Answer, Backend
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import Catalogue, Served, load


class SteeredBackend:
    """The real answers of ONNX Runtime, spoilt as the test says: another answer, or an exception."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.spoil: Callable[[Served, Answer], Answer | Exception] = lambda served, answer: answer
        self.workers = self.lanes = 1

    def cheap_rows(self, served: Served) -> int:
        """As another process: always through the queue."""
        return 0

    def idle_rows(self, served: Served) -> int:
        """As another process."""
        return 0

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """Give what the test wants."""
        answer = self.spoil(served, await self._inner.predict(served, tensors, timeout))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing to release: the inner backend belongs to its own fixture."""


@pytest.fixture(scope="session")
def catalogue(registry: Registry) -> Catalogue:
    """Version 1 of both models, computed by ONNX Runtime."""
    return load(registry, {"notes": 1, "shapes": 1}, "onnx")


@pytest.fixture(scope="session")
def bridge() -> Iterator[Bridge]:
    """A running event loop."""
    bridge = Bridge()
    yield bridge
    bridge.close()


@pytest.fixture
def settings() -> Settings:
    """The defaults."""
    return Settings()


@pytest.fixture
def plane(catalogue: Catalogue, settings: Settings, bridge: Bridge) -> Iterator[DataPlane]:
    """The data plane over ONNX Runtime."""
    plane = DataPlane(settings, catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    yield plane
    bridge.run(plane.backend.close())


@pytest.fixture
def steered(plane: DataPlane) -> SteeredBackend:
    """A backend that the test steers."""
    return SteeredBackend(plane.backend)


@pytest.fixture
def steered_plane(catalogue: Catalogue, settings: Settings, steered: SteeredBackend) -> DataPlane:
    """The data plane over the steered backend."""
    return DataPlane(settings, catalogue, steered, Metrics())


@pytest.fixture
def client(plane: DataPlane, bridge: Bridge) -> FlaskClient:
    """Flask's test client on the app over ONNX Runtime."""
    return create_app(plane, bridge).test_client()


@pytest.fixture
def steered_client(steered_plane: DataPlane, bridge: Bridge) -> FlaskClient:
    """Flask's test client on the app over the steered backend."""
    return create_app(steered_plane, bridge).test_client()
