"""V2 over gRPC at its edges: typed and raw tensors, each mistake with its code, limits, deadlines, faults, sharing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest

from mulgam.errors import MulgamError
from mulgam.tensors import Arrays
from service.backends.base import Answer, Backend
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.errors import backend_unavailable
from service.metrics.recording import Metrics
from service.offload import large
from service.offload.client import Offload
from service.plane import DataPlane
from service.rpc import calls
from service.rpc.listener import Listener
from service.rpc.open_inference_pb2 import InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse
from service.settings import Settings
from service.versions.served import Catalogue, Served
from tests.processes import ROOT, free_port, wait_until
from tests.service.conftest import SteeredBackend

SERVICE = "/inference.GRPCInferenceService/"
ROW = [32.0, 3.0, 0.3]
RAW = np.array([ROW], np.float32).tobytes()
Input = ModelInferRequest.InferInputTensor


class Waiting(SteeredBackend):
    """Answers when the test lets it."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.go = asyncio.Event()
        self.asked = 0
        self.timeouts: list[float] = []

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """Wait, then the real answer."""
        self.asked += 1
        self.timeouts.append(timeout)
        await self.go.wait()
        return await super().predict(served, tensors, timeout)


@contextmanager
def listening(plane: DataPlane, bridge: Bridge, port: int | None = None) -> Iterator[grpc.Channel]:
    """A channel to a listener on the bridge's loop."""
    plane.settings = replace(plane.settings, grpc_port=port or free_port())

    async def begin() -> Listener:
        listener = Listener(plane)
        await listener.start()
        return listener

    listener = bridge.run(begin())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{plane.settings.grpc_port}") as channel:
            yield channel
    finally:
        bridge.run(listener.stop(5))


@pytest.fixture(scope="module", params=["small", "large"])
def channel(catalogue: Catalogue, bridge: Bridge, request: pytest.FixtureRequest) -> Iterator[grpc.Channel]:
    """Both models over ONNX Runtime, small limits; any message is small, or so large that another process reads it."""
    settings, offload = Settings(max_rows=50, max_body_bytes=100_000), Offload()
    plane = DataPlane(settings, catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics(), offload=offload)
    with listening(plane, bridge) as channel, pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            patch.setattr(calls, "LOOP_BYTES", -1)
            patch.setattr(large, "LARGE_BYTES", -1)
        yield channel
    bridge.run(plane.backend.close())
    offload.close()


@pytest.fixture
def waiting(plane: DataPlane) -> Waiting:
    """A backend that waits."""
    return Waiting(plane.backend)


def typed(shape: list[int] | None = None, datatype: str = "FP32", name: str = "numeric", **contents: Any) -> Input:
    """An input with typed contents."""
    contents = contents or {"fp32_contents": ROW}
    return Input(name=name, datatype=datatype, shape=shape or [1, 3], contents=InferTensorContents(**contents))


def described(shape: list[int] | None = None, datatype: str = "FP32", name: str = "numeric") -> Input:
    """An input whose contents are raw."""
    return Input(name=name, datatype=datatype, shape=shape or [1, 3])


def request(*inputs: Input, raw: tuple[bytes, ...] = (), model: str = "notes", **more: Any) -> bytes:
    """A message."""
    return bytes(ModelInferRequest(model_name=model, inputs=inputs, raw_input_contents=raw, **more).SerializeToString())


def infer(channel: grpc.Channel, message: bytes, timeout: float | None = 10, **metadata: str) -> tuple[Any, Any]:
    """The answer and the trailing metadata."""
    sent = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    data, call = channel.unary_unary(f"{SERVICE}ModelInfer").with_call(message, timeout=timeout, metadata=sent)
    return ModelInferResponse.FromString(data), dict(call.trailing_metadata())


def refused(channel: grpc.Channel, message: bytes, **options: Any) -> tuple[grpc.StatusCode, str | None]:
    """Status and our code of an error."""
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, message, **options)
    return caught.value.code(), dict(caught.value.trailing_metadata() or ()).get("x-error-code")


