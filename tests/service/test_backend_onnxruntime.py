"""The in-process backend: where it computes what, and on a GPU, as far as a machine without one can tell."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import onnxruntime
import pytest

from mulgam.errors import MulgamError
from mulgam.registry import Registry
from mulgam.signature import NUMERIC
from mulgam.tensors import Arrays
from service.backends import onnx_session
from service.backends.onnx_session import CPU, CUDA
from service.backends.onnxruntime import PIECE_ROWS, OnnxRuntimeBackend
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import Catalogue, LineUp, Served


@pytest.fixture
def with_cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The build with CUDA, on a machine without a GPU; what was called, in order."""
    called: list[str] = []
    real = onnxruntime.InferenceSession

    def session(path: str, options: object, providers: list[object]) -> object:
        called.append("session")
        return real(path, options, providers=[CPU])

    monkeypatch.setattr(onnx_session, "_load_cuda", onnx_session._load_cuda.__wrapped__)  # each test anew
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: (called.append("preload"), print("Failed to load")))
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    return called


def test_cudas_libraries_are_loaded_before_the_session(
    registry: Registry, with_cuda: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """They lie in pip's folders, and nothing else loads them here: what is missing is said on stderr."""
    OnnxRuntimeBackend([Served(registry.entry("notes", 1), "onnx")], "auto")
    assert with_cuda == ["preload", "session"]
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "Failed to load\n")


def test_a_cpu_is_enough_where_it_is_asked_for(registry: Registry, with_cuda: list[str]) -> None:
    """Nothing of CUDA is touched then."""
    OnnxRuntimeBackend([Served(registry.entry("notes", 1), "onnx")], "cpu")
    assert with_cuda == ["session"]


def test_a_session_on_the_cpu_is_no_gpu(registry: Registry, with_cuda: list[str]) -> None:
    """Where a GPU is demanded, the session decides, not the list of what could be."""
    with pytest.raises(MulgamError, match="could not put 'notes' on a GPU"):
        OnnxRuntimeBackend([Served(registry.entry("notes", 1), "onnx")], "gpu")


@pytest.mark.parametrize(("gpu_seconds", "taken"), [(0.002, CPU), (0.00002, CUDA)])
def test_where_it_may_choose_it_takes_the_faster(
    gpu_seconds: float, taken: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that is slower than the CPU for this model is left alone. The GPU is played by a slowed session."""

    class Session:
        def __init__(self, provider: str) -> None:
            self._provider = provider

        def get_providers(self) -> list[str]:
            return [self._provider]

    monkeypatch.setattr(onnx_session, "_session", lambda served, device: Session(CPU if device == "cpu" else CUDA))
    monkeypatch.setattr(
        onnx_session, "median_seconds",
        lambda session, served, rows: gpu_seconds if session.get_providers() == [CUDA] else 0.0005,
    )  # fmt: skip
    served = Served(registry.entry("notes", 1), "onnx")
    assert onnx_session.opened(served, "auto").get_providers() == [taken]
    assert onnx_session.opened(served, "gpu").get_providers() == [CUDA]


@pytest.mark.parametrize(("rows", "runs"), [(1, [1]), (PIECE_ROWS, [PIECE_ROWS]), (1300, [512, 512, 276])])
def test_many_rows_are_computed_in_pieces(
    rows: int, runs: list[int], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a few hundred, in order: the answers are those of one run."""
    served = Served(registry.entry("shapes", 1), "onnx")
    backend = OnnxRuntimeBackend([served], "cpu")
    tensors = {NUMERIC: np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)}
    expected = backend.at_once(served, tensors).output
    model, seen = backend._model(served), []
    run = type(model).run
    monkeypatch.setattr(type(model), "run", lambda one, part: (seen.append(len(part[NUMERIC])), run(one, part))[1])
    answer = asyncio.run(backend.predict(served, tensors, 10))
    assert seen == runs
    np.testing.assert_allclose(answer.output, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("one", "many", "quick", "cheap"),
    [(9e-6, 93e-6, 369, 369), (0.0006, 0.0007, 0, 0), (0.0003, 0.0033, 5, 0), (0.0003, 0.0009, 22, 22)],
    ids=["microseconds", "a slow call", "slow rows", "slow calls of quick rows"],
)
def test_what_is_cheap_follows_from_what_was_measured(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, one: float, many: float, quick: int, cheap: int
) -> None:
    """As many rows as half a millisecond has, on the loop; where those are few, they are queued first."""
    monkeypatch.setattr(onnx_session, "median_seconds", lambda session, served, rows: one if rows == 1 else many)
    served = Served(registry.entry("notes", 1), "onnx")
    backend = OnnxRuntimeBackend([served], "cpu")
    assert (backend.cheap_rows(served), backend.idle_rows(served)) == (cheap, quick)


def test_few_rows_of_a_slower_model_are_computed_on_the_loop_while_no_thread_computes(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lone one at once, the many in a thread; what comes meanwhile waits for that and goes together."""
    served = Served(registry.entry("shapes", 1), "onnx")
    # Five rows in half a millisecond.
    monkeypatch.setattr(onnx_session, "median_seconds", lambda session, served, rows: 0.0003 if rows == 1 else 0.0033)
    backend = OnnxRuntimeBackend([served], "cpu")
    backend.workers = backend.lanes = 1
    model, ran = backend._model(served), list[tuple[int, bool]]()
    run = type(model).run
    may_end = threading.Event()

    def traced(one: object, part: Arrays) -> Any:
        on_loop = threading.current_thread() is threading.main_thread()
        ran.append((len(part[NUMERIC]), on_loop))
        assert on_loop or may_end.wait(10)
        return run(model, part)

    monkeypatch.setattr(type(model), "run", traced)
    plane = DataPlane(Settings(backend="onnxruntime"), Catalogue([LineUp(served)]), backend, Metrics())

    async def rows(count: int) -> None:
        tensors = {NUMERIC: np.zeros((count, 3), np.float32)}
        assert len(await plane.predict(served, tensors, count, 10)) == count

    async def scene() -> None:
        await rows(1)
        many = asyncio.create_task(rows(6))
        while len(ran) < 2:
            await asyncio.sleep(0)
        later = [asyncio.create_task(rows(1)) for _ in range(2)]
        await asyncio.sleep(0)
        assert backend.idle_rows(served) == 0
        may_end.set()
        await asyncio.gather(many, *later)

    asyncio.run(scene())
    assert ran == [(1, True), (6, False), (2, True)]
