"""Dockerfiles and compose.yaml: hardened, pinned by the one lock, and built by whatever is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.images.__main__ import FOLDER, IMAGES, VERSION, command, unusable
from service.settings import from_environment
from tests.processes import ROOT

# In the environment of the tests, or anywhere.
HADOLINT = shutil.which("hadolint", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
COMPOSE = ROOT / "deploy" / "compose.yaml"
# What a folder of the image needs of the rooms (ARCHITECTURE.md).
ROOMS = {
    "gateway": {"mulgam", "service"},
    "server": {"mulgam", "service", "handler"},
    "trainer": {"mulgam", "model"},
}


def dockerfile(image: str) -> str:
    """Its text, continued lines joined."""
    return (FOLDER / f"{image}.Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_hardened_and_pinned(image: str) -> None:
    """Two stages, not root, everything by the constraints, no pip left, a health check or none said, labels."""
    text = dockerfile(image)
    assert len(re.findall(r"^FROM ", text, re.M)) == 2
    assert re.findall(r"^USER (.*)$", text, re.M) == ["10001:10001"]
    installs = re.findall(r"pip install ([^&;]*)", text)
    assert installs
    for words in installs:
        assert re.search(r"pip==[\d.]+|--constraint constraints\.txt|\$\{torch\}", words), words
    assert "pip uninstall --yes pip" in text
    assert re.search(r"^HEALTHCHECK ", text, re.M)
    assert text.count("org.opencontainers.image.") >= 5
    assert re.search(r"^ARG BASE=\S+:\d+\.\d+\.\d+-\S+$", text, re.M)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_its_rooms_and_no_other(image: str) -> None:
    """And .dockerignore lets through what is copied."""
    copied = {name for name, _ in re.findall(r"^COPY (\w+) /app/(\w+)$", dockerfile(image), re.M)}
    assert copied == ROOMS[image]
    allowed = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.M))
    assert allowed == {*set().union(*ROOMS.values()), "pyproject.toml", "deploy/local/constraints.txt"}


def test_no_torch_in_the_gateway() -> None:
    """Neither by name nor by a group."""
    text = dockerfile("gateway")
    assert "torch" not in re.sub(r"^#.*$", "", text, flags=re.M).lower()
    assert set(re.findall(r"--group (\S+)", text)) == {"service", "otel", "cpu"}


@pytest.mark.parametrize("image", [*IMAGES, "baked"])
@pytest.mark.skipif(HADOLINT is None, reason="there is no hadolint: `make manifests` installs it")
def test_the_linter_finds_nothing(image: str) -> None:
    """hadolint, no rule waived."""
    ended = subprocess.run(
        [str(HADOLINT), str(FOLDER / f"{image}.Dockerfile")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout


def test_what_builds_is_told_everything() -> None:
    """Device, base, index, further words; the gateway has neither a GPU's build nor torch."""
    words = command("buildah", "server", "gpu", ["--network", "host"], BASE="b", TORCH_INDEX="", REVISION="r")
    assert words[:6] == ["buildah", "build", "--format", "docker", "--network", "host"]
    assert {"DEVICE=gpu", "BASE=b", "REVISION=r", f"mulgam-server:{VERSION}-cuda"} <= set(words)
    assert not any(word.startswith("TORCH_INDEX") for word in words)
    words = command("docker", "gateway", "gpu", TORCH_INDEX="i", BASE="")
    assert f"mulgam-gateway:{VERSION}" in words
    assert not any(word.startswith(("DEVICE", "TORCH_INDEX", "BASE")) for word in words)


