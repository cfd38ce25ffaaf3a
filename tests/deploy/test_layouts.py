"""What pods of the layouts `several-nodes` and `fetched` run, run here: the rendered words, as local processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.manifests.objects import Manifests, Workload
from deploy.manifests.rendering import Combination, command, render
from mulgam.registry import Registry
from mulgam.verifying import main as verify
from tests.processes import ROOT, free_port

pytestmark = pytest.mark.skipif(command() is None, reason="neither kustomize nor kubectl is there")


def filled(words: list[str], environment: dict[str, str]) -> list[str]:
    """Words with `$(NAME)` replaced, as the kubelet does."""
    return [re.sub(r"\$\((\w+)\)", lambda found: environment[found[1]], word) for word in words]


def workload(kind: str, *components: str) -> tuple[Manifests, Workload]:
    """The one of a kind in a rendering."""
    manifests = Manifests.parsed(render(Combination("cpu", components)))
    (found,) = (one for one in manifests.workloads() if one.kind == kind)
    return manifests, found


@pytest.mark.slow
def test_an_indexed_job_trains_together(tmp_path: Path) -> None:
    """Its command line on each of its nodes, here two processes: they meet, one version is published, by the first."""
    _, job = workload("Job", "several-nodes")
    (container,) = job.running()
    (index,) = container["env"]
    assert (
        index["valueFrom"]["fieldRef"]["fieldPath"]
        == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    )
    (tmp_path / "tiny.csv").write_text("a,b,y\n" + "".join(f"{n / 2},{n % 5},{2 * n + n % 3}\n" for n in range(60)))
    (tmp_path / "tiny.toml").write_text(
        'name = "tiny"\n[data]\npath = "tiny.csv"\ntarget = "y"\nsplit = ["random", "half"]\n[training]\nepochs = 3\n'
    )
    here = {
        "/opt/mulgam/bin/python": sys.executable,
        "--master-addr=mulgam-training-0.mulgam-training": "--master-addr=127.0.0.1",
        "--master-port=29500": f"--master-port={free_port()}",
        "/registry": str(tmp_path / "registry"),
        "/work/runs": str(tmp_path / "runs"),
    }
    words = [*container["command"], str(tmp_path / "tiny.toml"), *container["args"]]
    assert set(here) <= set(words)
    nodes = []
    for number in range(job.document["spec"]["completions"]):
        environment = {index["name"]: str(number)}
        nodes.append(subprocess.Popen(
            filled([here.get(one, one) for one in words], environment),
            cwd=ROOT, env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ))  # fmt: skip
    try:
        told = [node.communicate(timeout=150)[0] for node in nodes]
    finally:
        for node in nodes:
            node.kill()
    assert [node.returncode for node in nodes] == [0, 0], told
    assert [one.count("published ") for one in told] == [1, 0]
    assert Registry(tmp_path / "registry").versions("tiny") == [1]


@pytest.mark.skipif(shutil.which("rclone") is None, reason="there is no rclone (Debian: rclone)")
def test_a_registry_is_fetched_and_verified(registry: Registry, tmp_path: Path) -> None:
    """The init container's words, with a folder as the storage: every file comes, verifies, and comes but once."""
    manifests, server = workload("Deployment", "fetched")
    (container,) = server.pod["initContainers"]
    (sources,) = (one for one in manifests.of("ConfigMap") if one["metadata"]["name"].startswith("mulgam-models"))
    assert set(sources["data"]) == {"MODELS_PATH"}
    configuration = tmp_path / "rclone.conf"
    configuration.write_text(f"[models]\ntype = alias\nremote = {registry.root.parent}\n")
    environment = {"MODELS_PATH": registry.root.name, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    words = ["rclone", *filled(container["args"], environment)]
    words[words.index("/registry")] = str(tmp_path / "registry")
    words[words.index("--config=/etc/rclone/rclone.conf")] = f"--config={configuration}"
    for _ in range(2):
        ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
    assert verify([str(tmp_path / "registry")]) == 0
    words[words.index(f"models:{registry.root.name}")] = "models:not-there"
    assert subprocess.run(words, env=environment, capture_output=True, check=False, timeout=60).returncode != 0
