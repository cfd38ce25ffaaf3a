"""What names something else: selectors, ports, ConfigMaps, accounts, policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.manifests.objects import Manifests

CLUSTER_WIDE = {"Namespace", "PriorityClass"}
ADMIN = "admin"


def selectors(manifests: Manifests) -> Iterator[str]:
    """Whatever selects pods finds some."""
    for server in manifests.servers():
        wanted = server.document["spec"]["selector"]["matchLabels"]
        if not wanted.items() <= server.labels.items():
            yield f"{server.name}: its selector does not match its pods' labels."
        for spread in server.pod.get("topologySpreadConstraints", []):
            if not spread["labelSelector"]["matchLabels"].items() <= server.labels.items():
                yield f"{server.name}: topologySpreadConstraints count other pods than its own."
    for service in manifests.of("Service"):
        if not manifests.selected(service["spec"]["selector"]):
            yield f"Service {service['metadata']['name']}: its selector matches no pod."
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for one in manifests.of(kind):
            spec = one["spec"]
            labels = spec.get("selector", spec.get("podSelector", {})).get("matchLabels", {})
            if not manifests.selected(labels):
                yield f"{kind} {one['metadata']['name']}: its selector matches no pod."


def ports(manifests: Manifests) -> Iterator[str]:
    """A port by name is one of the pod's."""
    for service in manifests.of("Service"):
        for port in service["spec"]["ports"]:
            for workload in manifests.selected(service["spec"]["selector"]):
                if workload.kind == "Deployment" and port.get("targetPort") not in workload.ports():
                    where = f"Service {service['metadata']['name']}"
                    yield f"{where}: {workload.name} has no port {port.get('targetPort')}."
    for policy in manifests.of("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for port in rule.get("ports", []):
                for workload in manifests.selected(policy["spec"]["podSelector"].get("matchLabels", {})):
                    if "endPort" not in port and port["port"] not in workload.ports():
                        where = f"NetworkPolicy {policy['metadata']['name']}"
                        yield f"{where}: {workload.name} has no port {port['port']}."


def references(manifests: Manifests) -> Iterator[str]:
    """ConfigMaps, accounts and priorities exist."""
    for workload in manifests.workloads():
        for container in workload.containers():
            for source in (one for one in container.get("envFrom", []) if "configMapRef" in one):
                name = source["configMapRef"].get("name")
                if name not in manifests.names("ConfigMap"):
                    yield f"{workload.name}: there is no ConfigMap {name}."
            for item in container.get("env", []):
                wanted = item.get("valueFrom", {}).get("configMapKeyRef")
                maps = {one["metadata"]["name"]: one.get("data", {}) for one in manifests.of("ConfigMap")}
                if wanted and wanted["key"] not in maps.get(wanted["name"], {}):
                    yield f"{workload.name}: ConfigMap {wanted['name']} has no key {wanted['key']}."
        for key, kind in (("serviceAccountName", "ServiceAccount"), ("priorityClassName", "PriorityClass")):
            if workload.pod.get(key) not in manifests.names(kind):
                yield f"{workload.name}: there is no {kind} {workload.pod.get(key)}."


def namespaces(manifests: Manifests) -> Iterator[str]:
    """All in the one namespace, which enforces the restricted profile."""
    known = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in manifests.of("Namespace")}
    for name, labels in known.items():
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"Namespace {name}: it must enforce the Pod Security profile restricted."
    for one in manifests.objects:
        if one["kind"] not in CLUSTER_WIDE and one["metadata"].get("namespace") not in known:
            yield f"{one['kind']} {one['metadata']['name']}: it is in no namespace of these manifests."


def policies(manifests: Manifests) -> Iterator[str]:
    """Nobody may, but for those who are named; the admin port has callers of its own."""
    found = manifests.of("NetworkPolicy")
    if not any(_denies_all(one["spec"]) for one in found):
        yield "NetworkPolicy: none denies everything to all pods."
    for policy in found:
        for rule in policy["spec"].get("ingress", []):
            name = policy["metadata"]["name"]
            callers = rule.get("from", [])
            if not callers or any(not _narrow(caller) for caller in callers):
                yield f"NetworkPolicy {name}: it lets everybody in."
            wanted = {port["port"] for port in rule.get("ports", [])}
            if not wanted:
                yield f"NetworkPolicy {name}: it opens every port."
            if ADMIN in wanted and (len(wanted) > 1 or len(callers) != 1 or "monitoring" not in str(callers)):
                yield f"NetworkPolicy {name}: the admin port is for monitoring alone."
        for rule in policy["spec"].get("egress", []):
            if not rule.get("to") or not rule.get("ports"):
                yield f"NetworkPolicy {policy['metadata']['name']}: it lets pods out to everywhere."


def _denies_all(spec: dict[str, Any]) -> bool:
    return (
        not spec["podSelector"]
        and set(spec.get("policyTypes", [])) == {"Ingress", "Egress"}
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def _narrow(caller: dict[str, Any]) -> bool:
    return any(caller.get(key) for key in ("namespaceSelector", "podSelector"))


def monitors(manifests: Manifests) -> Iterator[str]:
    """A ServiceMonitor finds a Service, by a port that it names."""
    for monitor in manifests.of("ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        services = [
            one for one in manifests.of("Service") if wanted.items() <= one["metadata"].get("labels", {}).items()
        ]
        named = {port["name"] for one in services for port in one["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in named:
                yield f"ServiceMonitor {monitor['metadata']['name']}: no Service that it selects has this port."
