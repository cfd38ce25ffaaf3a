"""What a worker does before it answers: verify, then parse, then load, then replay."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from handler import loading, threads
from handler.batch import Served
from handler.loading import Archived, LoadError, Opener
from handler.runtime_onnx import OnnxRuntime
from handler.runtime_torchscript import TorchScriptRuntime
from mulgam import checksums
from mulgam.errors import RegistryError
from mulgam.registry import Registry
from mulgam.signature import Signature
from mulgam.tensors import Arrays
from tests.handler.unpacked import RUNTIMES, unpack

OPENERS: dict[str, tuple[str, Opener]] = {
    "torchscript": ("model.pt", TorchScriptRuntime),
    "onnx": ("model.onnx", OnnxRuntime),
}


def load(folder: Path, served_file: str, opener: Opener, gpu: int | None) -> Served:
    """The archive of `notes` 1."""
    return loading.load(folder, Archived("notes", 1, served_file), opener, gpu)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Every test here holds for both."""
    name: str = request.param
    return name


@pytest.fixture
def folder(registry: Registry, runtime: str, tmp_path: Path) -> Path:
    """An unpacked archive of the notes' model that a test may damage."""
    return unpack(registry.entry("notes", 1), runtime, tmp_path)


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Change a file and make its checksum right again, as a broken export would."""
    listed = (folder / checksums.FILE_NAME).read_text()
    before = checksums.file_sha256(folder / name)
    (folder / name).write_bytes(content)
    (folder / checksums.FILE_NAME).write_text(listed.replace(before, checksums.file_sha256(folder / name)))


def test_a_good_archive_loads_with_its_digest(registry: Registry, folder: Path, runtime: str) -> None:
    """The digest is that of the registry entry, the device the CPU where TorchServe gives no GPU."""
    served = load(folder, *OPENERS[runtime], None)
    assert served.digest == registry.entry("notes", 1).digest
    assert (served.runtime.name, served.runtime.device) == (runtime, "cpu")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *itertools.product(["MODEL", "signature.json", "golden.json"], ["flipped", "missing", "link"]),
        *itertools.product(["SHA256SUMS"], ["missing", "link"]),
    ],
)
def test_a_damaged_archive_is_refused(folder: Path, runtime: str, name: str, damage: str) -> None:
    """One flipped bit, a missing file or a link in a file's place: nothing is loaded."""
    served_file, opener = OPENERS[runtime]
    path = folder / (served_file if name == "MODEL" else name)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    if damage == "link":
        (folder.parent / "elsewhere").write_bytes(content)
        path.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(RegistryError):
        load(folder, served_file, opener, None)


def test_altered_sums_show_in_the_digest(registry: Registry, folder: Path, runtime: str) -> None:
    """A line about a file that the archive leaves out can't be checked here: the digest gives it away."""
    sums = folder / checksums.FILE_NAME
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join("0" * 64 + line[64:] if "metrics.json" in line else line for line in lines))
    assert load(folder, *OPENERS[runtime], None).digest != registry.entry("notes", 1).digest


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._marker,))


def unpickling(path: Path, signature: Signature, gpu: int | None) -> TorchScriptRuntime:
    """A runtime as careless as `torch.load`."""
    pickle.loads(path.read_bytes())
    raise LoadError("no model")


@pytest.mark.parametrize("runtime", ["torchscript"], indirect=True)
def test_an_altered_file_is_refused_before_anything_parses_it(folder: Path, tmp_path: Path) -> None:
    """A planted pickle never runs; the same pickle does run where its checksum is right."""
    marker = tmp_path / "it ran"
    planted = pickle.dumps(Trap(marker))
    honest = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(planted)
    with pytest.raises(RegistryError, match=r"model\.pt is not the file that was published"):
        load(folder, "model.pt", unpickling, None)
    assert not marker.exists()

    (folder / "model.pt").write_bytes(honest)
    rewrite(folder, "model.pt", planted)
    with pytest.raises(LoadError, match="no model"):
        load(folder, "model.pt", unpickling, None)
    assert marker.exists()


