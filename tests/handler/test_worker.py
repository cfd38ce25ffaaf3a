"""Packed archives in TorchServe's own loader and context, with no Java."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from handler.exchange import Request
from mulgam import checksums, minisign, trust
from mulgam import tensors as v2
from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.handler.unpacked import RUNTIMES, RequestProcessor, Service, call, load, request, unpack

# The lecture notes' answers for w = [0.1, 0.3, 4], b = 0.
NOTES_ANSWERS = [5.3, 6.2, 6.8]


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Every test here holds for both."""
    name: str = request.param
    return name


@pytest.fixture
def notes(registry: Registry, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The notes' model as a worker holds it."""
    return load(unpack(registry.entry("notes", 1), runtime, tmp_path), runtime, monkeypatch)


@pytest.fixture
def shapes(registry: Registry, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The classifier as a worker holds it."""
    return load(unpack(registry.entry("shapes", 1), runtime, tmp_path), runtime, monkeypatch)


def test_the_notes_rows_get_the_notes_answers(notes: Service) -> None:
    """5.3, 6.2 and 6.8, one row at a time and all in one request."""
    for row, expected in zip(NOTES_ROWS, NOTES_ANSWERS, strict=True):
        (reply,) = call(notes, [request(row)])
        np.testing.assert_allclose(reply.output("prediction"), [expected], rtol=1e-6)
    (reply,) = call(notes, [request(*NOTES_ROWS)])
    np.testing.assert_allclose(reply.output("prediction"), NOTES_ANSWERS, rtol=1e-6)


def test_a_missing_value_is_imputed_in_the_graph(notes: Service) -> None:
    """NaN arrives at the graph, which puts the median in its place."""
    (reply,) = call(notes, [request([32, float("nan"), 0.3])])
    np.testing.assert_allclose(reply.output("prediction"), [5.3], rtol=1e-6)


def test_the_answer_tells_digest_runtime_and_device(notes: Service, registry: Registry, runtime: str) -> None:
    """The digest is computed from the unpacked files and equals the registry's."""
    (reply,) = call(notes, [request(NOTES_ROWS[0])])
    digest = registry.entry("notes", 1).digest
    assert reply.message.parameters == {"digest": digest, "runtime": runtime, "device": "cpu"}
    assert reply.headers["content-type"] == "application/octet-stream"


def test_a_mixed_batch_gives_each_request_its_own_answer(notes: Service) -> None:
    """Statuses, headers and bodies belong to their requests; phrases are TorchServe's own."""
    requests = [
        request(NOTES_ROWS[0]),
        request([1, 2]),
        Request(b"\x00" * 32, "not\r\na number"),
        request(NOTES_ROWS[1], NOTES_ROWS[2]),
        request([1, float("inf"), 3]),
    ]
    replies = call(notes, requests)
    assert [reply.status for reply in replies] == [200, 400, 400, 200, 400]
    np.testing.assert_allclose(replies[0].output("prediction"), NOTES_ANSWERS[:1], rtol=1e-6)
    np.testing.assert_allclose(replies[3].output("prediction"), NOTES_ANSWERS[1:], rtol=1e-6)
    codes = [json.loads(replies[n].body)["code"] for n in (1, 2, 4)]
    assert codes == ["WRONG_SHAPE", "BAD_HEADER_LENGTH", "NON_FINITE"]
    assert not any(reply.phrase for reply in replies)


def test_a_call_that_was_given_up_is_passed_over(notes: Service) -> None:
    """By the deadline that its header tells."""
    late = replace(request(NOTES_ROWS[0]), deadline=f"{time.monotonic() - 1:.3f}")
    replies = call(notes, [late, request(NOTES_ROWS[1])])
    assert (replies[0].status, json.loads(replies[0].body)["code"]) == (400, "TOO_LATE")
    np.testing.assert_allclose(replies[1].output("prediction"), NOTES_ANSWERS[1:2], rtol=1e-6)


def test_an_input_that_overflows_the_model_is_a_500_of_its_own(notes: Service) -> None:
    """4 × 3e38 is infinite in float32: no such answer goes out, and the neighbour notices nothing."""
    replies = call(notes, [request([0, 0, 3e38]), request(NOTES_ROWS[0])])
    assert (replies[0].status, json.loads(replies[0].body)["code"]) == (500, "NON_FINITE_OUTPUT")
    np.testing.assert_allclose(replies[1].output("prediction"), NOTES_ANSWERS[:1], rtol=1e-6)


@pytest.mark.parametrize("others", [0, 1, 6, 31])
def test_an_answer_does_not_depend_on_what_it_was_batched_with(shapes: Service, others: int) -> None:
    """Alone or among 31 other requests: the same probabilities, to the tolerance."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(4, 3)).astype(np.float32)
    (alone,) = call(shapes, [request(*rows.tolist())])
    crowd = [request(*random.normal(scale=5, size=(1 + n % 3, 3)).tolist()) for n in range(others)]
    position = others // 2
    together = call(shapes, [*crowd[:position], request(*rows.tolist()), *crowd[position:]])[position]
    np.testing.assert_allclose(together.output("probabilities"), alone.output("probabilities"), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(alone.output("probabilities").sum(axis=1), 1, rtol=1e-5)
    assert alone.output("probabilities").shape == (4, 3)


def test_the_length_header_is_found_in_any_case_and_bytearrays_are_read(notes: Service) -> None:
    """HTTP header names have no case, and TorchServe hands bodies over as bytearrays."""
    good = request(NOTES_ROWS[0])
    context = notes.context
    context.request_processor = [
        RequestProcessor({v2.LENGTH_HEADER.lower(): good.header_length, "content-type": v2.CONTENT_TYPE})
    ]
    notes._entry_point([{"body": bytearray(good.body or b"")}], context)
    assert context.get_response_status(0)[0] == 200


@pytest.mark.parametrize(
    ("item", "content_type"),
    [
        ({"body": {"instances": [[1, 2, 3]]}}, "application/json"),
        ({"body": bytearray(b"not json")}, "application/json"),
        ({"body": "text"}, "text/plain"),
        ({"rows": bytearray(b"1,2,3")}, "multipart/form-data; boundary=x"),
        ({}, None),
    ],
)
def test_other_media_types_are_refused(notes: Service, item: dict[str, object], content_type: str | None) -> None:
    """Parsed JSON, JSON that TorchServe could not parse, text, form parts, nothing at all: 415, no exception."""
    context = notes.context
    context.request_processor = [RequestProcessor({} if content_type is None else {"Content-Type": content_type})]
    (body,) = notes._entry_point([item], context)
    assert context.get_response_status(0)[0] == 415
    assert json.loads(body)["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_a_refused_model_leaves_one_clear_line(
    registry: Registry, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An altered archive makes the worker fail to load, and the log says which file it was."""
    folder = unpack(registry.entry("notes", 1), runtime, tmp_path)
    with (folder / "golden.json").open("a") as file:
        file.write(" ")
    with pytest.raises(RuntimeError, match="checksum differs"):
        load(folder, runtime, monkeypatch)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "golden.json is not the file that was published" in line


def test_what_nobody_trusted_has_signed_is_refused(
    own_registry: Registry, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsigned, of another number, altered with its sums, without a key to ask: a worker loads none of these."""
    key, entry = minisign.generate(), own_registry.entry("notes", 1)
    keys = tmp_path / "key.pub"
    monkeypatch.setenv(trust.VARIABLE, str(keys))

    def refused(said: str, *signed_as: int, alter: bool = False) -> None:
        for number in signed_as:
            trust.sign(entry.path, "notes", number, entry.digest, key)
        folder = unpack(entry, runtime, tmp_path)
        if alter:
            sums = (folder / checksums.FILE_NAME).read_bytes()
            (folder / "golden.json").write_bytes((folder / "golden.json").read_bytes() + b" ")
            was, made = entry.read("golden.json"), (folder / "golden.json").read_bytes()
            (folder / checksums.FILE_NAME).write_bytes(sums.replace(_sha256(was), _sha256(made)))
        with pytest.raises(RuntimeError, match=said):
            load(folder, runtime, monkeypatch)

    refused("key.pub is missing")
    keys.write_text(minisign.generate().public.text())
    refused("is not signed")
    refused("which is none of", 1)
    keys.write_text(key.public.text())
    refused("was made for 'mulgam model=notes version=2'", 2)
    refused("is altered", 1, alter=True)
    (reply,) = call(load(unpack(entry, runtime, tmp_path), runtime, monkeypatch), [request(NOTES_ROWS[0])])
    np.testing.assert_allclose(reply.output("prediction"), NOTES_ANSWERS[:1], rtol=1e-6)


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
