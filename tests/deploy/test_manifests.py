"""What `make manifests` renders passes every check, and each mistake that somebody might make there is caught."""

from __future__ import annotations

import copy
import functools
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.manifests import checks
from deploy.manifests.objects import Manifests, Object
from deploy.manifests.rendering import KUBERNETES, LAYOUTS, OVERLAYS, Combination, combinations, command, render
from deploy.manifests.schemas import Schemas
from service.metrics.recording import Metrics

pytestmark = pytest.mark.skipif(command() is None, reason="neither kustomize nor kubectl is there")

FULL = {"cpu": ("embedded", "monitoring", "autoscaling", "ingress"), "gpu": ("monitoring", "autoscaling", "ingress")}


@functools.cache
def _parsed(combination: Combination) -> Manifests:
    return Manifests.parsed(render(combination))


def rendered(overlay: str, *components: str) -> Manifests:
    """A rendering that a test may change."""
    return copy.deepcopy(_parsed(Combination(overlay, components)))


def the(manifests: Manifests, kind: str, name: str = "") -> Object:
    """The one object of a kind (and a name)."""
    (found,) = (one for one in manifests.of(kind) if name in ("", one["metadata"]["name"]))
    return found


def server(manifests: Manifests) -> Object:
    """The pod of the servers' Deployment."""
    pod: Object = the(manifests, "Deployment", "mulgam-server")["spec"]["template"]["spec"]
    return pod


def container(manifests: Manifests) -> Object:
    """Its one container."""
    (one,) = server(manifests)["containers"]
    assert isinstance(one, dict)
    return one


def settings(manifests: Manifests) -> Object:
    """The settings' ConfigMap."""
    (found,) = (one for one in manifests.of("ConfigMap") if one["metadata"]["name"].startswith("mulgam-settings"))
    data: Object = found["data"]
    return data


def annotations(manifests: Manifests) -> Object:
    """Those of the Ingress."""
    found: Object = the(manifests, "Ingress")["metadata"]["annotations"]
    return found


def volume(manifests: Manifests, name: str) -> Object:
    """A volume of the server's pod."""
    (found,) = (one for one in server(manifests)["volumes"] if one["name"] == name)
    assert isinstance(found, dict)
    return found


def test_every_component_belongs_to_an_overlay() -> None:
    """None lies there that is never rendered."""
    assert {path.name for path in (KUBERNETES / "components").iterdir()} == {
        name for names in (*OVERLAYS.values(), *LAYOUTS["cpu"], *LAYOUTS["gpu"]) for name in names if name is not None
    }
    assert {path.name for path in (KUBERNETES / "overlays").iterdir()} == set(OVERLAYS)
    assert len({str(one) for one in combinations()}) == len(list(combinations())) == 130


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("full", [False, True])
def test_what_is_rendered_passes(overlay: str, full: bool) -> None:
    """Alone and with everything; `make manifests` tries all combinations."""
    assert list(checks.violations(rendered(overlay, *(FULL[overlay] if full else ())))) == []


def test_a_slice_of_a_gpu_passes() -> None:
    """Instead of the whole one."""
    manifests = rendered("gpu", "mig")
    assert list(checks.violations(manifests)) == []
    assert list(manifests.servers()[0].gpus()) == ["nvidia.com/mig-1g.10gb"]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize(
    "layout",
    [
        ("split", "fetched", "several-nodes"), ("baked",), ("two-containers", "fetched"),
        ("two-containers", "split", "fetched", "signed"),
    ],
)  # fmt: skip
def test_another_layout_passes(overlay: str, layout: tuple[str, ...]) -> None:
    """Gateways and servers apart, the registry from elsewhere, a training on several nodes."""
    suited = ("two-containers-gpu" if (overlay, name) == ("gpu", "two-containers") else name for name in layout)
    assert list(checks.violations(rendered(overlay, *suited))) == []


@pytest.mark.slow
def test_all_combinations_pass_the_schemas() -> None:
    """Unknown fields are refused, the operator's kinds included."""
    pytest.importorskip("kubernetes_validate", reason="`make manifests` installs it")
    schemas = Schemas()
    for combination in combinations():
        manifests = Manifests.parsed(render(combination))
        assert [*schemas.violations(manifests), *checks.violations(manifests)] == [], str(combination)