def test_numbers_outside_of_training_are_refused_where_the_settings_say_so(
    catalogue: Catalogue, bridge: Bridge
) -> None:
    """As over REST; what is within is answered."""
    settings = Settings(out_of_range="reject")
    plane = DataPlane(settings, catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    with listening(plane, bridge) as channel:
        status, code = refused(channel, request(typed(fp32_contents=[34, 3, 300])))
        assert (status, code) == (grpc.StatusCode.INVALID_ARGUMENT, "OUTSIDE_TRAINING")
        assert infer(channel, request(typed(fp32_contents=[34, 3, 0.4])))[0].model_name == "notes"
    bridge.run(plane.backend.close())


def test_typed_contents_are_answered_typed(channel: grpc.Channel) -> None:
    """With id, model, version, digest and the caller's request id."""
    answer, trailing = infer(channel, request(typed(), id="7", model="shapes"), x_request_id="mine")
    assert (answer.id, answer.model_name, answer.model_version) == ("7", "shapes", "1")
    probabilities, label = answer.outputs
    assert not answer.raw_output_contents
    assert sum(probabilities.contents.fp32_contents) == pytest.approx(1, abs=1e-5)
    assert list(label.shape) == [1]
    assert label.contents.bytes_contents[0] in (b"circle", b"square", b"triangle")
    assert trailing["x-request-id"] == "mine"
    assert len(trailing["x-model-digest"]) == 64


def test_raw_contents_are_answered_raw(channel: grpc.Channel) -> None:
    """Only what is asked for."""
    outputs = [ModelInferRequest.InferRequestedOutputTensor(name="prediction")]
    answer, _ = infer(channel, request(described(), raw=(RAW,), outputs=outputs))
    (output,) = answer.outputs
    assert not output.HasField("contents")
    assert np.frombuffer(answer.raw_output_contents[0], np.float32) == pytest.approx([5.3], abs=1e-5)


CLASSIFIED = ModelInferRequest.InferRequestedOutputTensor(name="prediction")
CLASSIFIED.parameters["classification"].int64_param = 3
SHARED_OUTPUT = ModelInferRequest.InferRequestedOutputTensor(name="prediction")
SHARED_OUTPUT.parameters["shared_memory_region"].string_param = "r"
SHARED_INPUT = Input(name="numeric", datatype="FP32", shape=[1, 3], contents=InferTensorContents(fp32_contents=ROW))
SHARED_INPUT.parameters["shared_memory_region"].string_param = "r"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (request(), "MISSING_FIELD"),
        (request(*[typed()] * 100), "TOO_MANY_TENSORS"),
        (request(typed(), typed()), "DUPLICATE_KEY"),
        (request(typed(name="other")), "UNKNOWN_FIELD"),
        (request(typed(datatype="FLOAT")), "WRONG_DATATYPE"),
        (request(typed(datatype="FP16")), "WRONG_DATATYPE"),
        (request(typed(datatype="FP64", fp64_contents=ROW)), "WRONG_TYPE"),
        (request(typed(fp64_contents=ROW)), "WRONG_TYPE"),
        (request(typed(datatype="INT8", int_contents=[300, 1, 2])), "OUT_OF_RANGE"),
        (request(typed(datatype="BYTES", bytes_contents=[b"a", b"b", b"c"])), "WRONG_SHAPE"),
        (request(typed(datatype="BYTES", bytes_contents=[b"\xff"] * 3)), "BAD_UTF8"),
        (request(typed(fp32_contents=[1.0])), "WRONG_SIZE"),
        (request(described()), "WRONG_SIZE"),
        (request(typed([1, 2], fp32_contents=[1, 2])), "WRONG_SHAPE"),
        (request(typed([-1, 3])), "WRONG_SHAPE"),
        (request(typed([2**40, 2**40])), "WRONG_SHAPE"),
        (request(typed(fp32_contents=[float("inf"), 1, 2])), "NON_FINITE"),
        (request(described(), raw=(RAW[:8],)), "WRONG_SIZE"),
        (request(described(), raw=(RAW, RAW)), "WRONG_SIZE"),
        (request(typed(), raw=(RAW,)), "WRONG_SIZE"),
        (request(typed(), id="x" * 1025), "BAD_PARAMETER"),
        (request(typed(), id="가" * 342), "BAD_PARAMETER"),
        (request(typed(), outputs=[CLASSIFIED]), "BAD_PARAMETER"),
        (request(typed(), outputs=[SHARED_OUTPUT]), "BAD_PARAMETER"),
        (request(SHARED_INPUT), "BAD_PARAMETER"),
        (request(typed(), parameters={"timeout": InferParameter(string_param="soon")}), "BAD_PARAMETER"),
        (request(typed(), parameters={"timeout": InferParameter(int64_param=-5)}), "BAD_PARAMETER"),
        (request(typed(), parameters={"priority": InferParameter(bool_param=True)}), "BAD_PARAMETER"),
        (request(typed(), outputs=[ModelInferRequest.InferRequestedOutputTensor(name="nope")]), "UNKNOWN_FIELD"),
        (b"\xff\xff\xff", "BAD_MESSAGE"),
    ],
)
def test_each_mistake_has_its_code(channel: grpc.Channel, message: bytes, code: str) -> None:
    """INVALID_ARGUMENT, the code beside it, and the next good request is answered."""
    assert refused(channel, message) == (grpc.StatusCode.INVALID_ARGUMENT, code)
    assert infer(channel, request(typed()))[0].outputs[0].contents.fp32_contents == pytest.approx([5.3], abs=1e-5)


