"""Rendered Kubernetes objects, and the few questions that every rule asks about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Object = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """A Deployment or a Job with the pod that it makes."""

    document: Object

    @property
    def kind(self) -> str:
        """Deployment or Job."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """As findings name it."""
        return f"{self.kind} {self.document['metadata']['name']}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Of the pod."""
        labels: Mapping[str, str] = self.document["spec"]["template"].get("metadata", {}).get("labels", {})
        return labels

    @property
    def pod(self) -> Object:
        """The pod's spec."""
        spec: Object = self.document["spec"]["template"]["spec"]
        return spec

    def running(self) -> list[Object]:
        """Those that serve or train, without those that initialize."""
        containers: list[Object] = self.pod["containers"]
        return containers

    def listening(self) -> list[Object]:
        """Those that have a port: they are asked by probes, and read the registry."""
        return [one for one in self.running() if one.get("ports")]

    def containers(self) -> Iterator[Object]:
        """All of them; those that initialize obey the same rules."""
        yield from self.pod.get("initContainers", [])
        yield from self.pod["containers"]

    def ports(self) -> dict[str, int]:
        """Name -> number."""
        return {
            port["name"]: port["containerPort"] for one in self.containers() for port in one.get("ports", [])
        }  # fmt: skip

    def resources(self, kind: str) -> dict[str, Any]:
        """What all containers ask for (`requests`) or may have at most (`limits`), by resource; the last one's wins."""
        return {
            name: value for one in self.containers() for name, value in one.get("resources", {}).get(kind, {}).items()
        }

    def gpus(self) -> dict[str, Any]:
        """GPU resources that the pod asks for, whole or in slices -> how many."""
        return {name: count for name, count in self.resources("limits").items() if name.startswith("nvidia.com/")}


@dataclass(frozen=True)
class Manifests:
    """All objects of one rendering."""

    objects: Sequence[Object]

    @classmethod
    def parsed(cls, text: str) -> Manifests:
        """From a stream of YAML documents."""
        return cls([document for document in yaml.safe_load_all(text) if document])

    def of(self, kind: str) -> list[Object]:
        """The objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def names(self, kind: str) -> set[str]:
        """The names of the objects of a kind."""
        return {one["metadata"]["name"] for one in self.of(kind)}

    def workloads(self) -> list[Workload]:
        """Everything that makes pods."""
        return [Workload(one) for kind in ("Deployment", "Job") for one in self.of(kind)]

    def servers(self) -> list[Workload]:
        """The workloads that serve."""
        return [Workload(one) for one in self.of("Deployment")]

    def selected(self, labels: Mapping[str, str]) -> list[Workload]:
        """The workloads whose pods carry all these labels."""
        return [one for one in self.workloads() if labels.items() <= one.labels.items()]

    def environment(self, workload: Workload) -> dict[str, str]:
        """What a pod gets by `envFrom` and `env`; a ConfigMap that is not there gives nothing."""
        maps = {one["metadata"]["name"]: one.get("data", {}) for one in self.of("ConfigMap")}
        found: dict[str, str] = {}
        for container in workload.containers():
            for source in container.get("envFrom", []):
                found |= maps.get(source.get("configMapRef", {}).get("name"), {})
            found |= {item["name"]: item["value"] for item in container.get("env", []) if "value" in item}
        return found


_FACTORS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9}


def size(quantity: object) -> int:
    """Bytes of a quantity such as 512Mi."""
    text = str(quantity)
    for suffix, factor in _FACTORS.items():
        if text.endswith(suffix):
            return int(float(text.removesuffix(suffix)) * factor)
    return int(text)
