"""The `oip` backend against answers of all kinds: other servers' habits are taken, wrong ones refused, faults told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mulgam import tensors as v2
from mulgam.errors import MulgamError
from service.backends import remote
from service.backends.oip import OipBackend
from service.backends.prediction import predict
from service.backends.remote import Remote
from service.errors import ApiError, BackendError
from service.resilience.breaker import Breakers
from service.settings import Settings
from service.versions.served import Catalogue
from tests.processes import free_port
from tests.service.fake_server import Script, http, serving

NUMERIC = np.array([[32, 3, 0.3]], np.float32)
DIGEST = "a" * 64


def ask(
    catalogue: Catalogue, script: Script, timeout: float = 5.0, *, binary: bool = True, times: int = 1, **told: Any
) -> Any:
    """The last of so many predictions of `notes` through a server that follows the script."""

    async def session() -> Any:
        port = free_port()
        async with serving(port, script):
            backend = OipBackend(Remote((("127.0.0.1", port),), {}, **told), binary=binary)
            try:
                for _ in range(times - 1):
                    with pytest.raises(ApiError):
                        await predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, timeout)
                return await predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, timeout)
            finally:
                await backend.close()

    return asyncio.run(session())


def refusal(catalogue: Catalogue, answer: bytes) -> tuple[int, str]:
    """Status and code of what an answer becomes."""
    with pytest.raises(ApiError) as caught:
        ask(catalogue, lambda number, request: answer)
    return caught.value.status, caught.value.code


def binary(
    output: np.ndarray, parameters: dict[str, str] | None = None, name: str = "prediction", cut: int = 0
) -> bytes:
    """An answer with a binary tensor."""
    length, body = v2.encode("outputs", {name: output}, parameters)
    return http(200, body[: len(body) - cut], f"{v2.LENGTH_HEADER}: {length}\r\n")


def in_json(data: Any, shape: list[int], datatype: str = "FP32", name: str = "prediction") -> bytes:
    """An answer that is JSON alone."""
    output = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return http(200, json.dumps({"model_name": "m", "outputs": [output]}).encode())


def test_the_request_is_v2_with_binary_tensors(catalogue: Catalogue) -> None:
    """The path names the model and no version; the output is asked for by name, binary; the deadline is told."""
    seen: list[bytes] = []

    def script(number: int, request: bytes) -> bytes:
        seen.append(request)
        return binary(np.float32([5.3]))

    assert ask(catalogue, script).tolist() == pytest.approx([5.3])
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/models/notes/infer HTTP/1.1\r\n")
    assert b"X-Request-Timeout: 5.000" in head
    length = int(head.partition(b"Inference-Header-Content-Length: ")[2].split(b"\r\n")[0])
    assert json.loads(body[:length])["outputs"] == [{"name": "prediction", "parameters": {"binary_data": True}}]
    assert body[length:] == NUMERIC.tobytes()


def test_the_request_may_be_json_alone(catalogue: Catalogue) -> None:
    """For servers without the extension."""
    seen: list[bytes] = []

    def script(number: int, request: bytes) -> bytes:
        seen.append(request)
        return in_json([5.3], [1])

    assert ask(catalogue, script, binary=False).tolist() == pytest.approx([5.3])
    document = json.loads(seen[0].partition(b"\r\n\r\n")[2])
    assert document == {
        "inputs": [{"name": "numeric", "datatype": "FP32", "shape": [1, 3], "data": [32.0, 3.0, 0.3]}],
        "outputs": [{"name": "prediction"}],
    }


@pytest.mark.parametrize(
    "answer",
    [
        binary(np.float32([[5.3]])),
        binary(np.float64([5.3])),
        in_json([5.3], [1]),
        in_json([[5.3]], [1, 1], "FP64"),
        binary(np.float32([5.3]), {"anything": "else"}),
    ],
    ids=["a column", "doubles", "json", "json doubles in a column", "parameters"],
)
def test_habits_of_other_servers_are_taken(catalogue: Catalogue, answer: bytes) -> None:
    """[N, 1] for one value a row, FP64, JSON though binary was asked for."""
    assert ask(catalogue, lambda number, request: answer).tolist() == pytest.approx([5.3])


@pytest.mark.parametrize("by_header", [True, False])
def test_a_digest_that_is_told_is_compared(catalogue: Catalogue, by_header: bool) -> None:
    """As a parameter, or as another Mulgam's header: the right one is taken, another is 502."""

    def answer(digest: str) -> bytes:
        if not by_header:
            return binary(np.float32([5.3]), {"digest": digest})
        return binary(np.float32([5.3])).replace(b"\r\n", f"\r\nX-Model-Digest: {digest}\r\n".encode(), 1)

    right = answer(catalogue.find("notes").digest)
    assert ask(catalogue, lambda number, request: right).tolist() == pytest.approx([5.3])
    assert refusal(catalogue, answer(DIGEST)) == (502, "BAD_BACKEND")


