"""A KServe `InferenceService` for each model, beside the folder that its storage URI has to hold.

Two predictors: KServe's Triton runtime (V2 tensors, the graph's own inputs), or Mulgam's gateway (every protocol, and
the encoding of categories and texts). Fields: serving.kserve.io/v1beta1, as KServe 0.21 has them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mulgam import __version__
from mulgam.errors import RegistryError
from mulgam.export import triton
from mulgam.registry import Entry

PREDICTORS = ("mulgam", "triton")
# s3://, gs://, https://, pvc://, hf:// … with something behind it, and nothing that would need quoting in a shell.
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._~:/@%+-]+")
_HEAD = """\
# Upload {folder}/ to {uri}, then: kubectl apply -f {file}
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
  annotations:
    mulgam/version: {version}
    mulgam/digest: {digest}
spec:
  predictor:
    minReplicas: 1
"""
_TRITON = """\
    model:
      modelFormat:
        name: triton
      runtime: kserve-tritonserver
      protocolVersion: v2
      storageUri: {uri}
      env:
        # TF32 rounds to 10 bits: answers would leave the tolerance of the golden requests.
        - name: NVIDIA_TF32_OVERRIDE
          value: "0"
      resources:
{resources}"""
# The gateway writes nothing into the model's folder; KServe mounts what STORAGE_URI names at /mnt/models.
_MULGAM = """\
    containers:
      - name: kserve-container
        image: {image}
        env:
          - name: STORAGE_URI
            value: {uri}
          - name: MULGAM_REGISTRY
            value: /mnt/models
          - name: MULGAM_BACKEND
            value: onnxruntime
          - name: MULGAM_DEVICE
            value: {device}
          - name: MULGAM_HOST
            value: 0.0.0.0
          - name: MULGAM_PORT
            value: "8080"
          - name: MULGAM_PUBLIC_HEALTH
            value: "yes"
          - name: TMPDIR
            value: /tmp
        ports:
          - containerPort: 8080
            protocol: TCP
        readinessProbe:
          httpGet:
            path: /readyz
            port: 8080
          periodSeconds: 2
          failureThreshold: 2
        securityContext:
          runAsNonRoot: true
          runAsUser: 10001
          allowPrivilegeEscalation: false
          capabilities:
            drop: [ALL]
          seccompProfile:
            type: RuntimeDefault
        resources:
{resources}"""


@dataclass(frozen=True)
class Options:
    """What computes, on what, and where it finds the model.

    Args:
        storage_uri: below which each model's folder is uploaded.
        predictor: one of `PREDICTORS`.
        device: "cpu" or "gpu".
        image: of the predictor `mulgam`; empty: as `make images` names it.
    """

    storage_uri: str
    predictor: str = PREDICTORS[0]
    device: str = "cpu"
    image: str = ""


def write(entries: Iterable[Entry], store: Path, options: Options) -> list[Path]:
    """Write `<store>/<model>.yaml` and `<store>/<model>/`, which is to be uploaded to `<storage URI>/<model>`.

    Returns:
        The YAML files.

    Raises:
        RegistryError: two versions of one model, two models whose names are one in Kubernetes, a version without
            ONNX, a folder that is there already, or a store that can't be written.
    """
    names: dict[str, Entry] = {}
    for entry in entries:
        other = names.setdefault(resource_name(entry.model), entry)
        if other is not entry:
            raise RegistryError(
                f"{other.model}:{other.version} and {entry.model}:{entry.version} would both be the InferenceService"
                f" {resource_name(entry.model)!r}; export them into two stores, for two namespaces."
            )
    try:
        return [_write(entry, name, store, options) for name, entry in names.items()]
    except OSError as problem:
        raise RegistryError(f"{store} can't be written: {problem.strerror}.") from problem


def resource_name(model: str) -> str:
    """The model's name as Kubernetes has names: small letters, digits and '-', a letter first."""
    name = model.lower().replace("_", "-").strip("-")
    return name if name[0].isalpha() else f"m-{name}"


def storage_uri(text: str) -> str:
    """A storage URI as the command line has it; argparse shows the sentence."""
    if not _URI.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a storage URI, such as s3://bucket/models")
    return text.rstrip("/")


def _write(entry: Entry, name: str, store: Path, options: Options) -> Path:
    folder, path = store / entry.model, store / f"{entry.model}.yaml"
    # What Triton loads and a registry have one layout: <model>/<version>/ below what is mounted.
    if options.predictor == "triton":
        triton.write([entry], folder, triton.Options(options.device))
    else:
        _copy(entry, folder)
    path.write_text(document(entry, name, options), encoding="utf-8")
    return path


def _copy(entry: Entry, folder: Path) -> None:
    if "onnx" not in entry.runtimes:
        raise RegistryError(f"Version {entry.version} of {entry.model!r} has no ONNX, which this predictor runs.")
    if folder.exists():
        raise RegistryError(f"{folder} is there already; export into a new folder.")
    copy = folder / entry.model / str(entry.version)
    copy.mkdir(parents=True)
    for name, content in entry.copied().items():
        (copy / name).write_bytes(content)


def document(entry: Entry, name: str, options: Options) -> str:
    """The YAML of one InferenceService."""
    uri = f"{options.storage_uri}/{entry.model}"
    head = _HEAD.format(
        folder=entry.model, uri=uri, file=f"{entry.model}.yaml", name=name,
        version=json.dumps(str(entry.version)), digest=json.dumps(entry.digest),
    )  # fmt: skip
    indent = 8 if options.predictor == "triton" else 10
    body = _TRITON if options.predictor == "triton" else _MULGAM
    return head + body.format(
        uri=json.dumps(uri), device=options.device, image=json.dumps(options.image or _image(options.device)),
        resources=_resources(options.device, indent),
    )  # fmt: skip


def _image(device: str) -> str:
    """ONNX Runtime for CUDA is in the server's image alone."""
    return f"mulgam-server:{__version__}-cuda" if device == "gpu" else f"mulgam-gateway:{__version__}"


def _resources(device: str, indent: int) -> str:
    memory = "8Gi" if device == "gpu" else "2Gi"
    lines = ["requests:", '  cpu: "1"', f"  memory: {memory}", "limits:", f"  memory: {memory}"]
    if device == "gpu":
        lines.append('  nvidia.com/gpu: "1"')
    return "".join(f"{' ' * indent}{line}\n" for line in lines)
