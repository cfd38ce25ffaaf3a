"""Signed versions: whatever loads them asks for a signature, or nothing does, and has the public keys."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.manifests.objects import Manifests, Object, Workload
from deploy.manifests.rules.beside import MODULE
from service.settings import from_environment


def keys(manifests: Manifests) -> Iterator[str]:
    """A half that does not ask would load what the other half refuses."""
    asking = {
        server.name: from_environment(manifests.environment(server)).trusted_keys for server in manifests.servers()
    }
    if len(set(asking.values())) > 1:
        silent = ", ".join(name for name, folder in asking.items() if not folder) or "some"
        yield f"{silent}: MULGAM_TRUSTED_KEYS must be set for all that load versions, to the same."
    for server in manifests.servers():
        folder = asking[server.name]
        for container in server.running() if folder else []:
            loads = container in server.listening() or MODULE in container.get("command", [])
            if loads and not _has(server, container, folder):
                yield f"{server.name}, container {container['name']}: MULGAM_TRUSTED_KEYS must be a mounted ConfigMap."


def _has(server: Workload, container: Object, folder: str) -> bool:
    """As a folder, which changes with the ConfigMap, and not by subPath, which does not."""
    maps = {volume["name"] for volume in server.pod.get("volumes", []) if "configMap" in volume or "secret" in volume}
    mounts = [mount for mount in container.get("volumeMounts", []) if mount["mountPath"] == folder]
    return any(mount["name"] in maps and mount.get("readOnly") and "subPath" not in mount for mount in mounts)
