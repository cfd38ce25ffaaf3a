"""`make setup`: the right torch for the machine, and a sentence where something can't be had."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.processes import ROOT

Call = tuple[str, ...]


class Pip:
    """Stands in for pip: notes every call, and fails those that a test wants to fail."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.fails: Callable[[Call], bool] = lambda call: False

    def __call__(self, python: Path, *arguments: str) -> bool:
        self.calls.append(arguments)
        return not self.fails(arguments)


@pytest.fixture
def install() -> ModuleType:
    """The module, as `make setup` runs it."""
    spec = importlib.util.spec_from_file_location("mulgam_install", ROOT / "deploy" / "local" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pip(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """A pip that installs nothing, on a machine without a GPU; no virtual environment is made."""
    pip = Pip()
    monkeypatch.setattr(install, "pip", pip)
    monkeypatch.setattr(install, "has_gpu", lambda: False)
    monkeypatch.setattr(install, "make_environment", lambda target: target / "bin" / "python")
    monkeypatch.setattr(install, "write_command", lambda python: None)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    return pip


def is_from_index(call: Call) -> bool:
    """Whether a call asks PyTorch's own index."""
    return "--index-url" in call


def test_without_a_gpu_torch_comes_first_from_the_cpu_index(install: ModuleType, pip: Pip) -> None:
    """Before everything that would bring another torch; no retries, a short time-out, no dependencies from there."""
    assert install.main() == 0
    asking = [call for call in pip.calls if is_from_index(call)]
    assert len(asking) == 1
    call = asking[0]
    assert call[call.index("--index-url") + 1] == install.TORCH_CPU_INDEX
    assert call[call.index("--retries") + 1] == "0"
    assert int(call[call.index("--timeout") + 1]) <= 10
    assert "--no-deps" in call
    assert install.TORCH in call
    groups = [position for position, one in enumerate(pip.calls) if "--group" in one]
    assert groups == [len(pip.calls) - 1]
    assert pip.calls.index(call) < groups[0]


def test_the_libraries_are_pinned_and_for_the_cpu(install: ModuleType, pip: Pip) -> None:
    """Every group, the CPU's onnxruntime, all by the constraints; torch is named so that pip keeps the one there is."""
    install.main()
    last = pip.calls[-1]
    groups = {last[position + 1] for position, word in enumerate(last) if word == "--group"}
    assert groups == {*install.GROUPS, "cpu"}
    assert last[last.index("--constraint") + 1] == str(install.CONSTRAINTS)
    assert install.TORCH in last


def test_another_index_may_be_named(install: ModuleType, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `make setup TORCH_INDEX=…`; an empty one counts as none."""
    monkeypatch.setenv("TORCH_INDEX", "https://mirror.example/cpu")
    install.main()
    monkeypatch.setenv("TORCH_INDEX", "")
    install.main()
    asked = [call[call.index("--index-url") + 1] for call in pip.calls if is_from_index(call)]
    assert asked == ["https://mirror.example/cpu", install.TORCH_CPU_INDEX]


def test_without_the_index_it_falls_back_and_says_so(
    install: ModuleType, pip: Pip, capsys: pytest.CaptureFixture[str]
) -> None:
    """From wherever pip is configured to look, with a warning of what that may bring."""
    pip.fails = is_from_index
    assert install.main() == 0
    printed = capsys.readouterr().out
    assert f"no torch from {install.TORCH_CPU_INDEX}" in printed
    assert "several GB of CUDA libraries" in printed
    after = pip.calls[[is_from_index(call) for call in pip.calls].index(True) + 1]
    assert install.TORCH in after
    assert not is_from_index(after)


def test_with_a_gpu_torch_comes_from_the_default(
    install: ModuleType, pip: Pip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build with CUDA, and the GPU's onnxruntime."""
    monkeypatch.setattr(install, "has_gpu", lambda: True)
    assert install.main() == 0
    assert not [call for call in pip.calls if is_from_index(call)]
    assert "gpu" in pip.calls[-1]
    assert "cpu" not in pip.calls[-1]
    assert "GPU builds" in capsys.readouterr().out


@pytest.mark.parametrize(("device", "gpu", "group"), [("cpu", True, "cpu"), ("gpu", False, "gpu")])
def test_the_device_may_be_told(
    install: ModuleType, pip: Pip, monkeypatch: pytest.MonkeyPatch, device: str, gpu: bool, group: str
) -> None:
    """Whatever the machine has."""
    monkeypatch.setattr(install, "has_gpu", lambda: gpu)
    monkeypatch.setattr(sys, "argv", ["install.py", "--device", device])
    install.main()
    assert group in pip.calls[-1]


@pytest.mark.parametrize(
    ("fails", "what"),
    [
        (lambda call: call[0].startswith("pip=="), "pip=="),
        (lambda call: any(word.startswith("torch==") for word in call), "torch=="),
        (lambda call: "--group" in call, "the libraries of pyproject.toml"),
    ],
)
def test_a_step_that_fails_ends_it_with_a_sentence(
    install: ModuleType, pip: Pip, fails: Callable[[Call], bool], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, what could not be installed, and no further step."""
    pip.fails = fails
    assert install.main() == 1
    assert f"setup: pip could not install {what}" in capsys.readouterr().err
    assert fails(pip.calls[-1])


def test_an_old_python_is_refused(
    install: ModuleType, pip: Pip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the version that is needed and the one that there is; nothing is touched."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 14))
    monkeypatch.setattr(sys, "version", "3.10.14 (main)")
    assert install.main() == 1
    assert "needs Python 3.11 or newer, this is 3.10.14." in capsys.readouterr().err
    assert pip.calls == []


def script(path: Path, text: str) -> None:
    """A program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_pip_is_run_in_the_environment(install: ModuleType, tmp_path: Path) -> None:
    """As a module of its Python, from the repository's root; its exit status decides."""
    python = tmp_path / "bin" / "python"
    script(python, f'echo "$PWD $@" > "{tmp_path}/called"; exit 3')
    assert install.pip(python, "x==1") is False
    folder, *words = (tmp_path / "called").read_text().split()
    assert Path(folder) == ROOT
    assert words[:3] == ["-m", "pip", "install"]
    assert words[-1] == "x==1"
    script(python, "exit 0")
    assert install.pip(python, "x==1") is True


def test_the_command_works_from_any_folder(install: ModuleType, tmp_path: Path) -> None:
    """By the repository's modules, also where a folder of the same name lies; relative paths are the caller's."""
    python = tmp_path / "an environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    install.write_command(python)
    for name in ("mulgam", "service"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not this one')\n")
        (tmp_path / name / "__main__.py").touch()
    (tmp_path / "registry").mkdir()
    # The libraries are those of the Python that runs the tests.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if "site-packages" in path)}
    command = [str(python.with_name("mulgam")), "prune", "--keep", "1"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Nothing to remove" in ended.stdout
    assert (tmp_path / "registry" / ".serving.lock").exists()


def test_an_environment_that_is_there_is_kept(install: ModuleType, tmp_path: Path) -> None:
    """A second `make setup` does not start anew."""
    python = tmp_path / ".venv" / "bin" / "python"
    script(python, "exit 0")
    before = python.stat().st_mtime_ns
    assert install.make_environment(tmp_path / ".venv") == python
    assert python.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ('echo "GPU 0: NVIDIA X (UUID: 1)"', True),
        ('echo "No devices were found"', False),
        ('echo "GPU 0: NVIDIA X"; exit 9', False),
        (None, False),
    ],
)
def test_a_gpu_is_one_that_the_driver_names(
    install: ModuleType, program: str | None, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's program without a GPU, or with a broken driver, is no GPU."""
    if program is not None:
        script(tmp_path / "nvidia-smi", program)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr(install.shutil, "which", lambda name: str(tmp_path / name) if program else None)
    assert install.has_gpu() is expected
