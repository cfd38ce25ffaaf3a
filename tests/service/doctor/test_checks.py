"""Each check of the doctor is made to fail, for real where that can be done, and says what to do."""

from __future__ import annotations

import dataclasses
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mulgam import minisign, serving, trust
from mulgam.registry import Registry
from service.doctor import accelerator, configuration, libraries, machine, ports, registry, torchserve
from service.doctor.findings import FAILURE, OK, WARNING, Finding
from service.doctor.situation import Situation, present
from service.settings import Settings


def situation(root: Path | None = None, **settings: Any) -> Situation:
    """With these settings, and others by default."""
    made = Situation(dataclasses.replace(Settings(), **settings))
    return made if root is None else dataclasses.replace(made, root=root)


def only(findings: Iterator[Finding], verdict: str) -> Finding:
    """The one finding of a verdict; where something is wrong, it comes with advice."""
    everything = list(findings)
    chosen = [one for one in everything if one.verdict == verdict]
    assert len(chosen) == 1, everything
    (found,) = chosen
    assert bool(found.advice) is (verdict != OK)
    return found


def test_a_taken_port_is_told_with_who_has_it() -> None:
    """By the number of the process and its command."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, admin_port = one.getsockname()[1], other.getsockname()[1]
        found = list(ports.check(situation(port=port, admin_port=admin_port)))
    assert [one.verdict for one in found] == [FAILURE, FAILURE]
    assert f"PORT {port} is taken by process {os.getpid()}: " in found[0].found
    assert "PORT=" in found[0].advice
    free = list(ports.check(situation(port=port, admin_port=admin_port)))
    assert [one.verdict for one in free] == [OK, OK]


def test_a_port_that_a_service_has_already_is_no_fault() -> None:
    """The doctor may be asked while it serves."""
    assert ports.Holder(1, "python -m service").is_mulgam
    assert not ports.Holder(1, "nginx: master process").is_mulgam


def test_ports_that_cannot_be_listened_on() -> None:
    """The same one twice; an address of another machine."""
    assert "not all different" in only(ports.check(situation(port=4000, admin_port=4000)), FAILURE).found
    far = [one for one in ports.check(situation(host="192.0.2.1", port=4000)) if one.verdict == FAILURE]
    assert len(far) == 1
    assert "HOST" in far[0].advice


def test_the_registry_as_it_should_be(registry: Registry) -> None:
    """A line for each model."""
    found = list(registry_check(registry.root))
    assert [one.verdict for one in found] == [OK, OK]
    assert found[0].found.startswith("notes: version 1 is served")


def registry_check(root: Path) -> Iterator[Finding]:
    """What is found of a registry."""
    return registry.check(situation(registry=root))


def test_who_signed_is_told_and_who_did_not(own_registry: Registry, tmp_path: Path) -> None:
    """Of each model, where keys are trusted; keys that can't be read are a failure by themselves."""
    key, keys = minisign.generate(), tmp_path / "release.pub"

    def found() -> Iterator[Finding]:
        return registry.check(situation(registry=own_registry.root, trusted_keys=str(keys)))

    assert "release.pub is missing" in only(found(), FAILURE).found
    keys.write_text(key.public.text())
    entry = own_registry.entry("notes", 1)
    trust.sign(entry.path, "notes", 1, entry.digest, key)
    assert f"notes: version 1 is served, signed with the key {key.public.name};" in only(found(), OK).found
    assert "is not signed" in only(found(), FAILURE).found


def test_a_registry_without_a_model(tmp_path: Path) -> None:
    """Is no hindrance: serving trains first."""
    assert "make train" in only(registry_check(tmp_path / "none"), WARNING).advice
    (tmp_path / "file").touch()
    assert "no folder" in only(registry_check(tmp_path / "file"), FAILURE).found


def test_an_altered_version_that_is_served(own_registry: Registry) -> None:
    """Its checksum tells."""
    with (own_registry.root / "notes" / "1" / "model.onnx").open("ab") as file:
        file.write(b"x")
    found = only(registry_check(own_registry.root), FAILURE)
    assert "notes" in found.found
    assert "checksum differs" in found.found


