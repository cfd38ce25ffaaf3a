"""Archives: the same bytes each time, whole, and enough by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from handler.__main__ import main
from handler.archive import WorkerOptions, pack
from mulgam.errors import MulgamError, RegistryError
from mulgam.registry import Registry
from tests.handler.unpacked import RUNTIMES, unpack
from tests.processes import ROOT


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_same_input_gives_the_same_bytes(registry: Registry, runtime: str, tmp_path: Path) -> None:
    """Another time, another folder, another umask, another hash seed: the archive is the same file."""
    entry = registry.entry("notes", 1)
    first = pack(entry, runtime, tmp_path / "one", WorkerOptions()).read_bytes()
    os.utime(entry.path / "model.onnx", (0, 0))
    before = os.umask(0o077)
    try:
        second = pack(entry, runtime, tmp_path / "two", WorkerOptions()).read_bytes()
    finally:
        os.umask(before)
    _pack_as_process(registry, tmp_path / "three", "notes:1", "--runtime", runtime, PYTHONHASHSEED="7", TZ="Asia/Seoul")
    assert first == second == (tmp_path / "three" / "notes-1.mar").read_bytes()


def test_the_manifest_and_configuration_are_what_torchserve_reads(registry: Registry, tmp_path: Path) -> None:
    """Model, version, handler and the workers' options arrive as they were given."""
    workers = WorkerOptions(workers=2, batch_size=32, max_batch_delay=3, response_timeout=5, startup_timeout=60)
    path = pack(registry.entry("shapes", 1), "onnx", tmp_path, workers)
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
        config = yaml.safe_load(archive.read(manifest["configFile"]))
        assert manifest["handler"] in archive.namelist()
        served = registry.entry("shapes", 1).path / manifest["serializedFile"]
        assert archive.read(manifest["serializedFile"]) == served.read_bytes()
    assert path.name == "shapes-1.mar"
    assert (manifest["modelName"], manifest["modelVersion"]) == ("shapes", "1")
    assert config == {
        "minWorkers": 2, "maxWorkers": 2, "batchSize": 32, "maxBatchDelay": 3, "responseTimeout": 5,
        "startupTimeout": 60, "handler": {"runtime": "onnx"},
    }  # fmt: skip


LOAD_ALONE = """
import logging, pathlib, sys
folder, runtime = sys.argv[1:]
sys.path.insert(0, folder)
from ts.model_loader import TsModelLoader
service = TsModelLoader().load("notes", folder, f"mulgam_{runtime}_entry.py", None, 1)
ours = [module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] in ("mulgam", "handler")]
assert ours and all(pathlib.Path(file).is_relative_to(folder) for file in ours), ours
shipped = {str(path.relative_to(folder)) for path in pathlib.Path(folder).glob("*/**/*.py")}
assert shipped == {str(pathlib.Path(file).relative_to(folder)) for file in ours}, shipped
print("served", service.context.model_name)
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_archive_needs_nothing_of_the_repository(registry: Registry, runtime: str, tmp_path: Path) -> None:
    """In a bare interpreter with only the unpacked folder in reach it loads, and every shipped module is used."""
    folder = unpack(registry.entry("notes", 1), runtime, tmp_path)
    command = [sys.executable, "-I", "-c", LOAD_ALONE, str(folder), runtime]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("served notes")


def test_packing_does_not_load_torch() -> None:
    """The supervisor waits for this command before it starts TorchServe, so it must be quick."""
    code = (
        "import sys, handler.archive, handler.__main__; sys.exit(not {'torch', 'onnxruntime'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_one_call_packs_several_versions(registry: Registry, tmp_path: Path) -> None:
    """The command prints one path a line, and they are the archives."""
    run = _pack_as_process(registry, tmp_path, "notes:1", "--entry", "shapes:1", "--workers", "2")
    paths = [Path(line) for line in run.stdout.splitlines()]
    assert paths == [tmp_path / "notes-1.mar", tmp_path / "shapes-1.mar"]
    assert all(zipfile.is_zipfile(path) for path in paths)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes-1.mar", "shapes-1.mar"]


def _pack_as_process(
    registry: Registry, store: Path, entry: str, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "handler", "pack", "--registry", str(registry.root), "--store", str(store)]
    return subprocess.run(
        [*command, "--entry", entry, *options],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


def test_an_altered_version_is_not_packed(
    own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The registry entry is verified first; nothing is written, not even the good ones beside it."""
    with (own_registry.root / "notes" / "1" / "model.pt").open("ab") as file:
        file.write(b"x")
    store = tmp_path / "store"
    arguments = ["pack", "--registry", str(own_registry.root), "--store", str(store)]
    assert main([*arguments, "--entry", "shapes:1", "--entry", "notes:1"]) == 1
    assert "model.pt is not the file that was published" in capsys.readouterr().err
    assert not store.exists()


def test_a_version_that_is_not_there_is_an_error(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence on standard error, exit code 1."""
    assert main(["pack", "--registry", str(registry.root), "--store", str(tmp_path), "--entry", "notes:9"]) == 1
    assert "no version 9 of 'notes'" in capsys.readouterr().err


@pytest.mark.parametrize("entry", ["notes", "notes:", ":1", "notes:one", "notes:-1"])
def test_a_malformed_entry_is_an_error(entry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what an entry looks like."""
    with pytest.raises(SystemExit) as stopped:
        main(["pack", "--store", str(tmp_path), "--entry", entry])
    assert stopped.value.code == 2
    assert "is not MODEL:VERSION" in capsys.readouterr().err


def test_options_below_one_are_refused() -> None:
    """maxBatchDelay 0 would make TorchServe wait for its default of 100 ms."""
    with pytest.raises(MulgamError, match="max_batch_delay must be at least 1, not 0"):
        WorkerOptions(max_batch_delay=0)


def test_an_unknown_runtime_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A caller's mistake, named."""
    with pytest.raises(ValueError, match="runtime must be one of torchscript, onnx, not 'tensorrt'"):
        pack(registry.entry("notes", 1), "tensorrt", tmp_path, WorkerOptions())


def test_a_store_that_can_not_be_written_is_an_error(registry: Registry, tmp_path: Path) -> None:
    """A file stands in the folder's place: one sentence, no traceback."""
    (tmp_path / "store").write_text("")
    with pytest.raises(RegistryError, match=r"notes-1\.mar can't be written"):
        pack(registry.entry("notes", 1), "onnx", tmp_path / "store", WorkerOptions())