@pytest.mark.parametrize("status", [404, 408, 429, 503, 504])
def test_a_server_that_can_not_now_is_503(catalogue: Catalogue, status: int) -> None:
    """The model is not loaded, the server is busy or late: another try may help."""
    assert refusal(catalogue, http(status, b'{"error": "no"}')) == (503, "MODEL_UNAVAILABLE")


@pytest.mark.parametrize(
    "answer",
    [
        http(400, b'{"error": "unexpected shape for input"}'),
        http(500, b'{"error": "the model failed"}'),
        http(302, b""),
        http(200, b"<html>not V2</html>"),
        http(200, b""),
        http(200, b"[]"),
        http(200, b'{"outputs": 5}'),
        http(200, b'{"outputs": [5]}'),
        http(200, b'{"outputs": []}'),
        http(200, b'{"outputs": []} ', "Inference-Header-Content-Length: 15\r\n"),
        http(200, b'{"outputs": []}', "Inference-Header-Content-Length: 99\r\n"),
        in_json([float("nan")], [1]),
        in_json([5.3, 1], [1]),
        in_json([5.3, 1], [2]),
        in_json(["5.3"], [1], "BYTES"),
        in_json([1e300], [1], "FP64"),
        in_json([5], [1], "INT64"),
        in_json([5.3], [1], name="other"),
        binary(np.float32([5.3]), cut=2),
        binary(np.float32([np.nan])),
    ],
)
def test_what_can_not_be_trusted_is_502(catalogue: Catalogue, answer: bytes) -> None:
    """Refused by the server, no V2, other names, shapes or types, cut off, not finite."""
    assert refusal(catalogue, answer) == (502, "BAD_BACKEND")


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_bytes_that_are_no_http_are_502(catalogue: Catalogue, answer: bytes) -> None:
    """Somebody is there, and can't be trusted."""
    assert refusal(catalogue, answer) == (502, "BAD_BACKEND")


def test_no_server_is_503(catalogue: Catalogue) -> None:
    """Nobody is there."""
    backend = OipBackend(Remote((("127.0.0.1", free_port()),), {}))
    with pytest.raises(ApiError) as caught:
        asyncio.run(predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, 5))
    assert caught.value.code == "MODEL_UNAVAILABLE"


def test_a_slow_answer_is_504_at_the_deadline(catalogue: Catalogue) -> None:
    """Nobody waits longer than the deadline."""
    with pytest.raises(ApiError) as caught:
        ask(catalogue, lambda number, request: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", timeout=0.2)
    assert (caught.value.status, caught.value.code) == (504, "DEADLINE_EXCEEDED")


def test_the_servers_own_sentence_is_logged_once(catalogue: Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    """The operator learns why; the same trouble again is no news, and callers never see it."""

    def script(number: int, request: bytes) -> bytes:
        return http(400, b'{"error": "unexpected shape"}') if number < 4 else binary(np.float32([5.3]))

    with caplog.at_level(logging.WARNING):
        ask(catalogue, script, times=4)
    assert [record.message for record in caplog.records if "unexpected shape" in record.message] == [
        record.message for record in caplog.records
    ]
    assert len(caplog.records) == 1


def made(url: str = "http://127.0.0.1:9", models: str = "") -> Remote:
    """What settings say."""
    return remote.from_settings(replace(Settings(), oip_url=url, oip_models=models))


def test_the_address_and_the_names_are_read() -> None:
    """Other names and versions there; without one, our name and the server's own choice of version."""
    one = made("http://[::1]:8000/", "notes=prod/notes:3, shapes=forms")
    assert one.places == (("::1", 8000),)
    assert one.path("notes", 7) == "/v2/models/prod%2Fnotes/versions/3/infer"
    assert one.path("shapes", 7) == "/v2/models/forms/infer"
    assert one.path("digits", 7) == "/v2/models/digits/infer"


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8000", "http://host", "http://:80", "http://host:0", "http://host:x", "http://host:99999",
     "https://host:443", "http://host:80/v2", "http://ann:x@host:80", "http://host:80?x=1", "http://[::1:80"],
)  # fmt: skip
def test_an_address_that_is_none_is_said(url: str) -> None:
    """With what it must be."""
    with pytest.raises(MulgamError, match="it must be http://host:port"):
        made(url)