def test_an_altered_version_that_is_not_served(two_versions: Registry, tmp_path: Path) -> None:
    """Is told, and hinders nothing; a plan may name it, and then it does."""
    root = Path(shutil.copytree(two_versions.root, tmp_path / "registry"))
    (root / "notes" / "2" / "golden.json").unlink()
    assert "version 1 is good" in only(registry_check(root), WARNING).found
    serving.write(Registry(root), serving.Plan(1, {"notes": serving.Choice(2)}))
    assert "golden.json is missing" in only(registry_check(root), FAILURE).found
    (root / "serving.json").write_text("{")
    assert "serving.json" in only(registry_check(root), FAILURE).found


@pytest.fixture
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """For temporary files, with room for a Unix socket's name: pytest's own folders have long names."""
    with tempfile.TemporaryDirectory(prefix="doctor-", dir="/tmp") as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(name)


@pytest.mark.usefixtures("short_folder")
def test_a_temporary_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even by root; or with a name that leaves no room for a socket's."""
    assert only(machine.check_temporary(situation()), OK)
    monkeypatch.setenv("TMPDIR", "/proc")
    assert "/proc can't be written" in only(machine.check_temporary(situation()), FAILURE).found
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert "too long" in only(machine.check_temporary(situation()), FAILURE).found
    assert only(machine.check_temporary(situation(backend="onnxruntime")), OK)


def test_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the service can allow itself is enough, too little, far too little."""
    limits = {"at once": (4096, 4096), "after raising it": (64, 4096), "without end": (64, resource.RLIM_INFINITY)}
    for soft, hard in limits.values():
        monkeypatch.setattr(resource, "getrlimit", lambda _, pair=(soft, hard): pair)
        assert only(machine.check_descriptors(situation()), OK)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1500))
    assert "ulimit -n" in only(machine.check_descriptors(situation()), WARNING).advice
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert only(machine.check_descriptors(situation()), FAILURE)


@pytest.mark.parametrize(("left", "verdict"), [(4096, OK), (700, WARNING), (100, FAILURE)])
def test_little_memory_in_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, verdict: str) -> None:
    """The limit of its control group counts, though the machine has more."""
    (tmp_path / "memory.max").write_text(f"{8192 * machine.MIB}\n")
    (tmp_path / "memory.current").write_text(f"{(8192 - left) * machine.MIB}\n")
    monkeypatch.setattr(machine, "_machine_memory", lambda: iter([(2**40, "")]))
    read = machine._container_memory
    monkeypatch.setattr(machine, "_container_memory", lambda: read(tmp_path))
    assert f"{left:,} MiB left of the container's 8,192" in only(machine.check_memory(situation()), verdict).found
    (tmp_path / "memory.max").write_text("max\n")
    assert only(machine.check_memory(situation()), OK).found == "1,048,576 MiB left"


@pytest.mark.parametrize(("left", "verdict"), [(5000, OK), (500, WARNING), (10, FAILURE)])
def test_little_room_on_the_disk(monkeypatch: pytest.MonkeyPatch, left: int, verdict: str) -> None:
    """Where the registry lies, though it is not there yet."""
    usage = (0, 0, left * machine.MIB)
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": usage[2]}))
    assert "the registry" in next(machine.check_disk(situation(registry=Path("none/yet")))).found
    assert next(machine.check_disk(situation())).verdict == verdict
    assert only(machine.check_shared_memory(situation()), OK if left > 64 else WARNING)


def test_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before this was written; or apart from that of the disk."""
    assert only(machine.check_clock(situation()), OK)
    now = time.time()
    monkeypatch.setattr("service.doctor.machine.time.time", lambda: 1e9)
    assert "Set the clock" in only(machine.check_clock(situation()), FAILURE).advice
    monkeypatch.setattr("service.doctor.machine.time.time", lambda: now + 3600)
    assert "apart" in only(machine.check_clock(situation()), WARNING).found


