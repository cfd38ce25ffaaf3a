"""The TorchServe backend against answers that the real one gives only when something is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mulgam import tensors as v2
from mulgam.exchanges import DEADLINE_HEADER
from service.backends.prediction import predict
from service.backends.torchserve import TorchServeBackend, default_lanes
from service.errors import ApiError, BackendLost
from service.versions.served import Catalogue
from tests.service.fake_server import Script, http, serving

NUMERIC = np.array([[32, 3, 0.3]], np.float32)


def ask(path: Path, catalogue: Catalogue, script: Script, timeout: float = 5.0) -> np.ndarray:
    """One prediction of `notes` through a backend that follows the script."""

    async def session() -> np.ndarray:
        async with serving(path, script):
            backend = TorchServeBackend(str(path))
            try:
                return await predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, timeout)
            finally:
                await backend.close()

    return asyncio.run(session())


def answer(output: np.ndarray, digest: str, name: str = "prediction", cut: int = 0) -> bytes:
    """What our handler answers."""
    length, body = v2.encode("outputs", {name: output}, {"digest": digest})
    return http(200, body[: len(body) - cut], f"{v2.LENGTH_HEADER}: {length}\r\n")


def test_a_handlers_answer_is_taken(tmp_path: Path, catalogue: Catalogue) -> None:
    """The request carries the tensors and the path names model and version."""
    seen: list[bytes] = []

    def script(number: int, request: bytes) -> bytes:
        seen.append(request)
        return answer(np.float32([5.3]), catalogue.find("notes").digest)

    assert ask(tmp_path / "s", catalogue, script).tolist() == pytest.approx([5.3])
    assert seen[0].startswith(b"POST /predictions/notes/1 HTTP/1.1\r\n")
    assert seen[0].endswith(NUMERIC.tobytes())


def test_the_handler_is_told_how_long_somebody_waits(tmp_path: Path, catalogue: Catalogue) -> None:
    """A little longer than we do, so that our own time-out is what callers hear of."""
    seen: list[bytes] = []

    def script(number: int, request: bytes) -> bytes:
        seen.append(request)
        return answer(np.float32([5.3]), catalogue.find("notes").digest)

    before = time.monotonic()
    ask(tmp_path / "s", catalogue, script, timeout=5)
    told = float(seen[0].partition(f"{DEADLINE_HEADER}: ".encode())[2].partition(b"\r\n")[0])
    assert before + 5 < told < time.monotonic() + 5.2


@pytest.mark.parametrize("status", [404, 500, 503, 507])
def test_torchserves_own_refusal_is_503(tmp_path: Path, catalogue: Catalogue, status: int) -> None:
    """No worker, a full queue, a worker that died: try again."""
    body = b'{"code": %d, "type": "InternalServerException", "message": "Worker died."}' % status
    with pytest.raises(ApiError) as caught:
        ask(tmp_path / "s", catalogue, lambda number, request: http(status, body))
    assert (caught.value.status, caught.value.code) == (503, "MODEL_UNAVAILABLE")


@pytest.mark.parametrize(
    "reply",
    [
        lambda digest: http(500, b'{"error": "The model failed.", "code": "MODEL_FAILED", "field": null}'),
        lambda digest: http(400, b'{"error": "no", "code": "WRONG_SHAPE", "field": "numeric"}'),
        lambda digest: http(200, b"not a tensor"),
        lambda digest: http(200, b""),
        lambda digest: answer(np.float32([5.3]), "0" * 64),
        lambda digest: answer(np.float32([5.3, 1.0]), digest),
        lambda digest: answer(np.float32([5.3]), digest, name="other"),
        lambda digest: answer(np.float32([5.3]), digest, cut=2),
        lambda digest: answer(np.float32([np.nan]), digest),
    ],
)
def test_a_wrong_answer_is_502(tmp_path: Path, catalogue: Catalogue, reply: Callable[[str], bytes]) -> None:
    """The handler's own failure, bytes that are no tensors, another digest, shape, name, length, NaN."""
    digest = catalogue.find("notes").digest
    with pytest.raises(ApiError) as caught:
        ask(tmp_path / "s", catalogue, lambda number, request: reply(digest))
    assert (caught.value.status, caught.value.code) == (502, "BAD_BACKEND")


def test_an_answer_of_a_cpu_is_none_where_a_gpu_is_demanded(tmp_path: Path, catalogue: Catalogue) -> None:
    """DEVICE=gpu: a worker that fell back to the CPU makes the model unavailable, so readiness shows it."""
    good = answer(np.float32([5.3]), catalogue.find("notes").digest)

    async def session() -> None:
        async with serving(tmp_path / "s", lambda number, request: good):
            backend = TorchServeBackend(str(tmp_path / "s"), needs_gpu=True)
            try:
                await predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, 5)
            finally:
                await backend.close()

    with pytest.raises(ApiError) as caught:
        asyncio.run(session())
    assert caught.value.code == "MODEL_UNAVAILABLE"


def test_a_truncated_answer_is_502(tmp_path: Path, catalogue: Catalogue) -> None:
    """The connection ends in the middle of the body: nothing of it is passed on."""
    whole = answer(np.float32([5.3]), catalogue.find("notes").digest)
    head, _, body = whole.partition(b"\r\n\r\n")
    cut = head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % (len(body) + 5)) + b"\r\n\r\n" + body

    async def session() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(cut)
            await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(connected, str(tmp_path / "s"))
        async with server:
            backend = TorchServeBackend(str(tmp_path / "s"))
            await predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, 5)

    with pytest.raises(BackendLost) as caught:
        asyncio.run(session())
    assert (caught.value.status, caught.value.code) == (502, "BAD_BACKEND")


def test_a_connection_without_an_answer_is_503(tmp_path: Path, catalogue: Catalogue) -> None:
    """Nothing came: whoever took the call is gone."""
    with pytest.raises(BackendLost) as caught:
        ask(tmp_path / "s", catalogue, lambda number, request: None)
    assert (caught.value.status, caught.value.code) == (503, "MODEL_UNAVAILABLE")


def test_a_slow_answer_is_504_at_the_deadline(tmp_path: Path, catalogue: Catalogue) -> None:
    """Nobody waits longer than the deadline."""
    head_only = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    with pytest.raises(ApiError) as caught:
        ask(tmp_path / "s", catalogue, lambda number, request: head_only, timeout=0.2)
    assert (caught.value.status, caught.value.code) == (504, "DEADLINE_EXCEEDED")


def test_no_torchserve_is_503(tmp_path: Path, catalogue: Catalogue) -> None:
    """At once."""
    with pytest.raises(ApiError) as caught:
        asyncio.run(
            predict(catalogue.find("notes"), {"numeric": NUMERIC}, TorchServeBackend(str(tmp_path / "none")), 5)
        )
    assert caught.value.status == 503


@pytest.mark.parametrize(("cores", "lanes"), [({3}, 1), ({0, 1}, 2), (set(range(64)), 2)])
def test_a_second_call_is_laid_ready_where_a_second_core_can_write_it(
    cores: set[int], lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a single core two lanes would halve the batches and save nothing."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: cores)
    assert default_lanes() == lanes
