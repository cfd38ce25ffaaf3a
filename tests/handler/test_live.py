"""The wire contract of `handler/exchange.py` on the real TorchServe."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from handler.archive import WorkerOptions, pack
from handler.exchange import Request
from mulgam import tensors as v2
from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.handler.torchserve_process import Reply, TorchServe, running
from tests.handler.unpacked import RUNTIMES, request

pytestmark = pytest.mark.live

NOTES = "/predictions/notes/1"
# Long enough that 24 requests sent at once meet in one batch.
BATCHED = WorkerOptions(batch_size=32, max_batch_delay=50)


@pytest.fixture(scope="module", params=RUNTIMES)
def server(
    request: pytest.FixtureRequest, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TorchServe]:
    """A TorchServe with both models, for each runtime."""
    store = tmp_path_factory.mktemp("store")
    archives = [pack(registry.entry(model, 1), request.param, store, BATCHED) for model in registry.models()]
    with running(archives) as torchserve:
        torchserve.wait_until(NOTES, *wire(sample()))
        yield torchserve


def sample() -> Request:
    """A good request of one row, for both models."""
    return request(NOTES_ROWS[0])


def wire(one: Request) -> tuple[bytes, dict[str, str]]:
    """Body and headers as the gateway sends them."""
    assert one.body is not None
    return bytes(one.body), {"Content-Type": v2.CONTENT_TYPE, v2.LENGTH_HEADER: str(one.header_length)}


def decoded(reply: Reply) -> v2.Message:
    """A prediction, read as the gateway reads it."""
    assert (reply.status, reply.headers["content-type"]) == (200, v2.CONTENT_TYPE), reply
    return v2.decode("outputs", reply.body, reply.headers[v2.LENGTH_HEADER.lower()])


def test_an_answer_carries_prediction_digest_and_length(server: TorchServe, registry: Registry) -> None:
    """All that the gateway needs arrives through TorchServe, for a regression and a classifier."""
    message = decoded(server.post(NOTES, *wire(request(*NOTES_ROWS))))
    np.testing.assert_allclose(message.tensors["prediction"], [5.3, 6.2, 6.8], rtol=1e-6)
    assert message.parameters["digest"] == registry.entry("notes", 1).digest
    assert message.parameters["device"] == "cpu"
    shapes = decoded(server.wait_until("/predictions/shapes/1", *wire(sample())))
    assert shapes.tensors["probabilities"].shape == (1, 3)
    assert shapes.parameters["digest"] == registry.entry("shapes", 1).digest


def test_24_requests_at_once_get_each_its_own_answer(server: TorchServe) -> None:
    """Good and bad ones mixed, most of them in one batch: each status, code and number is its own."""
    requests: list[tuple[Request, float | str]] = []
    for number in range(24):
        kind = number % 4
        if kind == 1:
            requests.append((request([1.0, float(number)]), "WRONG_SHAPE"))
        elif kind == 2:
            requests.append((Request(b"\x00" * 32, str(number)), "BAD_JSON"))
        else:
            requests.append((request([10.0 * number, 0, 0]), float(number)))
    together = threading.Barrier(len(requests))
    batches_before = server.log().count("a batch of")

    def send(one: Request) -> Reply:
        body, headers = wire(one)
        together.wait(20)
        return server.post(NOTES, body, headers)

    with ThreadPoolExecutor(len(requests)) as threads:
        replies = list(threads.map(send, [one for one, _ in requests]))
    server.wait_for_log("a batch of")
    assert server.log().count("a batch of") - batches_before < len(requests) / 2
    for reply, (_, expected) in zip(replies, requests, strict=True):
        if isinstance(expected, str):
            assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
            assert json.loads(reply.body)["code"] == expected
        else:
            np.testing.assert_allclose(decoded(reply).tensors["prediction"], [expected], rtol=1e-5, atol=1e-6)


def test_other_bodies_are_refused_and_the_worker_lives_on(server: TorchServe) -> None:
    """JSON, broken JSON, text, nothing: our JSON errors, and the next request is answered."""
    cases = [
        (b'{"instances": [[1, 2, 3]]}', "application/json", 415),
        (b'{"instances": [[1, 2', "application/json", 415),
        (b"1,2,3", "text/plain", 415),
        (b"", v2.CONTENT_TYPE, 400),
    ]
    for body, content_type, status in cases:
        reply = server.post(NOTES, body, {"Content-Type": content_type})
        assert (reply.status, reply.headers["content-type"]) == (status, "application/json"), reply
        assert isinstance(json.loads(reply.body)["code"], str)
    assert decoded(server.post(NOTES, *wire(sample()))).tensors["prediction"].shape == (1,)


def test_a_non_finite_output_is_a_500_of_our_own(server: TorchServe) -> None:
    """Its code is a string, where TorchServe's own 500s have a number."""
    reply = server.post(NOTES, *wire(request([0, 0, 3e38])))
    assert (reply.status, json.loads(reply.body)["code"]) == (500, "NON_FINITE_OUTPUT")


def test_torchserves_own_errors_have_a_number_as_code(server: TorchServe) -> None:
    """No such model, no such version, a body over the limit: TorchServe's words, and no handler was asked."""
    body, headers = wire(sample())
    for target in ("/predictions/nobody/1", "/predictions/notes/2"):
        reply = server.post(target, body, headers)
        assert (reply.status, json.loads(reply.body)["code"]) == (404, 404)
    reply = server.post(NOTES, bytes(2 * 2**20), headers)
    assert (reply.status, reply.body) == (413, b"")


def test_connections_stay_open_after_200_and_close_after_an_error(server: TorchServe) -> None:
    """The gateway keeps connections by this."""
    assert server.post(NOTES, *wire(sample())).headers["connection"] == "keep-alive"
    assert server.post(NOTES, *wire(request([1]))).headers["connection"] == "close"


@pytest.mark.beside
def test_an_altered_archive_never_answers(registry: Registry, tmp_path: Path) -> None:
    """The worker refuses it with a clear line in the log, and the good model beside it serves on."""
    bad = pack(registry.entry("notes", 1), "onnx", tmp_path / "store", WorkerOptions())
    good = pack(registry.entry("shapes", 1), "onnx", tmp_path / "store", WorkerOptions())
    with zipfile.ZipFile(bad) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bad, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"5.", b"6.") if name == "golden.json" else content)
    with running([bad, good]) as torchserve:
        torchserve.wait_until("/predictions/shapes/1", *wire(sample()))
        torchserve.wait_for_log("golden.json is not the file that was published")
        try:
            status = torchserve.post(NOTES, *wire(sample()), timeout=2).status
        except TimeoutError:
            status = 0  # TorchServe lets such requests wait
        assert status != 200
