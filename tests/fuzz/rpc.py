"""Mutated messages to the gRPC listener of a real service: whatever is sent, no status tells of a defect."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from service.rpc.open_inference_pb2 import InferTensorContents, ModelInferRequest
from tests.fuzz.mutation import mutated
from tests.fuzz.reference import publish
from tests.processes import Serving, call, free_port, serving

SERVICE = "/inference.GRPCInferenceService/"
# The rest take a name and a version, which are the first fields of every message.
METHODS = (
    *["ModelInfer"] * 8, "ModelMetadata", "ModelReady", "RepositoryIndex", "ServerMetadata", "ServerReady", "Nothing",
)  # fmt: skip
# Of a defect, of a function that raised, of a process that is gone.
DEFECTS = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE})
MOST_SECONDS = 10.0


def corpus() -> list[bytes]:
    """Good messages for both models: typed, raw, with words, with chosen outputs."""
    numbers = _input("numeric", "FP32", [1, 3], fp32_contents=[32, 3, 0.3])
    words = [
        _input("numeric", "FP32", [1, 1], fp32_contents=[1.5]),
        _input("categories", "BYTES", [1, 2], bytes_contents=[b"Seoul", b"true"]),
        _input("text", "BYTES", [1], bytes_contents=["물감".encode()]),
    ]
    raw = np.array([[32, np.nan, 0.3], [33, 3, 0.5]], np.float32).tobytes()
    wanted = [ModelInferRequest.InferRequestedOutputTensor(name="label")]
    messages = (
        ModelInferRequest(model_name="notes", id="7", inputs=[numbers]),
        ModelInferRequest(model_name="mixed", model_version="1", inputs=words, outputs=wanted),
        ModelInferRequest(
            model_name="notes", inputs=[_input("numeric", "FP32", [2, 3])], raw_input_contents=[raw]
        ),
    )  # fmt: skip
    return [bytes(one.SerializeToString()) for one in messages]


def run(seed: int, calls: int) -> list[str]:
    """Make so many calls to a service of its own; what did harm."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mulgam-fuzz-") as name:
        folder = Path(name)
        publish(folder / "registry")
        settings = {"drain_delay": "0", "log_level": "error", "body_timeout": "0.5", "grpc_port": str(port)}
        with serving(folder / "registry", folder, backend="onnxruntime", **settings) as service:
            return _bombard(service, port, seed, calls)


def _bombard(service: Serving, port: int, seed: int, calls: int) -> list[str]:
    gateways = {one.pid for one in service.descendants("service.gateway")}
    statuses: Counter[str] = Counter()
    good, harm = corpus(), []
    started = time.perf_counter()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for number in range(calls):
            method = random.Random(number).choice(METHODS)
            data = mutated(seed, number, good)
            status = _ask(channel, method, data)
            statuses[status.name] += 1
            if status in DEFECTS:
                harm.append(f"call {number}, {method}: {status.name}\n      {data[:600]!r}")
        fresh = [_ask(channel, "ModelInfer", one) for one in good]
    seconds = time.perf_counter() - started
    print(f"fuzz: {calls} gRPC calls, {calls / seconds:,.0f} a second, {len(harm)} did harm;", end=" ")
    print(", ".join(f"{name}: {count}" for name, count in sorted(statuses.items())), flush=True)
    if set(fresh) != {grpc.StatusCode.OK}:
        harm.append(f"good calls are not answered: {fresh}")
    if {one.pid for one in service.descendants("service.gateway")} != gateways:
        harm.append("a gateway died")
    if call(service.admin_port, "GET", "/readyz").status != 200:
        harm.append("the service is not ready")
    return harm + [f"in the log: {line[:1000]}" for line in service.output().splitlines() if '"error"' in line][:5]


def _ask(channel: grpc.Channel, method: str, data: bytes) -> grpc.StatusCode:
    """The status of one call."""
    try:
        channel.unary_unary(SERVICE + method)(data, timeout=MOST_SECONDS)
    except grpc.RpcError as problem:
        code: grpc.StatusCode = problem.code()
        return code
    return grpc.StatusCode.OK


def _input(name: str, datatype: str, shape: list[int], **contents: Any) -> ModelInferRequest.InferInputTensor:
    typed = InferTensorContents(**contents) if contents else None
    return ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=typed)
