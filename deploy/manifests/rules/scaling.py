"""How many pods, how they are replaced, and what they are placed on."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.manifests.objects import Manifests, Workload
from service.metrics.recording import Metrics
from service.settings import from_environment

REMOVED = {"autoscaling/v1beta1", "autoscaling/v2beta1", "autoscaling/v2beta2", "policy/v1beta1", "batch/v1beta1",
           "extensions/v1beta1", "networking.k8s.io/v1beta1", "apps/v1beta1", "apps/v1beta2"}  # fmt: skip


def versions(manifests: Manifests) -> Iterator[str]:
    """Kubernetes still has the API."""
    for one in manifests.objects:
        if one["apiVersion"] in REMOVED:
            yield f"{one['kind']} {one['metadata']['name']}: Kubernetes has removed {one['apiVersion']}."


def autoscalers(manifests: Manifests) -> Iterator[str]:
    """From at least one pod to more, by a series that exists, before requests are refused."""
    series = {family.name for family in Metrics().registry.collect()}
    for scaler in manifests.of("HorizontalPodAutoscaler"):
        spec, name = scaler["spec"], f"HorizontalPodAutoscaler {scaler['metadata']['name']}"
        targets = [one for one in manifests.servers() if _is_target(spec["scaleTargetRef"], one)]
        if not 1 <= spec.get("minReplicas", 1) <= spec["maxReplicas"]:
            yield f"{name}: minReplicas must be from 1 to maxReplicas."
        if not targets:
            yield f"{name}: there is nothing of the kind and name that it scales."
        for target in targets:
            if "replicas" in target.document["spec"]:
                yield f"{target.name}: an apply would set back the number of pods that {name} chose."
            room = from_environment(manifests.environment(target)).max_inflight
            for metric in (one["pods"] for one in spec["metrics"] if one["type"] == "Pods"):
                if metric["metric"]["name"] not in series:
                    yield f"{name}: Mulgam has no series {metric['metric']['name']}."
                if not 0 < float(metric["target"]["averageValue"]) < room:
                    yield f"{name}: requests are refused at {room} in hand, before it would scale."


def _is_target(reference: dict[str, str], server: Workload) -> bool:
    return (reference["kind"], reference["name"]) == (server.kind, server.document["metadata"]["name"])


def disruptions(manifests: Manifests) -> Iterator[str]:
    """A budget lets a node be drained, and keeps a pod."""
    for budget in manifests.of("PodDisruptionBudget"):
        spec, name = budget["spec"], f"PodDisruptionBudget {budget['metadata']['name']}"
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield f"{name}: it must have one of minAvailable and maxUnavailable."
            continue
        for server in manifests.selected(spec["selector"]["matchLabels"]):
            pods = _fewest(manifests, server)
            gone = spec["maxUnavailable"] if "maxUnavailable" in spec else pods - spec["minAvailable"]
            if gone < 1:
                yield f"{name}: no pod of {server.name} may ever be evicted."
            elif gone >= pods:
                yield f"{name}: all {pods} pods of {server.name} may go at once."


def _fewest(manifests: Manifests, server: Workload) -> int:
    for scaler in manifests.of("HorizontalPodAutoscaler"):
        if _is_target(scaler["spec"]["scaleTargetRef"], server):
            return int(scaler["spec"].get("minReplicas", 1))
    return int(server.document["spec"].get("replicas", 1))


def gpus(manifests: Manifests) -> Iterator[str]:
    """Who asks for a GPU gets onto its nodes, is replaced where all are taken, and does not run without."""
    for workload in manifests.workloads():
        wants, asks = _wants_gpu(manifests, workload), bool(workload.gpus())
        if wants and not asks:
            yield f"{workload.name}: it wants a GPU, but asks for no nvidia.com resource."
        if not asks:
            continue
        if not wants:
            yield f"{workload.name}: it asks for a GPU, but would run without."
        if "nvidia.com/gpu" not in {one.get("key") for one in workload.pod.get("tolerations", [])}:
            yield f"{workload.name}: it does not tolerate the taint of GPU nodes."
        if not workload.pod.get("nodeSelector"):
            yield f"{workload.name}: it selects no GPU nodes."
        if workload.kind == "Deployment":
            rolling = workload.document["spec"].get("strategy", {}).get("rollingUpdate", {})
            if rolling.get("maxSurge") != 0 or not rolling.get("maxUnavailable"):
                yield f"{workload.name}: with all GPUs taken a rollout waits for ever (maxSurge 0, maxUnavailable 1)."


def _wants_gpu(manifests: Manifests, workload: Workload) -> bool:
    if workload.kind == "Deployment":
        return manifests.environment(workload).get("MULGAM_DEVICE") == "gpu"
    return any("gpu" in one.get("args", []) for one in workload.containers())


def jobs(manifests: Manifests) -> Iterator[str]:
    """A Job ends, and is not repeated for ever."""
    for workload in manifests.workloads():
        spec = workload.document["spec"]
        if workload.kind == "Job" and (
            workload.pod.get("restartPolicy") != "Never"
            or "activeDeadlineSeconds" not in spec
            or spec.get("backoffLimit", 6) > 3
        ):
            yield f"{workload.name}: it needs restartPolicy Never, a deadline, and a backoffLimit of 3 at most."
