"""The images under the settings of the pod that `make manifests` renders: hardened, they answer, and drain.

The spec becomes words for `podman run`, so that what is tried is the manifest, not a command by hand. Probes are
asked here, as the kubelet would. Skipped without podman and the image (`make images`).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.images.__main__ import VERSION
from deploy.images.__main__ import command as command_of_image
from deploy.manifests.objects import Manifests, Workload, size
from deploy.manifests.rendering import Combination, command, render
from mulgam.registry import Registry
from tests.processes import call, free_port, predict, wait_until

KEY = "an-api-key-of-the-tests"
ROWS = [[32.0, 3.0, 0.3]]
# Image -> the components with which the pod runs it.
PODS = {"gateway": ("embedded",), "server": ()}

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.timeout(600)]


def built(image: str) -> str:
    """The image's name for podman; skips where it, podman or kubectl is not there."""
    name = f"localhost/mulgam-{image}:{VERSION}"
    if shutil.which("podman") is None or command() is None:
        pytest.skip("there is no podman, or no kubectl")
    if subprocess.run(["podman", "image", "exists", name], check=False).returncode != 0:
        pytest.skip(f"there is no {name}: `make images` with podman or buildah makes it")
    tried = subprocess.run(
        ["podman", "run", "--rm", "--entrypoint=/bin/true", name], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"podman runs no container here: {tried.stderr.strip()}")
    return name


def words(
    manifests: Manifests, workload: Workload, volumes: dict[str, Path], ports: dict[str, int], place: int = 0
) -> list[str]:
    """What `podman run` needs to be told of a container of a pod.

    Args:
        manifests: for the ConfigMaps.
        workload: whose pod it is.
        volumes: of the pod that are folders here.
        ports: name of a port -> where it is reached on loopback.
        place: of the container.
    """
    container = workload.pod["containers"][place]
    security = {**workload.pod["securityContext"], **container["securityContext"]}
    found = ["--user", f"{security['runAsUser']}:{security['runAsGroup']}"]
    found += ["--security-opt", "no-new-privileges"] if not security["allowPrivilegeEscalation"] else []
    found += ["--read-only", "--read-only-tmpfs=false"] if security["readOnlyRootFilesystem"] else []
    found += [f"--cap-drop={name}" for name in security["capabilities"]["drop"]]
    found += [f"--memory={size(container['resources']['limits']['memory'])}"]
    emptied = {volume["name"]: volume["emptyDir"] for volume in workload.pod["volumes"] if "emptyDir" in volume}
    optional = {volume["name"] for volume in workload.pod["volumes"] if volume.get("configMap", {}).get("optional")}
    for mount in (one for one in container["volumeMounts"] if one["name"] not in optional - volumes.keys()):
        if mount["name"] in emptied and mount["name"] not in volumes:
            room = size(emptied[mount["name"]]["sizeLimit"])
            found += ["--tmpfs", f"{mount['mountPath']}:rw,mode=1777,size={room}"]
        else:
            how = "ro" if mount.get("readOnly") else "rw"
            found += ["--volume", f"{volumes[mount['name']]}:{mount['mountPath']}:{how}"]
    for name, value in manifests.environment(workload).items():
        found += ["--env", f"{name}={value}"]
    named = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    for name, number in named.items():
        found += ["--publish", f"127.0.0.1:{ports[name]}:{number}"]
    return found


