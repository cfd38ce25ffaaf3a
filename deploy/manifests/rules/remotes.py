"""Pods that find one another by a headless Service: gateways their servers, the pods of a training their first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.manifests.objects import Manifests, Object, Workload
from mulgam.errors import MulgamError
from service.backends import remote
from service.settings import from_environment

DNS_PORT = 53


def servers(manifests: Manifests) -> Iterator[str]:
    """A gateway's backend is a headless Service of servers of the same registry, which it can reach and they keep."""
    for gateway in manifests.servers():
        given = from_environment(manifests.environment(gateway))
        if given.backend != "oip":
            continue
        try:
            places = remote.places(given.oip_url)
        except MulgamError as problem:
            yield f"{gateway.name}: {problem}"
            continue
        for host, port in places:
            service = _headless(manifests, host)
            if service is None or port not in {one["port"] for one in service["spec"]["ports"]}:
                yield f"{gateway.name}: MULGAM_OIP_URL must name a headless Service of these manifests, and its port."
                continue
            for server in manifests.selected(service["spec"]["selector"]):
                yield from _agree(manifests, gateway, server)
                yield from _reach(manifests, gateway, server)


def _agree(manifests: Manifests, gateway: Workload, server: Workload) -> Iterator[str]:
    """One registry, one runtime, and old versions that stay for as long as a gateway needs them."""
    near, far = (from_environment(manifests.environment(one)) for one in (gateway, server))
    if near.oip_versions != "ours" or not far.linger:
        yield (
            f"{gateway.name}: a promotion would have a gap; it needs MULGAM_OIP_VERSIONS=ours, and {server.name}"
            " MULGAM_LINGER."
        )
    if near.runtime != far.runtime or far.backend != "torchserve":
        yield f"{gateway.name}: MULGAM_RUNTIME must be what computes in {server.name}."
    if far.api_keys_file and near.oip_key_file != near.api_keys_file:
        yield f"{gateway.name}: {server.name} asks for a key; MULGAM_OIP_KEY_FILE must be the file that both have."


def trainings(manifests: Manifests) -> Iterator[str]:
    """The pods of an indexed Job are as many as torchrun waits for, and find the first of them by its name."""
    for job in (one for one in manifests.workloads() if one.kind == "Job"):
        spec = job.document["spec"]
        words = dict(word.split("=", 1) for one in job.running() for word in one.get("command", []) if "=" in word)
        if spec.get("completionMode") != "Indexed":
            if words.get("--nnodes", "1") != "1":
                yield f"{job.name}: torchrun on several nodes needs completionMode Indexed."
            continue
        if len({str(spec.get("completions")), str(spec.get("parallelism")), words.get("--nnodes")}) != 1:
            yield f"{job.name}: completions, parallelism and --nnodes must be one number, else it waits for ever."
        name, subdomain = job.document["metadata"]["name"], job.pod.get("subdomain")
        service = _headless(manifests, str(subdomain))
        if words.get("--master-addr") != f"{name}-0.{subdomain}":
            yield f"{job.name}: --master-addr must be its first pod, {name}-0.{subdomain}."
        if service is None or not service["spec"].get("publishNotReadyAddresses"):
            yield f"{job.name}: its subdomain must be a headless Service that publishes pods before they are ready."
        yield from _reach(manifests, job, job)


def _reach(manifests: Manifests, caller: Workload, called: Workload) -> Iterator[str]:
    """Policies let calls out of one and into the other, and names be looked up."""
    out = [rule for policy in _policies(manifests, caller, "Egress") for rule in policy.get("egress", [])]
    into = [rule for policy in _policies(manifests, called, "Ingress") for rule in policy.get("ingress", [])]
    if not any(_names(peer, called.labels) for rule in out for peer in rule.get("to", [])):
        yield f"{caller.name}: no NetworkPolicy lets it out to {called.name}."
    if not any(_names(peer, caller.labels) for rule in into for peer in rule.get("from", [])):
        yield f"{caller.name}: no NetworkPolicy lets it into {called.name}."
    if not any(port.get("port") == DNS_PORT for rule in out for port in rule.get("ports", [])):
        yield f"{caller.name}: no NetworkPolicy lets it ask the cluster's DNS for addresses."


def _policies(manifests: Manifests, workload: Workload, kind: str) -> Iterator[Object]:
    for policy in manifests.of("NetworkPolicy"):
        spec = policy["spec"]
        if kind in spec["policyTypes"] and _matches(spec["podSelector"], workload.labels):
            yield spec


def _names(peer: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a peer of a policy is these pods, of the same namespace."""
    return "podSelector" in peer and "namespaceSelector" not in peer and _matches(peer["podSelector"], labels)


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    among = all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))
    return wanted.items() <= labels.items() and among


def _headless(manifests: Manifests, name: str) -> Object | None:
    found = (one for one in manifests.of("Service") if one["metadata"]["name"] == name)
    return next((one for one in found if one["spec"].get("clusterIP") == "None"), None)
