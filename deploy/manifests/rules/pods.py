"""Each pod by itself: the restricted Pod Security profile, images, resources, volumes."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.manifests.objects import Manifests, Workload, size

# Of the profile "restricted"; hostPath and the network volumes of old are not among them.
# The image that brings its registry along (deploy/images/baked.Dockerfile).
BAKED = "mulgam-baked"
SHM, TMP = "/dev/shm", "/tmp"  # noqa: S108 # nosec B108 # of the container
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def restricted(manifests: Manifests) -> Iterator[str]:
    """The API server refuses such a pod, but takes the Deployment, and no pod ever appears."""
    for workload in manifests.workloads():
        pod, name = workload.pod, workload.name
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(key):
                yield f"{name}: {key} is not allowed."
        for volume in pod.get("volumes", []):
            for kind in volume.keys() - {"name"} - VOLUMES:
                yield f"{name}: volume {volume['name']} is a {kind}, which is not allowed."
        for container in workload.containers():
            merged = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
            where = f"{name}, container {container['name']}"
            if merged.get("runAsNonRoot") is not True or not merged.get("runAsUser"):
                yield f"{where}: it must run as a user that is not root (runAsNonRoot, runAsUser)."
            if merged.get("allowPrivilegeEscalation") is not False or merged.get("privileged"):
                yield f"{where}: it may gain privileges."
            capabilities = merged.get("capabilities", {})
            if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
                yield f"{where}: all capabilities must be dropped, none added."
            if merged.get("seccompProfile", {}).get("type") != "RuntimeDefault":
                yield f"{where}: the seccomp profile must be RuntimeDefault."
            if merged.get("readOnlyRootFilesystem") is not True:
                yield f"{where}: its root file system must be read-only."
            if any("hostPort" in port for port in container.get("ports", [])):
                yield f"{where}: hostPort is not allowed."


def isolated(manifests: Manifests) -> Iterator[str]:
    """No token of the cluster, no variables of its Services."""
    for workload in manifests.workloads():
        if workload.pod.get("automountServiceAccountToken") is not False:
            yield f"{workload.name}: the account's token must not be mounted."
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload.name}: enableServiceLinks must be false."


def pinned(manifests: Manifests) -> Iterator[str]:
    """An image has a tag that means one thing, or a digest."""
    for workload in manifests.workloads():
        for container in workload.containers():
            image = container.get("image", "")
            _, _, tag = image.rpartition("/")[2].partition(":")
            if "@sha256:" not in image and tag in ("", "latest"):
                yield f"{workload.name}: image {image or 'of ' + container['name']} has no tag that pins it."


def resources(manifests: Manifests) -> Iterator[str]:
    """Memory is asked for as it is limited: a pod that takes more than it asked for goes when others need it."""
    for workload in manifests.workloads():
        for container in workload.containers():
            given = container.get("resources", {})
            asked, limits = given.get("requests", {}), given.get("limits", {})
            where = f"{workload.name}, container {container['name']}"
            if "cpu" not in asked:
                yield f"{where}: it asks for no cpu."
            if "memory" not in asked or asked.get("memory") != limits.get("memory"):
                yield f"{where}: it must ask for memory, and be limited to as much."
            for name in {*asked, *limits}:
                if name.startswith("nvidia.com/"):
                    yield from _gpu(where, name, asked.get(name), limits.get(name))


def _gpu(where: str, name: str, request: object, limit: object) -> Iterator[str]:
    if limit is None or request not in (None, limit):
        yield f"{where}: {name} must be limited, and asked for as much or not at all."
    elif not str(limit).isdigit() or int(str(limit)) < 1:
        yield f"{where}: {name} is {limit}; it must be a whole number from 1."


def volumes(manifests: Manifests) -> Iterator[str]:
    """Mounts have volumes, claims exist, and what must be writable is there though the root is not."""
    for workload in manifests.workloads():
        there = {volume["name"]: volume for volume in workload.pod.get("volumes", [])}
        for container in workload.containers():
            mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
            for mount in mounts.values():
                if mount["name"] not in there:
                    yield f"{workload.name}: there is no volume {mount['name']} to mount."
            if container in workload.running():
                yield from _shared_memory(workload, there.get(mounts.get(SHM, {}).get("name", ""), {}))
            if "emptyDir" not in there.get(mounts.get(TMP, {}).get("name", ""), {}):
                yield f"{workload.name}: /tmp must be an emptyDir."
        for volume in there.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in manifests.names("PersistentVolumeClaim"):
                yield f"{workload.name}: there is no PersistentVolumeClaim {claim}."


def _shared_memory(workload: Workload, volume: dict[str, dict[str, str]]) -> Iterator[str]:
    folder = volume.get("emptyDir", {})
    if folder.get("medium") != "Memory" or "sizeLimit" not in folder:
        yield f"{workload.name}: /dev/shm must be an emptyDir in memory with a sizeLimit."
    elif size(folder["sizeLimit"]) >= size(workload.resources("limits").get("memory", 0)):
        yield f"{workload.name}: /dev/shm counts as memory and is as large as all that the pod may take."


def registry(manifests: Manifests) -> Iterator[str]:
    """Servers read the registry, mounted or in their image; whoever could write it could have anything computed."""
    for server in manifests.servers():
        folder = manifests.environment(server).get("MULGAM_REGISTRY")
        for container in server.listening():
            mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
            is_inside = BAKED in container["image"] and folder not in mounts
            if not is_inside and not mounts.get(folder, {}).get("readOnly"):
                yield f"{server.name}: MULGAM_REGISTRY ({folder}) must be mounted, read-only."
        yield from _filled(server, folder)


def _filled(server: Workload, folder: str | None) -> Iterator[str]:
    """A registry that is an emptyDir stays empty, unless a container that initializes fills it."""
    fresh = {volume["name"] for volume in server.pod.get("volumes", []) if "emptyDir" in volume}
    for mount in (mount for one in server.listening() for mount in one.get("volumeMounts", [])):
        if mount["mountPath"] == folder and mount["name"] in fresh:
            first = server.pod.get("initContainers", [])
            mounts = [one for container in first for one in container.get("volumeMounts", [])]
            if not any(one["name"] == mount["name"] and not one.get("readOnly") for one in mounts):
                yield f"{server.name}: nothing fills the registry, which is an emptyDir."