@contextlib.contextmanager
def running(words: list[str], image: str, *command: str) -> Iterator[str]:
    """A container for the length of a block; its id."""
    entry = [f"--entrypoint={command[0]}"] if command else []
    started = subprocess.run(
        ["podman", "run", "--detach", *words, *entry, image, *command[1:]], capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        yield container
    finally:
        subprocess.run(["podman", "rm", "--force", "--time=0", container], capture_output=True, check=False)


def podman(*words: str) -> str:
    """What it prints."""
    return subprocess.run(["podman", *words], capture_output=True, text=True, check=True).stdout


def is_well(admin_port: int, path: str = "/readyz") -> bool:
    """Whether a probe passes now."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return call(admin_port, "GET", path, timeout=5).status == 200
    return False


def assert_answers(port: int) -> None:
    """To whoever shows the key, and rightly."""
    reply = predict(port, "notes", ROWS, authorization=f"Bearer {KEY}")
    assert reply.status == 200, reply.body
    assert reply.json["predictions"][0] == pytest.approx(5.3, abs=1e-4)


@pytest.mark.parametrize("image", PODS)
def test_the_pod_runs_hardened(registry: Registry, tmp_path: Path, image: str) -> None:
    """Ready by its probe, a prediction with a key, none without, nothing writable but /tmp, metrics, a clean end."""
    name = built(image)
    manifests = Manifests.parsed(render(Combination("cpu", PODS[image])))
    (server,) = manifests.servers()
    assert server.pod["containers"][0]["image"] == name.removeprefix("localhost/")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "api-keys").write_text(f"{KEY}\n")
    for path in (tmp_path, *registry.root.parents[:2], registry.root, *registry.root.rglob("*"), keys):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    volumes = {"registry": registry.root, "keys": keys}
    ports = {"http": free_port(), "admin": free_port()}
    (container,) = server.pod["containers"]

    def passes(probe: str) -> bool:
        return is_well(ports["admin"], container[probe]["httpGet"]["path"])

    with running(words(manifests, server, volumes, ports), name) as found:
        wait_until(lambda: passes("startupProbe"), 140, "ready")
        assert passes("livenessProbe")
        assert_answers(ports["http"])
        assert predict(ports["http"], "notes", ROWS).status == 401
        assert b"mulgam_requests_total" in call(ports["admin"], "GET", "/metrics").body
        status = podman("exec", found, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert "Uid:\t10001" in status
        for folder in ("/", "/app", "/registry", "/etc/mulgam/keys"):
            tried = subprocess.run(["podman", "exec", found, "touch", f"{folder}/x"], capture_output=True, check=False)
            assert tried.returncode != 0, folder
        podman("healthcheck", "run", found)
        podman("stop", f"--time={server.pod['terminationGracePeriodSeconds']}", found)
        assert podman("inspect", "--format", "{{.State.ExitCode}}", found).strip() == "0"


def test_two_containers_share_a_folder(registry: Registry, tmp_path: Path) -> None:
    """The pod of `two-containers`: TorchServe in the second, which has neither registry nor keys; told to stop both at
    once, both end well."""
    name = built("server")
    manifests = Manifests.parsed(render(Combination("cpu", ("two-containers",))))
    (server,) = manifests.servers()
    first, second = server.pod["containers"]
    assert first["image"] == second["image"] == name.removeprefix("localhost/")
    volumes = {"registry": registry.root, "keys": tmp_path / "keys", "torchserve": tmp_path / "shared"}
    volumes["keys"].mkdir()
    volumes["torchserve"].mkdir()
    (volumes["keys"] / "api-keys").write_text(f"{KEY}\n")
    for path in (tmp_path, *registry.root.parents[:2], registry.root, *registry.root.rglob("*"), volumes["keys"]):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    (volumes["keys"] / "api-keys").chmod(0o644)
    volumes["torchserve"].chmod(0o777)
    ports = {"http": free_port(), "admin": free_port()}

    with (
        running(words(manifests, server, volumes, ports, 1), name, *second["command"]) as beside,
        running(words(manifests, server, volumes, ports, 0), name) as gateway,
    ):
        wait_until(lambda: is_well(ports["admin"]), 140, "ready")
        assert_answers(ports["http"])
        assert "ModelServer" in podman("top", beside, "args")
        assert "ModelServer" not in podman("top", gateway, "args")
        for folder in ("/registry", "/etc/mulgam/keys"):
            tried = subprocess.run(
                ["podman", "exec", beside, "ls", folder], capture_output=True, text=True, check=False
            )
            assert tried.returncode != 0 or not tried.stdout.strip(), folder
        podman("stop", f"--time={server.pod['terminationGracePeriodSeconds']}", beside, gateway)
        for one in (beside, gateway):
            assert podman("inspect", "--format", "{{.State.ExitCode}}", one).strip() == "0"


def test_models_inside_need_no_volume(registry: Registry, tmp_path: Path) -> None:
    """`make images ONLY=baked-gateway` on top of the gateway, run as the component `baked` says: ready, and right."""
    built("gateway")
    words_of_build = command_of_image("podman", "baked-gateway", "cpu", context=registry.root)
    name = "localhost/mulgam-baked-gateway:test"
    words_of_build[words_of_build.index("--tag") + 1] = name
    made = subprocess.run(
        words_of_build, env={**os.environ, "BUILDAH_ISOLATION": "chroot"}, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "notes: version 1" in made.stdout + made.stderr
    manifests = Manifests.parsed(render(Combination("cpu", ("embedded", "baked"))))
    (server,) = manifests.servers()
    assert server.pod["containers"][0]["image"].startswith("mulgam-baked-gateway:")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "api-keys").write_text(f"{KEY}\n")
    for path in (tmp_path, *tmp_path.parents[:2], keys, keys / "api-keys"):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    ports = {"http": free_port(), "admin": free_port()}

    with running(words(manifests, server, {"keys": keys}, ports), name) as found:
        wait_until(lambda: is_well(ports["admin"]), 60, "ready")
        assert_answers(ports["http"])
        tried = subprocess.run(["podman", "exec", found, "touch", "/registry/x"], capture_output=True, check=False)
        assert tried.returncode != 0
    podman("rmi", name)


def test_the_job_trains_hardened(tmp_path: Path) -> None:
    """The default models, published into the mounted registry; nothing else is written outside of its volumes."""
    name = built("trainer")
    manifests = Manifests.parsed(render(Combination("cpu")))
    (job,) = (one for one in manifests.workloads() if one.kind == "Job")
    (container,) = job.pod["containers"]
    assert container["image"] == name.removeprefix("localhost/")
    volumes = {"registry": tmp_path / "registry", "recipes": tmp_path / "recipes"}
    for path in volumes.values():
        path.mkdir()
        path.chmod(0o777)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    ended = subprocess.run(
        ["podman", "run", "--rm", "--network=none", *words(manifests, job, volumes, {}), name, *container["args"]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {path.name for path in (tmp_path / "registry").glob("*/1")} == {"1"}
    assert Registry(tmp_path / "registry").models() == ["digits", "house-price"]
    assert (tmp_path / "registry" / "digits" / "1").stat().st_uid == 10001