def test_a_wrong_golden_answer_is_refused(folder: Path, runtime: str) -> None:
    """An answer off by 1e-4 of its size is no longer the model that was published."""
    document = json.loads((folder / "golden.json").read_text())
    document["requests"][-1]["answer"][0] *= 1.0001
    rewrite(folder, "golden.json", json.dumps(document).encode())
    with pytest.raises(LoadError, match=rf"golden request \d+ of 'notes' on {runtime}, cpu is answered wrongly"):
        load(folder, *OPENERS[runtime], None)


def test_a_golden_answer_within_the_tolerance_is_taken(folder: Path, runtime: str) -> None:
    """Answers differ in the last digit from machine to machine."""
    document = json.loads((folder / "golden.json").read_text())
    document["requests"][-1]["answer"][0] *= 1.000001
    rewrite(folder, "golden.json", json.dumps(document).encode())
    load(folder, *OPENERS[runtime], None)


def test_a_signature_without_this_runtimes_tolerance_is_refused(folder: Path, runtime: str) -> None:
    """What may not be compared can't be served."""
    document = json.loads((folder / "signature.json").read_text())
    del document["tolerance"][runtime]
    rewrite(folder, "signature.json", json.dumps(document).encode())
    with pytest.raises(RegistryError, match=f"states no tolerance for {runtime}"):
        load(folder, *OPENERS[runtime], None)


def test_a_file_that_is_no_model_is_refused(folder: Path, runtime: str) -> None:
    """A right checksum over garbage is still a load error with a sentence."""
    served_file, opener = OPENERS[runtime]
    rewrite(folder, served_file, b"\x08\x01garbage")
    with pytest.raises((LoadError, RegistryError), match=served_file.replace(".", r"\.")):
        load(folder, served_file, opener, None)


def test_a_model_with_another_output_is_refused(registry: Registry, runtime: str, tmp_path: Path) -> None:
    """The graph of one model with the signature of another never answers."""
    folder = unpack(registry.entry("notes", 1), runtime, tmp_path)
    served_file, opener = OPENERS[runtime]
    rewrite(folder, served_file, (registry.entry("shapes", 1).path / served_file).read_bytes())
    with pytest.raises(LoadError, match=r"failed: the output is|has other inputs or outputs"):
        load(folder, served_file, opener, None)


@pytest.mark.parametrize(
    ("value", "expected"), [(None, 1), ("", 1), ("3", 3), ("4,2", 4), ("0", 1), ("many", 1), ("-2", 1)]
)
def test_a_worker_has_one_thread_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: int
) -> None:
    """By OMP_NUM_THREADS, as everything that computes is told."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if value is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads.intra_op() == expected


@pytest.mark.parametrize("runtime", ["torchscript"], indirect=True)
def test_the_thread_count_reaches_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the worker's whole process."""
    before = torch.get_num_threads()
    try:
        for count in (2, 1):
            monkeypatch.setenv("OMP_NUM_THREADS", str(count))
            load(folder, "model.pt", TorchScriptRuntime, None)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


class Failing:
    """A runtime that can't compute."""

    name = "onnx"
    device = "cpu"

    def __init__(self, path: Path, signature: Signature, gpu: int | None) -> None:
        pass

    def run(self, inputs: Arrays) -> npt.NDArray[np.float32]:
        raise ArithmeticError("overflow")


@pytest.mark.parametrize("runtime", ["onnx"], indirect=True)
def test_a_golden_request_that_raises_is_a_load_error(folder: Path) -> None:
    """Whatever the runtime's library raises, the worker says which request it was."""
    with pytest.raises(LoadError, match=r"golden request 0 of 'notes' on onnx, cpu failed: overflow"):
        load(folder, "model.onnx", Failing, None)


@pytest.mark.parametrize("runtime", ["onnx"], indirect=True)
def test_an_onnx_file_with_external_data_is_refused(folder: Path) -> None:
    """Its tensors would come from a file that no checksum covers, such as one elsewhere on the machine."""
    graph = onnx.load(folder / "model.onnx")
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    graph.graph.initializer.append(tensor)
    rewrite(folder, "model.onnx", graph.SerializeToString())
    with pytest.raises(RegistryError, match="keeps tensors in another file"):
        load(folder, "model.onnx", OnnxRuntime, None)
