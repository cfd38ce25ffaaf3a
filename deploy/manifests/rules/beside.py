"""TorchServe in a container of its own: both see one folder, and have one set of settings and one image."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.manifests.objects import Manifests, Object
from service.settings import from_environment

MODULE = "service.beside"


def containers(manifests: Manifests) -> Iterator[str]:
    """Where the settings name the folder there is such a container, and where there is one they name it."""
    for server in manifests.servers():
        folder = from_environment(manifests.environment(server)).torchserve_folder
        beside = [one for one in server.running() if MODULE in one.get("command", [])]
        if bool(folder) != (len(beside) == 1):
            yield f"{server.name}: MULGAM_TORCHSERVE_FOLDER and one container that runs {MODULE} need one another."
        if not folder or not beside:
            continue
        shared = {volume["name"] for volume in server.pod["volumes"] if "emptyDir" in volume}
        mounted = [_mounted(one, folder) for one in (*server.listening(), *beside)]
        if len(set(mounted)) != 1 or mounted[0] not in shared:
            yield f"{server.name}: MULGAM_TORCHSERVE_FOLDER must be one emptyDir in both containers, writable."
        for one in beside:
            if one.get("envFrom") != server.listening()[0].get("envFrom"):
                yield f"{server.name}, container {one['name']}: its settings must be those of the other."
            if len({container["image"] for container in (*server.listening(), one)}) != 1:
                yield f"{server.name}, container {one['name']}: its image must be that of the other."


def _mounted(container: Object, folder: str) -> str | None:
    """The volume at a path, where it can be written."""
    mounts = container.get("volumeMounts", [])
    return next((one["name"] for one in mounts if one["mountPath"] == folder and not one.get("readOnly")), None)