def test_what_is_not_served_is_not_found(channel: grpc.Channel) -> None:
    """Another model, another version, another method."""
    assert refused(channel, request(typed(), model="nope")) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL")
    assert refused(channel, request(typed(), model_version="9")) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_VERSION")
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"{SERVICE}ModelConfig")(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_limits_are_those_of_rest(channel: grpc.Channel) -> None:
    """Rows, and bytes; also what a small compressed message becomes."""
    many = request(typed([51, 3], fp32_contents=ROW * 51))
    assert refused(channel, many) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ROWS")
    large = request(described([9000, 3]), raw=(RAW * 9000,))
    assert refused(channel, large) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    bomb = request(described(), raw=(bytes(50_000_000),))
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"{SERVICE}ModelInfer")(bomb, timeout=10, compression=grpc.Compression.Gzip)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_call_without_a_message_is_cut(plane: DataPlane, bridge: Bridge) -> None:
    """A client that opens calls and sends nothing holds them no longer than it may; one that ends at once is told."""
    plane.settings = replace(plane.settings, body_timeout=0.3)

    def never() -> Iterator[bytes]:
        released.wait(5)
        yield b""

    released = threading.Event()
    with listening(plane, bridge) as channel:
        infer_stream = channel.stream_unary(f"{SERVICE}ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            infer_stream(never(), timeout=5)
        released.set()
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert "did not arrive within 0.3 s" in caught.value.details()
        with pytest.raises(grpc.RpcError) as caught:
            infer_stream(iter(()), timeout=5)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def counted(plane: DataPlane, bridge: Bridge) -> dict[tuple[str, str], float]:
    """(model, code) -> requests under protocol grpc."""

    async def flush() -> None:
        plane.metrics.flush()

    bridge.run(flush())
    samples = [one for family in plane.metrics.requests.collect() for one in family.samples]
    return {
        (one.labels["model"], one.labels["code"]): one.value
        for one in samples
        if one.name.endswith("_total") and one.labels["protocol"] == "grpc"
    }


def test_the_callers_deadline_counts(
    catalogue: Catalogue, settings: Settings, bridge: Bridge, waiting: Waiting
) -> None:
    """DEADLINE_EXCEEDED when it passes, the backend told of it, counted as 504; the queue is unharmed."""
    plane = DataPlane(settings, catalogue, waiting, Metrics())
    with listening(plane, bridge) as channel:
        assert refused(channel, request(typed()), timeout=0.3)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
        assert waiting.timeouts[0] < 0.4
        wait_until(lambda: plane.metrics.inflight_now == 0, 5, "nothing is in hand")
        wait_until(lambda: counted(plane, bridge) == {("notes", "504"): 1}, 5, "it is counted")
        bridge.call(waiting.go.set)
        assert infer(channel, request(typed()))[0].outputs
        assert counted(plane, bridge) == {("notes", "504"): 1, ("notes", "200"): 1}


def test_a_requests_own_timeout_counts(
    catalogue: Catalogue, settings: Settings, bridge: Bridge, waiting: Waiting
) -> None:
    """Its parameter, in microseconds, where that is the least; the backend is told of it."""
    plane = DataPlane(settings, catalogue, waiting, Metrics())
    message = request(typed(), parameters={"timeout": InferParameter(int64_param=300_000)})
    with listening(plane, bridge) as channel:
        assert refused(channel, message) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert waiting.timeouts[0] < 0.4


def test_the_services_own_limit_counts_without_a_deadline(
    catalogue: Catalogue, bridge: Bridge, waiting: Waiting
) -> None:
    """No caller waits longer than `MULGAM_REQUEST_TIMEOUT`."""
    plane = DataPlane(Settings(request_timeout=0.3), catalogue, waiting, Metrics())
    with listening(plane, bridge) as channel:
        assert refused(channel, request(typed()), timeout=None) == (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "DEADLINE_EXCEEDED",
        )


def test_more_than_it_takes_is_refused(catalogue: Catalogue, bridge: Bridge, waiting: Waiting) -> None:
    """UNAVAILABLE while HTTP has filled the service, RESOURCE_EXHAUSTED for more calls at a time than it takes."""
    plane = DataPlane(Settings(max_inflight=2), catalogue, waiting, Metrics())
    with listening(plane, bridge) as channel:
        plane.metrics.inflight_now = 2
        assert refused(channel, request(typed())) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
        plane.metrics.inflight_now = 0
        calls = [channel.unary_unary(f"{SERVICE}ModelInfer").future(request(typed()), timeout=10) for _ in range(2)]
        wait_until(lambda: plane.metrics.inflight_now == 2, 5, "both are in hand")
        assert refused(channel, request(typed()))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        bridge.call(waiting.go.set)
        assert all(call.result() for call in calls)


def test_faults_of_the_backend_are_its_own(steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge) -> None:
    """Not there: UNAVAILABLE, with when to try again; not to be trusted: INTERNAL; a defect: no detail."""
    with listening(steered_plane, bridge) as channel:
        steered.spoil = lambda served, answer: backend_unavailable(served.name)
        with pytest.raises(grpc.RpcError) as caught:
            infer(channel, request(typed()))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert dict(caught.value.trailing_metadata())["retry-after"] == "1"
        steered.spoil = lambda served, answer: replace(answer, digest="0" * 64)
        assert refused(channel, request(typed())) == (grpc.StatusCode.INTERNAL, "BAD_BACKEND")
        steered.spoil = lambda served, answer: ValueError("/secret/path")
        with pytest.raises(grpc.RpcError) as caught:
            infer(channel, request(typed()))
        assert caught.value.code() == grpc.StatusCode.INTERNAL
        assert "secret" not in caught.value.details()
        steered.spoil = lambda served, answer: answer
        assert infer(channel, request(typed()))[0].outputs


def test_two_gateways_share_the_port(plane: DataPlane, steered_plane: DataPlane, bridge: Bridge) -> None:
    """Either may answer; when one ends, the other takes every new connection."""
    port = free_port()
    with listening(steered_plane, bridge, port) as one:
        with listening(plane, bridge, port):
            assert infer(one, request(typed()))[0].outputs
        with grpc.insecure_channel(f"127.0.0.1:{port}") as fresh:
            assert infer(fresh, request(typed()))[0].outputs


def test_what_is_under_way_is_finished(
    catalogue: Catalogue, settings: Settings, bridge: Bridge, waiting: Waiting
) -> None:
    """Stopping takes no new call and answers the one in hand."""
    plane = DataPlane(replace(settings, grpc_port=free_port()), catalogue, waiting, Metrics())

    async def begin() -> Listener:
        listener = Listener(plane)
        await listener.start()
        return listener

    listener = bridge.run(begin())
    with grpc.insecure_channel(f"127.0.0.1:{plane.settings.grpc_port}") as channel:
        call = channel.unary_unary(f"{SERVICE}ModelInfer").future(request(typed()), timeout=10)
        wait_until(lambda: waiting.asked == 1, 5, "it is under way")
        stopping = asyncio.run_coroutine_threadsafe(listener.stop(5), bridge.loop)
        bridge.call(waiting.go.set)
        assert ModelInferResponse.FromString(call.result()).outputs
        stopping.result(10)
        assert refused(channel, request(typed()))[0] == grpc.StatusCode.UNAVAILABLE


def test_an_address_that_is_not_here_is_said(plane: DataPlane, bridge: Bridge) -> None:
    """With the setting that names it."""
    plane.settings = replace(plane.settings, host="203.0.113.7")
    with pytest.raises(MulgamError, match="MULGAM_GRPC_PORT"), listening(plane, bridge):
        pass


def test_without_the_port_nothing_of_it_is_loaded() -> None:
    """The gateway's memory does not grow by a protocol, or by tracing, that nobody asked for."""
    code = (
        "import sys, service.gateway\n"
        "print([one for one in ('grpc', 'google.protobuf', 'opentelemetry.sdk') if one in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