def test_libraries_of_other_versions(tmp_path: Path) -> None:
    """Told beside what is pinned; what is needed and absent is a hindrance; an image has no list."""
    assert only(libraries.check_libraries(situation(tmp_path)), OK)
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    (tmp_path / "deploy" / "local" / "constraints.txt").write_text("numpy==1.0\nFlask==3.1.3\n")
    (tmp_path / "pyproject.toml").write_text('[dependency-groups]\nservice = ["No.Such_Thing==1"]\n')
    found = list(libraries.check_libraries(situation(tmp_path)))
    assert [one.verdict for one in found] == [FAILURE, WARNING]
    assert "no-such-thing" in found[0].found
    assert "numpy is " in found[1].found
    assert "pinned 1.0" in found[1].found
    assert "flask" not in found[1].found


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one is too old, a newer one untested."""
    assert only(libraries.check_python(situation()), OK)
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    assert "Install Python 3.11" in only(libraries.check_python(situation()), FAILURE).advice
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert "tested with" in only(libraries.check_python(situation()), WARNING).advice


def test_settings_that_are_misspelt_or_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once, with the nearest name; the good ones count."""
    monkeypatch.setenv("MULGAM_PROT", "1")
    monkeypatch.setenv("MULGAM_ADMIN_PORT", "x")
    monkeypatch.setenv("MULGAM_PORT", "4321")
    seen = present()
    assert seen.settings is not None
    assert seen.settings.port == 4321
    told = " ".join(one.found for one in configuration.check(seen) if one.verdict == FAILURE)
    assert "did you mean MULGAM_PORT?" in told
    assert "MULGAM_ADMIN_PORT is 'x'" in told
    monkeypatch.delenv("MULGAM_PROT")
    monkeypatch.delenv("MULGAM_ADMIN_PORT")
    monkeypatch.setenv("MULGAM_PRECISION", "int8")
    assert "onnxruntime backend alone" in only(configuration.check(present()), FAILURE).found
    monkeypatch.setenv("MULGAM_BACKEND", "onnxruntime")
    assert only(configuration.check(present()), OK)


def test_what_settings_name_must_be_there(tmp_path: Path) -> None:
    """The file of keys; and an open address without keys is told."""
    assert "can't be read" in only(configuration.check(situation(api_keys_file=str(tmp_path / "no"))), FAILURE).found
    assert "may ask" in only(configuration.check(situation(host="0.0.0.0")), WARNING).found


def script(folder: Path, name: str, text: str) -> Path:
    """A program."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("program", "device", "verdict", "said"),
    [
        ("echo NVIDIA X, 80 GiB", "auto", WARNING, "can't compute on it"),
        ("echo NVIDIA X, 80 GiB", "gpu", FAILURE, "can't compute on it"),
        ("echo No devices; exit 9", "auto", WARNING, "nvidia-smi fails: No devices"),
        ("exit 0", "gpu", FAILURE, "no driver shows one"),
        ("exit 0", "auto", OK, "none here"),
        ("exit 9", "cpu", OK, "not wanted"),
    ],
)
def test_a_gpu_is_one_that_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, device: str, verdict: str, said: str
) -> None:
    """What a driver names is not enough; what is demanded and missing hinders."""
    monkeypatch.setattr(accelerator, "_CUDA", "NoSuchProvider")
    script(tmp_path, "nvidia-smi", program)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    runtime, gpu = accelerator.check(situation(device=device, backend="onnxruntime"))
    assert runtime.verdict == OK
    assert (gpu.verdict, said in gpu.found) == (verdict, True)


def test_an_onnx_runtime_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, as where it was never installed."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = next(accelerator.check(situation()))
    assert (found.verdict, "can't be used" in found.found) == (FAILURE, True)


@pytest.mark.beside
@pytest.mark.live
def test_torchserve_really_starts(tmp_path: Path) -> None:
    """And leaves nothing behind; where it is not used, it is not asked for."""
    assert "TorchServe started" in only(torchserve.check(situation()), OK).found
    assert list(tmp_path.iterdir()) == []
    assert "not needed" in only(torchserve.check(situation(backend="onnxruntime")), OK).found


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("exit 1", "does not run"),
        ('[ "$1" = -version ] && exit 0; echo "no room for the heap"; exit 1', "no room for the heap"),
    ],
)
@pytest.mark.usefixtures("short_folder")
def test_a_java_that_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    """It does not run at all, or the server ends at once; with another way to serve."""
    script(tmp_path / "java", "bin/java", program)
    monkeypatch.setattr("service.supervisor.torchserve.java_home", lambda: tmp_path / "java")
    found = only(torchserve.check(situation()), FAILURE)
    assert said in found.found
    assert "BACKEND=onnxruntime" in found.advice
