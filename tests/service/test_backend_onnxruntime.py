"""The in-process backend on a GPU, as far as a machine without one can tell: libraries first, and no silent CPU."""

from __future__ import annotations

import onnxruntime
import pytest

from mulgam.errors import MulgamError
from mulgam.registry import Registry
from service.backends import onnxruntime as backend
from service.backends.onnxruntime import CPU, CUDA, OnnxRuntimeBackend
from service.served import Served


@pytest.fixture
def with_cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The build with CUDA, on a machine without a GPU; what was called, in order."""
    called: list[str] = []
    real = onnxruntime.InferenceSession

    def session(path: str, options: object, providers: list[object]) -> object:
        called.append("session")
        return real(path, options, providers=[CPU])

    monkeypatch.setattr(backend, "_load_cuda", backend._load_cuda.__wrapped__)  # each test anew
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
