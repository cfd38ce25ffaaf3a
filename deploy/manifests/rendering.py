"""Every combination of an overlay with its components, rendered by kustomize."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
# overlay -> the components that go with it, each with each.
OVERLAYS = {
    "cpu": ("embedded", "monitoring", "autoscaling", "ingress"),
    "gpu": ("mig", "monitoring", "autoscaling", "ingress"),
}
# Other layouts: of each group one component or none, each with each; with one of all groups, everything else too.
LAYOUTS: dict[str, tuple[tuple[str | None, ...], ...]] = {
    "cpu": (
        (None, "two-containers"),
        (None, "split"),
        (None, "fetched", "baked"),
        (None, "several-nodes"),
        (None, "signed"),
    ),
    "gpu": (
        (None, "two-containers-gpu"),
        (None, "split"),
        (None, "fetched", "baked"),
        (None, "several-nodes"),
        (None, "signed"),
    ),
}
# What does not go with a layout: a gateway before servers compares answers by their runtime, which is TorchServe's.
_APART = {"split": {"embedded"}, "two-containers": {"embedded"}, "two-containers-gpu": {"mig"}}


class RenderError(Exception):
    """kustomize is not there, or refuses."""


@dataclass(frozen=True)
class Combination:
    """One overlay, with none or some of its components; the training Job goes with each."""

    overlay: str
    components: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.overlay, *self.components))

    def folders(self) -> tuple[list[Path], list[Path]]:
        """Resources and components."""
        resources = [KUBERNETES / "overlays" / self.overlay, KUBERNETES / "training" / self.overlay]
        return resources, [KUBERNETES / "components" / name for name in self.components]


def combinations() -> Iterator[Combination]:
    """All of them: an overlay alone first."""
    for overlay, components in OVERLAYS.items():
        for count in range(len(components) + 1):
            for chosen in itertools.combinations(components, count):
                yield Combination(overlay, chosen)
        for groups in itertools.product(*LAYOUTS[overlay]):
            layout = tuple(name for name in groups if name is not None)
            apart = set().union(*(_APART.get(name, set()) for name in layout))
            if layout:
                yield Combination(overlay, layout)
            if len(layout) == len(groups):
                yield Combination(overlay, (*(name for name in components if name not in apart), *layout))


def command() -> list[str] | None:
    """kustomize, or kubectl with its own; None where neither is there."""
    for name, words in (("kustomize", ["build"]), ("kubectl", ["kustomize"])):
        found = shutil.which(name)
        if found:
            return [found, *words]
    return None


def render(combination: Combination) -> str:
    """The YAML that `kubectl apply` would get.

    Raises:
        RenderError: there is no kustomize, or it refuses.
    """
    words = command()
    if words is None:
        raise RenderError("Neither kustomize nor kubectl is on PATH; one of them renders the manifests.")
    resources, components = combination.folders()
    with tempfile.TemporaryDirectory() as folder:
        # It takes relative paths only, from the real place of the folder.
        here = Path(folder).resolve()
        lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "namespace: mulgam"]
        for key, paths in (("resources", resources), ("components", components)):
            lines += [f"{key}:", *(f"  - {os.path.relpath(path, here)}" for path in paths)] if paths else []
        (here / "kustomization.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        ended = subprocess.run([*words, str(here)], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RenderError(f"{combination}: {ended.stderr.strip()}")
    return ended.stdout