@pytest.mark.parametrize("names", ["notes", "notes=", "=x", "a=b=c", "a=b:c:d"])
def test_names_that_can_not_be_read_are_said(names: str) -> None:
    """With the part that is wrong."""
    with pytest.raises(MulgamError, match="MULGAM_OIP_MODELS has"):
        made(models=names)


def test_several_servers_and_a_key_are_read(tmp_path: Path) -> None:
    """Addresses with commas; the first key of a file; each version by its number where the registry is the same."""
    keys = tmp_path / "keys"
    keys.write_text("# of the workers\nan-api-key-of-the-tests\nanother-key-of-the-tests\n")
    told = replace(
        Settings(), oip_url="http://a:8000, http://b:8001", oip_versions="ours", oip_key_file=str(keys),
        oip_models="shapes=forms",
    )  # fmt: skip
    one = remote.from_settings(told)
    assert one.places == (("a", 8000), ("b", 8001))
    assert one.key == "an-api-key-of-the-tests"
    assert one.path("notes", 7) == "/v2/models/notes/versions/7/infer"
    assert one.path("shapes", 7) == "/v2/models/forms/infer"
    with pytest.raises(MulgamError, match="can't be read"):
        remote.from_settings(replace(told, oip_key_file=str(tmp_path / "none")))


def test_the_key_is_shown_and_the_version_named(catalogue: Catalogue) -> None:
    """To a server of the same registry."""
    seen: list[bytes] = []

    def script(number: int, request: bytes) -> bytes:
        seen.append(request)
        return binary(np.float32([5.3]))

    assert ask(catalogue, script, ours=True, key="an-api-key-of-the-tests").tolist() == pytest.approx([5.3])
    assert seen[0].startswith(b"POST /v2/models/notes/versions/1/infer HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer an-api-key-of-the-tests\r\n" in seen[0]


@pytest.mark.parametrize("loads", [True, False])
def test_a_version_is_waited_for_on_each_server(catalogue: Catalogue, loads: bool) -> None:
    """One that has not loaded it is asked again; one that never does is named; one that is gone is passed over."""

    async def session() -> None:
        ports = [free_port(), free_port(), free_port()]

        def slow(number: int, request: bytes) -> bytes:
            return binary(np.float32([5.3])) if loads and number > 2 else http(404, b"{}")

        backend = OipBackend(Remote(tuple(("127.0.0.1", port) for port in ports), {}, ours=True), patience=0.6)
        async with (
            serving(ports[0], lambda number, request: binary(np.float32([5.3]))) as quick_requests,
            serving(ports[1], slow) as slow_requests,
        ):
            try:
                if loads:
                    await backend.prepare(catalogue.find("notes"))
                    assert len(slow_requests) == len(quick_requests) == 3
                else:
                    with pytest.raises(MulgamError, match=rf"not served by 127.0.0.1:{ports[1]} \(status 404\) after"):
                        await backend.prepare(catalogue.find("notes"))
            finally:
                await backend.close()

    asyncio.run(session())


def test_a_server_that_dies_beside_another_opens_no_breaker(catalogue: Catalogue) -> None:
    """The calls that it had in hand are lost all at once: that tells nothing of the other. Of the last one it does."""

    async def faults(others: int) -> int:
        ports = [free_port() for _ in range(1 + others)]
        served, opened = catalogue.find("notes"), 0
        breakers = Breakers(1, 1.0, lambda served, is_open: None)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(serving(ports[0], lambda number, request: None))
            for port in ports[1:]:
                await stack.enter_async_context(serving(port, lambda number, request: binary(np.float32([5.3]))))
            backend = OipBackend(Remote(tuple(("127.0.0.1", port) for port in ports), {}))
            for _ in range(2):
                try:
                    await predict(served, {"numeric": NUMERIC}, backend, 5)
                except BackendError as problem:
                    breakers.judge(served, problem, 5)
                    opened += breakers.of(served).is_open
            await backend.close()
        return opened

    assert asyncio.run(faults(1)) == 0
    assert asyncio.run(faults(0)) == 2
