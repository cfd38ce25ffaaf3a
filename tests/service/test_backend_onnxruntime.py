"""The in-process backend on a GPU, as far as a machine without one can tell: libraries first, and no silent CPU."""

from __future__ import annotations

import asyncio

import numpy as np
import onnxruntime
import pytest

from mulgam.errors import MulgamError
from mulgam.registry import Registry
from mulgam.signature import NUMERIC
from service.backends import onnx_session
from service.backends.onnx_session import CPU, CUDA
from service.backends.onnxruntime import PIECE_ROWS, OnnxRuntimeBackend
from service.versions.served import Served


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
    ("one", "many", "rows"),
    [(9e-6, 93e-6, 369), (0.0006, 0.0007, 0), (0.0003, 0.0033, 0), (0.0003, 0.0009, 22)],
    ids=["microseconds", "a slow call", "slow rows", "slow calls of quick rows"],
)
def test_what_is_cheap_follows_from_what_was_measured(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, one: float, many: float, rows: int
) -> None:
    """As many rows as half a millisecond has, on the loop; where those are few, all go in batches, in a thread."""
    monkeypatch.setattr(onnx_session, "median_seconds", lambda session, served, rows: one if rows == 1 else many)
    assert onnx_session.cheap_rows(None, Served(registry.entry("notes", 1), "onnx")) == rows
