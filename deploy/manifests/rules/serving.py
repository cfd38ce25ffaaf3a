"""What the pods' settings promise beside what Kubernetes is told: probes, times, limits, the ingress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from deploy.manifests.objects import Manifests, Workload, size
from service.settings import Settings, SettingsError, from_environment, is_loopback
from service.supervisor.admin import create_admin_app
from service.supervisor.overview import Overview

# After MULGAM_DRAIN_DELAY and MULGAM_GRACE: TorchServe's own end and what is killed then (docs/operations.md, "Stop").
STOP_SECONDS = 11
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_NGINX = "nginx.ingress.kubernetes.io/"


def settings(manifests: Manifests) -> Iterator[str]:
    """Every name is a setting, every value one that it may have; the ports are the pod's, reached from outside."""
    for server in manifests.servers():
        try:
            given = from_environment(manifests.environment(server))
        except SettingsError as problem:
            yield f"{server.name}: {problem}"
            continue
        if server.ports() != {"http": given.port, "admin": given.admin_port}:
            yield f"{server.name}: its ports {server.ports()} are not those of MULGAM_PORT and MULGAM_ADMIN_PORT."
        if is_loopback(given.host) or is_loopback(given.admin_host):
            yield f"{server.name}: a listener on loopback is reached by nobody."
        yield from _keys(server, given)
        yield from _space(server, given)
        yield from _times(server, given)


def _keys(server: Workload, given: Settings) -> Iterator[str]:
    secrets = {volume["name"] for volume in server.pod["volumes"] if "secret" in volume}
    mounts = [mount for one in server.containers() for mount in one.get("volumeMounts", [])]
    folders = {mount["mountPath"] for mount in mounts if mount["name"] in secrets and "subPath" not in mount}
    if not given.api_keys_file or str(PurePosixPath(given.api_keys_file).parent) not in folders:
        yield f"{server.name}: MULGAM_API_KEYS_FILE must lie in a Secret that is mounted as a folder."


def _space(server: Workload, given: Settings) -> Iterator[str]:
    folders = {volume["name"]: volume.get("emptyDir", {}) for volume in server.pod["volumes"]}
    spooled = given.bulk_requests * given.bulk_max_bytes
    room = size(folders.get("tmp", {}).get("sizeLimit", 0))
    if room <= spooled:
        yield f"{server.name}: /tmp has {room} bytes, but tables may take {spooled} (MULGAM_BULK_*)."
    disk = sum(size(folder["sizeLimit"]) for folder in folders.values() if folder and folder.get("medium") != "Memory")
    if disk > sum(size(one["resources"]["limits"].get("ephemeral-storage", 0)) for one in server.running()):
        yield f"{server.name}: its folders on disk ({disk} bytes) are larger than the pod's ephemeral-storage."


def _times(server: Workload, given: Settings) -> Iterator[str]:
    hooks = [one.get("lifecycle", {}).get("preStop", {}) for one in server.containers()]
    asleep = max(hook.get("sleep", {}).get("seconds", 0) for hook in hooks)
    needed = asleep + given.drain_delay + given.grace + STOP_SECONDS
    if server.pod.get("terminationGracePeriodSeconds", 30) <= needed:
        yield f"{server.name}: terminationGracePeriodSeconds must be more than {needed:g} s, else requests are lost."
    for container in server.listening():
        startup = container.get("startupProbe", {})
        if startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3) <= given.startup_timeout:
            yield f"{server.name}: its startupProbe ends before MULGAM_STARTUP_TIMEOUT ({given.startup_timeout:g} s)."
        ready = container.get("readinessProbe", {})
        if ready.get("periodSeconds", 10) * ready.get("failureThreshold", 3) >= given.drain_delay:
            yield f"{server.name}: its readinessProbe is slower than MULGAM_DRAIN_DELAY ({given.drain_delay:g} s)."


def probes(manifests: Manifests) -> Iterator[str]:
    """All three, on the admin port, by paths that it has; only liveness asks whether the pod lives."""
    paths = {rule.rule for rule in create_admin_app(Overview((), 1.0), Settings()).url_map.iter_rules()}
    for server in manifests.servers():
        for container in server.running():
            if "ports" not in container and not container.keys() & {*PROBES}:
                continue
            asked = {name: container.get(name, {}).get("httpGet", {}) for name in PROBES}
            for name, get in asked.items():
                if get.get("port") != "admin" or get.get("path") not in paths:
                    yield f"{server.name}: {name} must ask the admin port for a path that is there."
            if asked["livenessProbe"].get("path") != "/livez":
                yield f"{server.name}: a livenessProbe that asks for readiness restarts pods whose backend is away."
            if {asked[name].get("path") for name in PROBES[:2]} != {"/readyz"}:
                yield f"{server.name}: startupProbe and readinessProbe must ask /readyz."


def ingresses(manifests: Manifests) -> Iterator[str]:
    """It leads to a Service's port, and its limits are the gateway's."""
    ports = {
        one["metadata"]["name"]: {port["name"] for port in one["spec"]["ports"]} for one in manifests.of("Service")
    }
    for ingress in manifests.of("Ingress"):
        name = f"Ingress {ingress['metadata']['name']}"
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                if service["port"].get("name") not in ports.get(service["name"], ()):
                    yield f"{name}: there is no Service {service['name']} with that port."
                if "admin" in str(service):
                    yield f"{name}: the admin port is not for callers."
        hosts = {host for entry in ingress["spec"].get("tls", []) for host in entry["hosts"]}
        if not {rule.get("host") for rule in ingress["spec"]["rules"]} <= hosts:
            yield f"{name}: a host has no TLS; an API key would travel readable."
        for server in manifests.servers():
            yield from _proxy(name, ingress["metadata"].get("annotations", {}), manifests.environment(server))


def _proxy(name: str, annotations: dict[str, Any], environment: dict[str, str]) -> Iterator[str]:
    given = from_environment(environment)
    said = {key.removeprefix(_NGINX): value for key, value in annotations.items()}
    if size(str(said.get("proxy-body-size", "1m")).upper() + "i") != given.bulk_max_bytes:
        yield f"{name}: proxy-body-size must be MULGAM_BULK_MAX_BYTES ({given.bulk_max_bytes})."
    for side in ("read", "send"):
        if float(said.get(f"proxy-{side}-timeout", 0)) <= given.request_timeout + given.body_timeout:
            yield f"{name}: proxy-{side}-timeout is not longer than the gateway's own deadlines."
    for key in ("proxy-request-buffering", "proxy-buffering"):
        if said.get(key) != "off":
            yield f"{name}: {key} must be off: tables are streamed."