def test_the_readmes_kustomizations_render(tmp_path: Path) -> None:
    """From an empty cluster to a curl: ten commands, and what they write takes the images from one's own registry."""
    commands = (KUBERNETES.parent / "README.md").read_text(encoding="utf-8").split("```console\n")[1].split("```")[0]
    assert len(re.findall(r"^\$ ", commands, re.M)) == 10
    for name in ("kubernetes", "monitoring"):
        shutil.copytree(KUBERNETES.parent / name, tmp_path / "deploy" / name)
    written = re.findall(r"cat > (\S+)/kustomization.yaml <<EOF\n(.*?)^EOF$", commands, re.M | re.S)
    words = command()
    assert words is not None
    for folder, text in written:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kustomization.yaml").write_text(text.replace("$REG", "registry.example"))
        ended = subprocess.run([*words, str(tmp_path / folder)], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        (image,) = (one["image"] for made in Manifests.parsed(ended.stdout).workloads() for one in made.containers())
        assert image.startswith("registry.example/mulgam-")
        assert image.endswith("-cuda")
    assert len(written) == 2


def test_what_scales_is_a_series_of_the_service() -> None:
    """The adapter's rule, the autoscaler and the code name the same."""
    metric = the(rendered("cpu", *FULL["cpu"]), "HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["metric"][
        "name"
    ]
    assert metric in {family.name for family in Metrics().registry.collect()}
    adapter = (KUBERNETES.parent / "monitoring" / "prometheus-adapter.yaml").read_text()
    assert f"seriesQuery: '{metric}{{" in adapter


Change = Callable[[Manifests], Any]

# Mistakes that a validator of schemas lets pass: a name -> what somebody wrote, and a word of the sentence about it.
MISTAKES: dict[str, tuple[Change, str]] = {
    "selector of another label": (
        lambda m: the(m, "Deployment")["spec"]["selector"]["matchLabels"].update(tier="x"), "does not match its pods"),
    "Service that finds no pod": (
        lambda m: the(m, "Service", "mulgam")["spec"]["selector"].update(tier="x"), "selector matches no pod"),
    "Service to a port that is not there": (
        lambda m: the(m, "Service", "mulgam")["spec"]["ports"][0].update(targetPort="web"), "has no port web"),
    "budget for other pods": (
        lambda m: the(m, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].update(tier="x"), "matches no pod"),
    "spread over other pods": (
        lambda m: server(m)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(tier="x"),
        "count other pods"),
    "ConfigMap of another name": (
        lambda m: container(m)["envFrom"][0]["configMapRef"].update(name="settings"), "no ConfigMap settings"),
    "key of a ConfigMap that is not there": (
        lambda m: container(m).update(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {
            "name": "mulgam-dashboard", "key": "a"}}}]), "has no key a"),
    "account of another name": (lambda m: server(m).update(serviceAccountName="default"), "no ServiceAccount default"),
    "priority that is not there": (lambda m: server(m).update(priorityClassName="high"), "no PriorityClass high"),
    "misspelt setting": (lambda m: settings(m).update(MULGAM_MAX_ROW="5"), "did you mean MULGAM_MAX_ROWS"),
    "setting out of range": (lambda m: settings(m).update(MULGAM_GRACE="0"), "MULGAM_GRACE is 0"),
    "port of the settings": (lambda m: settings(m).update(MULGAM_PORT="8080"), "not those of MULGAM_PORT"),
    "listener on loopback": (lambda m: settings(m).update(MULGAM_ADMIN_HOST="127.0.0.1"), "reached by nobody"),
    "no API keys": (lambda m: settings(m).pop("MULGAM_API_KEYS_FILE"), "MULGAM_API_KEYS_FILE must lie"),
    "keys by subPath": (
        lambda m: next(x for x in container(m)["volumeMounts"] if x["name"] == "keys").update(subPath="api-keys"),
        "MULGAM_API_KEYS_FILE must lie"),
    "half a GPU": (lambda m: container(m)["resources"]["limits"].update({"nvidia.com/gpu": "0.5"}), "whole number"),
    "more GPUs asked for than allowed": (
        lambda m: container(m)["resources"]["requests"].update({"nvidia.com/gpu": 2}), "asked for as much"),
    "GPU asked for without a limit": (
        lambda m: container(m)["resources"].update(requests={"cpu": 1, "memory": "8Gi", "nvidia.com/gpu": 1},
                                                   limits={"memory": "8Gi"}), "must be limited"),
    "GPU wanted, none asked for": (
        lambda m: container(m)["resources"]["limits"].pop("nvidia.com/gpu"), "asks for no nvidia.com resource"),
    "GPU that may be missing": (lambda m: settings(m).update(MULGAM_DEVICE="auto"), "would run without"),
    "no toleration": (lambda m: server(m).pop("tolerations"), "does not tolerate"),
    "no GPU nodes selected": (lambda m: server(m).pop("nodeSelector"), "selects no GPU nodes"),
    "rollout that waits for a free GPU": (
        lambda m: the(m, "Deployment")["spec"]["strategy"]["rollingUpdate"].update(maxSurge=1), "waits for ever"),
    "training on a CPU with a GPU": (
        lambda m: the(m, "Job")["spec"]["template"]["spec"]["containers"][0].update(args=["--device", "cpu"]),
        "would run without"),
    "autoscaler from more to fewer": (
        lambda m: the(m, "HorizontalPodAutoscaler")["spec"].update(minReplicas=9), "from 1 to maxReplicas"),
    "autoscaler of nothing": (
        lambda m: the(m, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="m"), "nothing of the kind"),
    "autoscaler by a series that is not there": (
        lambda m: the(m, "HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["metric"].update(name="mulgam_busy"),
        "no series mulgam_busy"),
    "autoscaler that comes after refusals": (lambda m: settings(m).update(MULGAM_MAX_INFLIGHT="16"), "before it would"),
    "autoscaler and a number of replicas": (
        lambda m: the(m, "Deployment")["spec"].update(replicas=2), "set back the number"),
    "removed API": (
        lambda m: the(m, "HorizontalPodAutoscaler").update(apiVersion="autoscaling/v2beta2"), "has removed"),
    "budget that lets nobody go": (
        lambda m: the(m, "PodDisruptionBudget").update(spec={
            **the(m, "PodDisruptionBudget")["spec"], "maxUnavailable": 0}), "may ever be evicted"),
    "budget that lets all go": (
        lambda m: the(m, "PodDisruptionBudget")["spec"].update(maxUnavailable=2), "may go at once"),
    "budget of two minds": (lambda m: the(m, "PodDisruptionBudget")["spec"].update(minAvailable=1), "must have one of"),
    "root": (lambda m: server(m)["securityContext"].update(runAsNonRoot=False, runAsUser=0), "not root"),
    "privileges to gain": (
        lambda m: container(m)["securityContext"].pop("allowPrivilegeEscalation"), "may gain privileges"),
    "a capability": (
        lambda m: container(m)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]), "capabilities must be"),
    "no seccomp profile": (lambda m: server(m)["securityContext"].pop("seccompProfile"), "seccomp"),
    "writable root": (
        lambda m: container(m)["securityContext"].update(readOnlyRootFilesystem=False), "must be read-only"),
    "folder of the node": (
        lambda m: volume(m, "registry").update(hostPath={"path": "/registry"}), "is a hostPath"),
    "network of the node": (lambda m: server(m).update(hostNetwork=True), "hostNetwork"),
    "port of the node": (lambda m: container(m)["ports"][0].update(hostPort=80), "hostPort"),
    "initializing as root": (
        lambda m: server(m).update(initContainers=[{**copy.deepcopy(container(m)), "name": "init",
                                                    "securityContext": {"runAsUser": 0}}]), "container init"),
    "token of the cluster": (lambda m: server(m).pop("automountServiceAccountToken"), "token must not"),
    "links to Services": (lambda m: server(m).update(enableServiceLinks=True), "enableServiceLinks"),
    "image without a tag": (lambda m: container(m).update(image="mulgam-server"), "no tag"),
    "latest image": (lambda m: container(m).update(image="registry.example:5000/mulgam:latest"), "no tag"),
    "no memory limit": (lambda m: container(m)["resources"]["limits"].pop("memory"), "be limited to as much"),
    "no cpu asked for": (lambda m: container(m)["resources"]["requests"].pop("cpu"), "asks for no cpu"),
    "shared memory on disk": (lambda m: volume(m, "shm")["emptyDir"].pop("medium"), "in memory"),
    "shared memory of all memory": (lambda m: volume(m, "shm")["emptyDir"].update(sizeLimit="8Gi"), "as large as all"),
    "no place for tables": (lambda m: settings(m).update(MULGAM_BULK_REQUESTS="64"), "but tables may take"),
    "temporary files beyond the pod's": (
        lambda m: volume(m, "tmp")["emptyDir"].update(sizeLimit="4Gi"), "larger than the pod's"),
    "mount without a volume": (
        lambda m: container(m)["volumeMounts"].append({"name": "cache", "mountPath": "/cache"}), "no volume cache"),
    "claim that is not there": (
        lambda m: volume(m, "registry")["persistentVolumeClaim"].update(claimName="models"), "Claim models"),
    "registry that servers may write": (
        lambda m: next(x for x in container(m)["volumeMounts"] if x["name"] == "registry").pop("readOnly"),
        "read-only"),
    "too short a stop": (lambda m: server(m).pop("terminationGracePeriodSeconds"), "requests are lost"),
    "a preStop that eats the stop": (
        lambda m: container(m).update(lifecycle={"preStop": {"sleep": {"seconds": 30}}}), "more than 66 s"),
    "start given up too early": (
        lambda m: container(m)["startupProbe"].update(failureThreshold=3), "before MULGAM_STARTUP_TIMEOUT"),
    "readiness slower than the drain": (
        lambda m: container(m)["readinessProbe"].update(periodSeconds=10), "slower than MULGAM_DRAIN_DELAY"),
    "probe of no path": (
        lambda m: container(m)["readinessProbe"]["httpGet"].update(path="/ready"), "a path that is there"),
    "probe of the public port": (
        lambda m: container(m)["livenessProbe"]["httpGet"].update(port="http"), "must ask the admin port"),
    "no startup probe": (lambda m: container(m).pop("startupProbe"), "startupProbe must ask"),
    "liveness that asks for readiness": (
        lambda m: container(m)["livenessProbe"]["httpGet"].update(path="/readyz"), "restarts pods whose backend"),
    "namespace for everything": (
        lambda m: the(m, "Namespace")["metadata"]["labels"].clear(), "must enforce"),
    "another namespace": (
        lambda m: the(m, "Service", "mulgam")["metadata"].update(namespace="default"), "in no namespace"),
    "no denial": (
        lambda m: the(m, "NetworkPolicy", "mulgam-nothing")["spec"].update(policyTypes=["Ingress"]),
        "denies everything"),
    "policy for everybody": (
        lambda m: the(m, "NetworkPolicy", "mulgam-public")["spec"]["ingress"][0].pop("from"), "lets everybody in"),
    "policy for every namespace": (
        lambda m: the(m, "NetworkPolicy", "mulgam-public")["spec"]["ingress"][0].update(
            {"from": [{"namespaceSelector": {}}]}), "lets everybody in"),
    "policy for every port": (
        lambda m: the(m, "NetworkPolicy", "mulgam-public")["spec"]["ingress"][0].pop("ports"), "opens every port"),
    "admin port for the ingress": (
        lambda m: the(m, "NetworkPolicy", "mulgam-public")["spec"]["ingress"][0]["ports"][0].update(port="admin"),
        "for monitoring alone"),
    "policy for a port that is not there": (
        lambda m: the(m, "NetworkPolicy", "mulgam-public")["spec"]["ingress"][0]["ports"][0].update(port="web"),
        "has no port web"),
    "monitor of a port that is not there": (
        lambda m: the(m, "ServiceMonitor")["spec"]["endpoints"][0].update(port="metrics"),
        "no Service that it selects"),
    "ingress to the admin port": (
        lambda m: the(m, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"].update(
            name="mulgam-admin", port={"name": "admin"}), "not for callers"),
    "ingress to nothing": (
        lambda m: the(m, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"].update(name="x"),
        "no Service x"),
    "ingress without TLS": (lambda m: the(m, "Ingress")["spec"].pop("tls"), "no TLS"),
    "ingress that refuses tables": (
        lambda m: annotations(m).pop("nginx.ingress.kubernetes.io/proxy-body-size"), "proxy-body-size must be"),
    "ingress less patient than the gateway": (
        lambda m: annotations(m).update({"nginx.ingress.kubernetes.io/proxy-read-timeout": "10"}), "not longer than"),
    "ingress that collects tables": (
        lambda m: annotations(m).pop("nginx.ingress.kubernetes.io/proxy-buffering"), "proxy-buffering must be off"),
    "Job without an end": (lambda m: the(m, "Job")["spec"].pop("activeDeadlineSeconds"), "a deadline"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_caught(mistake: str) -> None:
    """By a sentence that names it."""
    manifests = rendered("gpu", *FULL["gpu"])
    change, word = MISTAKES[mistake]
    change(manifests)
    found = list(checks.violations(manifests))
    assert any(word in sentence for sentence in found), found


def gateway(manifests: Manifests) -> Object:
    """The pod of the gateways' own Deployment."""
    pod: Object = the(manifests, "Deployment", "mulgam-gateway")["spec"]["template"]["spec"]
    return pod


def gateway_settings(manifests: Manifests) -> Object:
    """Their ConfigMap."""
    (found,) = (one for one in manifests.of("ConfigMap") if one["metadata"]["name"].startswith("mulgam-gateway-set"))
    data: Object = found["data"]
    return data


def job(manifests: Manifests) -> Object:
    """The training Job."""
    found: Object = the(manifests, "Job")["spec"]
    return found


def word(manifests: Manifests, begin: str, now: str) -> None:
    """Change a word of torchrun's."""
    words = job(manifests)["template"]["spec"]["containers"][0]["command"]
    (place,) = (place for place, one in enumerate(words) if one.startswith(begin))
    words[place] = f"{begin}{now}"


def policy(manifests: Manifests, name: str) -> Object:
    """A NetworkPolicy."""
    found: Object = the(manifests, "NetworkPolicy", name)["spec"]
    return found


# Of the layouts `split`, `fetched` and `several-nodes`, all in one.
LAYOUT_MISTAKES: dict[str, tuple[Change, str]] = {
    "a Service that is balanced in between": (
        lambda m: the(m, "Service", "mulgam-workers")["spec"].pop("clusterIP"), "must name a headless Service"),
    "another name": (
        lambda m: gateway_settings(m).update(MULGAM_OIP_URL="http://workers:8000"), "must name a headless Service"),
    "another port": (
        lambda m: gateway_settings(m).update(MULGAM_OIP_URL="http://mulgam-workers:80"), "and its port"),
    "an address that is none": (
        lambda m: gateway_settings(m).update(MULGAM_OIP_URL="mulgam-workers:8000"), "must be http://host:port"),
    "versions of the servers' choice": (
        lambda m: gateway_settings(m).pop("MULGAM_OIP_VERSIONS"), "a promotion would have a gap"),
    "versions that go at once": (lambda m: settings(m).pop("MULGAM_LINGER"), "a promotion would have a gap"),
    "tolerance of another runtime": (
        lambda m: gateway_settings(m).update(MULGAM_RUNTIME="onnx"), "must be what computes in"),
    "no key for the servers": (
        lambda m: gateway_settings(m).pop("MULGAM_OIP_KEY_FILE"), "asks for a key"),
    "gateways that may not out": (
        lambda m: policy(m, "mulgam-gateway")["egress"].pop(0), "lets it out to Deployment mulgam-server"),
    "gateways that can not look up": (
        lambda m: [policy(m, name)["egress"].pop(1) for name in ("mulgam-gateway", "mulgam-fetch")],
        "ask the cluster's DNS"),
    "servers that let no gateway in": (
        lambda m: policy(m, "mulgam-workers")["ingress"][0]["from"][0]["podSelector"]["matchLabels"].update(tier="x"),
        "lets it into Deployment mulgam-server"),
    "out to everywhere": (lambda m: policy(m, "mulgam-fetch")["egress"][0].pop("to"), "out to everywhere"),
    "no budget fits": (
        lambda m: the(m, "PodDisruptionBudget", "mulgam-gateway")["spec"].update(maxUnavailable=2), "may go at once"),
    "registry that nobody fills": (lambda m: gateway(m).pop("initContainers"), "nothing fills the registry"),
    "registry larger than the disk": (
        lambda m: gateway(m)["volumes"][0]["emptyDir"].update(sizeLimit="8Gi"), "larger than the pod's"),
    "fetching as root": (
        lambda m: gateway(m)["initContainers"][0].update(securityContext={"runAsUser": 0}), "container fetch"),
    "fetching by the latest": (
        lambda m: gateway(m)["initContainers"][0].update(image="rclone/rclone"), "no tag"),
    "fetching from no ConfigMap": (
        lambda m: gateway(m)["initContainers"][0]["envFrom"][0]["configMapRef"].update(name="m"), "no ConfigMap m"),
    "fewer nodes than torchrun waits for": (lambda m: job(m).update(completions=1, parallelism=1), "waits for ever"),
    "not all nodes at once": (lambda m: job(m).update(parallelism=1), "waits for ever"),
    "more nodes of torchrun": (lambda m: word(m, "--nnodes=", "4"), "waits for ever"),
    "nodes without an index": (lambda m: job(m).pop("completionMode"), "needs completionMode Indexed"),
    "first pod of another name": (lambda m: word(m, "--master-addr=", "trainer-0.x"), "must be its first pod"),
    "pods without names": (lambda m: job(m)["template"]["spec"].pop("subdomain"), "must be a headless Service"),
    "names of ready pods alone": (
        lambda m: the(m, "Service", "mulgam-training")["spec"].pop("publishNotReadyAddresses"),
        "before they are ready"),
    "training that may not talk": (
        lambda m: policy(m, "mulgam-training")["egress"].pop(0), "lets it out to Job mulgam-training"),
    "training that is not let in": (
        lambda m: policy(m, "mulgam-training").update(ingress=[]), "lets it into Job mulgam-training"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", LAYOUT_MISTAKES)
def test_a_mistake_in_a_layout_is_caught(mistake: str) -> None:
    """By a sentence that names it."""
    manifests = rendered("gpu", "split", "fetched", "several-nodes")
    change, words = LAYOUT_MISTAKES[mistake]
    change(manifests)
    sentences = list(checks.violations(manifests))
    assert any(words in sentence for sentence in sentences), sentences


def beside(manifests: Manifests) -> Object:
    """TorchServe's own container."""
    (found,) = (one for one in server(manifests)["containers"] if one["name"] == "torchserve")
    assert isinstance(found, dict)
    return found


def trusted_mount(manifests: Manifests) -> Object:
    """Where the gateways see the trusted keys."""
    (found,) = (one for one in gateway(manifests)["containers"][0]["volumeMounts"] if one["name"] == "trusted")
    assert isinstance(found, dict)
    return found


# Of `signed`, before and beside everything that loads versions.
SIGNED_MISTAKES: dict[str, tuple[Change, str]] = {
    "gateways that do not ask": (
        lambda m: gateway(m)["containers"][0].pop("env"), "Deployment mulgam-gateway: MULGAM_TRUSTED_KEYS must be set"),
    "servers that do not ask": (
        lambda m: settings(m).pop("MULGAM_TRUSTED_KEYS"), "Deployment mulgam-server: MULGAM_TRUSTED_KEYS must be set"),
    "other keys": (
        lambda m: settings(m).update(MULGAM_TRUSTED_KEYS="/other"), "to the same"),
    "TorchServe without keys": (
        lambda m: beside(m)["volumeMounts"].pop(), "container torchserve: MULGAM_TRUSTED_KEYS must be"),
    "keys that can be written": (
        lambda m: trusted_mount(m).pop("readOnly"),
        "container gateway: MULGAM_TRUSTED_KEYS must be"),
    "trusted keys by subPath": (
        lambda m: trusted_mount(m).update(subPath="release.pub"),
        "container gateway: MULGAM_TRUSTED_KEYS must be"),
    "trusted keys of nobody": (
        lambda m: gateway(m)["volumes"][-1].update(emptyDir={}) or gateway(m)["volumes"][-1].pop("configMap"),
        "container gateway: MULGAM_TRUSTED_KEYS must be"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", SIGNED_MISTAKES)
def test_a_mistake_with_signed_versions_is_caught(mistake: str) -> None:
    """By a sentence that names it."""
    manifests = rendered("cpu", "two-containers", "split", "signed")
    change, words = SIGNED_MISTAKES[mistake]
    change(manifests)
    sentences = list(checks.violations(manifests))
    assert any(words in sentence for sentence in sentences), sentences


BESIDE_MISTAKES: dict[str, tuple[Change, str]] = {
    "nobody runs TorchServe": (lambda m: server(m)["containers"].pop(1), "need one another"),
    "two run TorchServe": (lambda m: settings(m).pop("MULGAM_TORCHSERVE_FOLDER"), "need one another"),
    "another folder": (
        lambda m: beside(m)["volumeMounts"][0].update(mountPath="/run/other"), "must be one emptyDir in both"),
    "folder that can not be written": (
        lambda m: beside(m)["volumeMounts"][0].update(readOnly=True), "must be one emptyDir in both"),
    "folder on a volume of others": (
        lambda m: volume(m, "torchserve").update(emptyDir=None, configMap={"name": "x"}) or
        volume(m, "torchserve").pop("emptyDir"), "must be one emptyDir in both"),
    "settings of its own": (lambda m: beside(m).pop("envFrom"), "must be those of the other"),
    "image of its own": (lambda m: beside(m).update(image="mulgam-gateway:0.1.0"), "its image must be"),
    "root in the second container": (
        lambda m: beside(m).update(securityContext={"runAsUser": 0}), "container torchserve"),
    "GPU for the gateway": (
        lambda m: beside(m)["resources"]["limits"].pop("nvidia.com/gpu"), "asks for no nvidia.com resource"),
    "probe without a port": (
        lambda m: beside(m).update(livenessProbe={"httpGet": {"path": "/ping", "port": 8080}}), "must ask the admin"),
    "more files than the disk takes": (
        lambda m: volume(m, "torchserve")["emptyDir"].update(sizeLimit="8Gi"), "larger than the pod's"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BESIDE_MISTAKES)
def test_a_mistake_with_two_containers_is_caught(mistake: str) -> None:
    """By a sentence that names it; without one there is none."""
    manifests = rendered("gpu", "two-containers-gpu")
    assert list(checks.violations(manifests)) == []
    assert "nvidia.com/gpu" not in server(manifests)["containers"][0]["resources"]["limits"]
    change, words = BESIDE_MISTAKES[mistake]
    change(manifests)
    sentences = list(checks.violations(manifests))
    assert any(words in sentence for sentence in sentences), sentences


def test_a_baked_image_needs_no_volume_and_another_does() -> None:
    """The image's name says which."""
    manifests = rendered("cpu", "baked")
    assert container(manifests)["image"] == "mulgam-baked:0.1.0"
    assert {volume["name"] for volume in server(manifests)["volumes"]} == {"keys", "tmp", "shm", "trusted"}
    container(manifests)["image"] = "mulgam-server:0.1.0"
    assert any("must be mounted" in sentence for sentence in checks.violations(manifests))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("Deployment", "replica", 2), ("PodDisruptionBudget", "maxUnavailible", 1), ("ServiceMonitor", "endpoint", []),
        ("PrometheusRule", "rules", []), ("Service", "ports", "http"), ("Deployment", "replicas", "two"),
    ],
)  # fmt: skip
def test_a_schema_refuses(kind: str, field: str, value: object) -> None:
    """Unknown fields and wrong types."""
    pytest.importorskip("kubernetes_validate", reason="`make manifests` installs it")
    document = copy.deepcopy(rendered("gpu", *FULL["gpu"]).of(kind)[0])
    assert list(Schemas().violations(Manifests([document]))) == []
    document["spec"][field] = value
    (sentence,) = Schemas().violations(Manifests([document]))
    assert sentence.startswith(f"{kind} ")