def stub(folder: Path, name: str, script: str) -> None:
    """A command of that name."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def build(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As `make images`, where nothing is installed but what lies in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.images", *words],
        cwd=ROOT, env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("image", "device", "base"), [
    ("baked", "cpu", f"mulgam-server:{VERSION}"), ("baked", "gpu", f"mulgam-server:{VERSION}-cuda"),
    ("baked-gateway", "gpu", f"mulgam-gateway:{VERSION}"),
])  # fmt: skip
def test_models_are_baked_into_what_serves(image: str, device: str, base: str, tmp_path: Path) -> None:
    """On top of the image of the same device, of the registry as the context, and not by default."""
    words = command("docker", image, device, context=tmp_path, TORCH_INDEX="i", BASE="", REVISION="r")
    assert words[-1] == str(tmp_path)
    assert {f"BASE={base}", "REVISION=r"} <= set(words)
    assert f"mulgam-{image}:{base.partition(':')[2]}" in words
    assert not any(word.startswith(("DEVICE", "TORCH_INDEX")) for word in words)
    assert image not in IMAGES
    text = dockerfile("baked")
    assert re.findall(r"^USER (.*)$", text, re.M) == ["10001:10001"]
    assert "mulgam.verifying" in text


def test_nothing_to_build_with(tmp_path: Path) -> None:
    """A sentence that says why of each, status 1; a docker whose daemon is away is none."""
    stub(tmp_path, "docker", "echo Cannot connect to the Docker daemon")
    stub(tmp_path, "git", "exit 1")
    ended = build(tmp_path)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "docker is installed, but does not work: Cannot connect" in line
    assert "podman is not installed; buildah is not installed" in line


def test_the_first_that_works_builds(tmp_path: Path) -> None:
    """Another one's failure is passed over; a failed build is a failure, and names the image."""
    stub(tmp_path, "docker", "exit 1")
    stub(tmp_path, "podman", 'echo "called: $@"; case "$*" in *trainer*) exit 3;; esac')
    stub(tmp_path, "git", "echo 1234")
    ended = build(tmp_path, "--only", "gateway server", "--options=--network host")
    assert ended.returncode == 0, ended.stderr
    called = re.findall(r"^called: (build .*)$", ended.stdout, re.M)
    assert [re.findall(r"--tag (\S+)", line) for line in called] == [
        [f"mulgam-gateway:{VERSION}"], [f"mulgam-server:{VERSION}"],
    ]  # fmt: skip
    assert all("--network host" in line and "REVISION=1234" in line for line in called)
    ended = build(tmp_path)
    assert ended.returncode == 1
    assert "podman could not build trainer" in ended.stderr
    assert unusable("surely-not-there") == "surely-not-there is not installed"


def test_an_image_that_is_none(tmp_path: Path) -> None:
    """Refused with those that there are."""
    ended = build(tmp_path, "--only", "kitchen")
    assert ended.returncode == 2
    assert "there is no image kitchen; there are gateway, server, trainer, baked, baked-gateway" in ended.stderr


def composed(**environment: str) -> dict[str, Any]:
    """The services of compose.yaml, with variables put in as compose does."""

    def value(found: re.Match[str]) -> str:
        return environment.get(found[1], found[2])

    text = re.sub(r"\$\{(\w+):-([^}]*)\}", value, COMPOSE.read_text(encoding="utf-8"))
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


SERVERS = ("server", "server-gpu", "server-embedded")


def test_compose_is_hardened_and_set_rightly() -> None:
    """Every setting is one; nothing is reached from outside of the machine; the stop has its time."""
    services = composed()
    assert {*services} == {*SERVERS, "train", "train-gpu", "prometheus"}
    for name in (*SERVERS, "train", "train-gpu"):
        one = services[name]
        assert (one["user"], one["read_only"], one["cap_drop"]) == ("10001:10001", True, ["ALL"])
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(rf"mulgam-(server|gateway|trainer):{re.escape(VERSION)}(-cuda)?", one["image"])
        assert one["image"].endswith("-cuda") == name.endswith("-gpu") == ("deploy" in one)
    for name in SERVERS:
        given = from_environment(services[name]["environment"])
        assert given.api_keys_file in {volume.split(":")[1] for volume in services[name]["volumes"]}
        assert int(services[name]["stop_grace_period"].rstrip("s")) > given.drain_delay + given.grace + 11
        # Prometheus asks for `server`, whichever of them runs.
        assert name == "server" or services[name]["networks"]["default"]["aliases"] == ["server"]
    assert from_environment(services["server-gpu"]["environment"]).device == "gpu"
    assert from_environment(services["server-embedded"]["environment"]).backend == "onnxruntime"
    assert all(port.startswith("127.0.0.1:") for one in services.values() for port in one.get("ports", []))


@pytest.mark.parametrize("gpus", ["1", "4"])
def test_several_gpus_have_a_worker_each(gpus: str) -> None:
    """As many workers of each model as GPUs are reserved: TorchServe hands them out in turn."""
    one = composed(MULGAM_GPUS=gpus)["server-gpu"]
    (device,) = one["deploy"]["resources"]["reservations"]["devices"]
    assert device["count"] == gpus
    assert from_environment(one["environment"]).torchserve_workers == int(gpus)


def test_versions_of_images_agree() -> None:
    """What is built is what the manifests and compose.yaml name, and the project's version."""
    project = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    tags = re.findall(
        r'newTag: "([\d.]+)(?:-cuda)?"',
        " ".join(path.read_text() for path in (ROOT / "deploy/kubernetes").rglob("kustomization.yaml")),
    )
    assert project == [VERSION]
    assert len(tags) >= 5
    assert set(tags) == {VERSION}
