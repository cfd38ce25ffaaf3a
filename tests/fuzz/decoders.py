"""Every decoder that hostile bytes can reach, with good inputs to begin from.

A decoder may take its input, or refuse it by an error of ours that belongs to the sender. Whatever else it raises is a
crash; so is an answer that it must not give: a tensor with an infinity, a sentence without bound.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from handler import exchange
from mulgam import checksums, golden, minisign, onnx_file, serving, signature
from mulgam import tensors as v2
from mulgam.errors import InputError, MulgamError
from mulgam.registry import Registry
from mulgam.signature import NUMERIC
from service import compression, keys, settings
from service.backends import http, oip, torchserve
from service.bulk.csv_rows import CsvReader, CsvWriter, keep_list
from service.bulk.lines import Lines
from service.bulk.ndjson_rows import NdjsonReader, NdjsonWriter
from service.bulk.rows import RowReader, RowWriter, Scorer
from service.calls import Call
from service.errors import ApiError
from service.http1.guard import check_head
from service.protocols.base import Decoded, Output, PredictionProtocol
from service.protocols.own import OwnJson
from service.protocols.v1 import V1
from service.protocols.v2 import V2
from service.rpc import v2_grpc
from service.telemetry import trace
from service.versions.served import Served
from tests.fuzz import corpus
from tests.fuzz.corpus import MIXED, PLAIN

LIMIT = 2**20


@dataclass(frozen=True)
class Decoder:
    """One decoder: what it is called, what it does with bytes, good inputs."""

    name: str
    run: Callable[[bytes], None]
    corpus: Sequence[bytes]


class WrongAnswerError(Exception):
    """A decoder took what it must refuse."""


def attempt(decoder: Decoder, data: bytes) -> str | None:
    """Give it an input; the crash, as a sentence, or None."""
    try:
        decoder.run(data)
    except ApiError as problem:
        is_harm = problem.status >= 500 and problem.status != 501 and "backend" not in decoder.name
        return f"status {problem.status}: {problem}" if is_harm else None
    except InputError as problem:
        return None if len(str(problem)) < 1000 else f"a sentence of {len(str(problem))} characters"
    except MulgamError:
        return None
    except http.ConnectionLostError:
        return None
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return None


def _parts(data: bytes) -> tuple[str, bytes]:
    head, _, body = data.partition(b"\n")
    return head.decode("latin-1"), body


def _call(body: bytes, query: str = "", **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(named.get, query, body, "id", 0.0)


def _check(model: Served, decoded: Decoded) -> None:
    """What the model is given is what its signature says, and its answer can be written as JSON."""
    for tensor in model.signature.inputs:
        array = decoded.tensors[tensor.name]
        if array.dtype != v2.DTYPES[tensor.datatype] or array.shape != (decoded.rows, *tensor.shape[1:]):
            raise WrongAnswerError(f"{tensor.name} is {array.dtype} {array.shape}")
    if np.isinf(decoded.tensors[NUMERIC]).any():
        raise WrongAnswerError("an infinity in numeric")
    required = not all(feature.missing for feature in model.signature.numbers)
    if required and np.isnan(decoded.tensors[NUMERIC]).any():
        raise WrongAnswerError("a missing value that must be there")
    headers, body = decoded.render(_output(model, decoded.rows))
    if ("content-type", "application/json") in headers:
        json.loads(body, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise WrongAnswerError(f"{name} in an answer")


def _output(model: Served, rows: int) -> Output:
    classes = len(model.signature.target.classes)
    return np.full((rows, classes) if classes else (rows,), 0.5, np.float32)


def _json(model: Served, protocol: PredictionProtocol, data: bytes) -> None:
    _check(model, protocol.decode(model, _call(data), 100))


def _binary(model: Served, data: bytes) -> None:
    length, body = _parts(data)
    _check(model, V2().decode(model, _call(body, inference_header_content_length=length), 100))


def _grpc(model: Served, data: bytes) -> None:
    _check(model, v2_grpc.decode(model, data, 100))


def _blocks(data: bytes) -> list[bytes]:
    """As a socket might give them: where a block ends must not matter."""
    size = 1 + len(data) % 37
    return [data[at : at + size] for at in range(0, len(data), size)]


def _table(model: Served, is_csv: bool, data: bytes) -> None:
    lines = Lines(iter(_blocks(data)))
    reader: RowReader = CsvReader(lines, model.signature, ["id"]) if is_csv else NdjsonReader(lines)
    writer: RowWriter = CsvWriter(model.signature, ["id"]) if is_csv else NdjsonWriter(model.signature)
    scorer = Scorer(model.encoder, lambda tensors, rows: _output(model, rows))
    while (batch := reader.batch(16)) is not None:
        output = scorer.score(batch)
        if len(batch.numbers) + len(batch.problems) != batch.size:
            raise WrongAnswerError("a row without an answer")
        writer.rows(batch, output).decode()


def _compressed(data: bytes) -> None:
    name, body = _parts(data)
    whole: bytes | None = None
    try:
        whole = compression.inflated(body, name, LIMIT)
    except ApiError as problem:
        if problem.status >= 500:
            raise
    size = 0
    for block in compression.inflated_blocks(iter(_blocks(body)), name, 4096):
        if len(block) > 4096 and name.strip().lower() != "identity":
            raise WrongAnswerError("a block without bound")
        size += len(block)
        if size > LIMIT:
            return
    if whole is not None and size != len(whole):
        raise WrongAnswerError("two sizes of one body")


def _head(data: bytes) -> None:
    lines = data.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    # The parser lets nothing but the digits of a 64-bit number pass as a length.
    kept = [(name, value) for name, value in headers if name != "content-length" or _is_length(value)]
    try:
        check_head(lines[0], "", kept)
    except ApiError as problem:
        if problem.status != 501:  # another transfer coding: the caller's choice, not a fault of ours
            raise
    header = dict(kept).get
    trace.taken(header)


def _is_length(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 20


class _Wire(asyncio.Transport):
    """Takes everything."""

    def abort(self) -> None:
        """Nothing to end."""


_LOOP = asyncio.new_event_loop()
_TORCHSERVE = torchserve.TorchServeBackend("unused")


def _reply(data: bytes) -> None:
    """An HTTP answer of the backend, in two blocks; then its body as tensors, as both backends read it."""
    connection = http._Connection(LIMIT)
    connection.connection_made(_Wire())
    waiter = connection._waiter = _LOOP.create_future()
    half = len(data) // 2
    for block in (data[:half], data[half:]):
        if not connection.closed:
            connection.data_received(block)
    connection.connection_lost(None)
    reply = waiter.result()
    for read in (partial(oip._answer, PLAIN), partial(_TORCHSERVE._decoded, PLAIN)):
        try:
            read(reply)
        except (InputError, ApiError):
            continue
    torchserve._refusal(PLAIN, reply)


def _file(folder: Path, name: str, read: Callable[[Path], object], data: bytes) -> None:
    """A file with these bytes, read."""
    (folder / name).write_bytes(data)
    read(folder / name)


def _plan(path: Path) -> None:
    serving.read(Registry(path.parent))


def _sums(path: Path) -> None:
    checksums.verify(path.parent, [])


def _key(parse: Callable[[str, str], object], path: Path) -> None:
    parse(minisign.read(path, "key"), path.name)


def _settings(data: bytes) -> None:
    pairs = (line.partition("=") for line in data.decode("utf-8", "surrogateescape").splitlines())
    settings.from_environment({name: value for name, _, value in pairs if "\0" not in name + value})


def _handler(data: bytes) -> None:
    length, body = _parts(data)
    exchange.Exchange(PLAIN.signature, {}).read(exchange.Request(body, length))


def decoders() -> list[Decoder]:
    """All of them."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="mulgam-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = partial(partial, _file, folder)
    return [
        Decoder("own JSON", partial(_json, PLAIN, OwnJson()), corpus.ROWS),
        Decoder("own JSON, all types", partial(_json, MIXED, OwnJson()), corpus.MIXED_ROWS),
        Decoder("V1", partial(_json, PLAIN, V1()), corpus.V1_ROWS),
        Decoder("V2 JSON", partial(_json, PLAIN, V2()), corpus.TENSORS),
        Decoder("V2 JSON, all types", partial(_json, MIXED, V2()), corpus.MIXED_TENSORS),
        Decoder("V2 binary", partial(_binary, PLAIN), corpus.BINARY),
        Decoder("V2 binary, words", partial(_binary, MIXED), corpus.BINARY_WORDS),
        Decoder("raw tensor", partial(_binary, PLAIN), corpus.RAW),
        Decoder("V2 over gRPC", partial(_grpc, PLAIN), corpus.MESSAGES),
        Decoder("V2 over gRPC, all types", partial(_grpc, MIXED), corpus.MIXED_MESSAGES),
        Decoder("CSV", partial(_table, PLAIN, True), corpus.CSV),
        Decoder("CSV, all types", partial(_table, MIXED, True), corpus.MIXED_CSV),
        Decoder("NDJSON", partial(_table, PLAIN, False), corpus.NDJSON),
        Decoder("keep", lambda data: keep_list([data.decode("latin-1")]) and None, corpus.KEEP),
        Decoder("gzip, deflate", _compressed, corpus.COMPRESSED),
        Decoder("request head", _head, corpus.HEADS),
        Decoder("handler", _handler, corpus.BINARY),
        Decoder("answer of a backend", _reply, corpus.REPLIES),
        Decoder("serving.json", file(serving.FILE_NAME, _plan), corpus.PLANS),
        Decoder("signature.json", file("signature.json", signature.load), corpus.SIGNATURES),
        Decoder("golden.json", file("golden.json", golden.load), corpus.GOLDEN),
        Decoder("SHA256SUMS", file(checksums.FILE_NAME, _sums), corpus.SUMS),
        Decoder("model.onnx", file("model.onnx", onnx_file.check_self_contained), corpus.ONNX),
        Decoder("API keys", file("keys", keys.Keys), corpus.KEYS),
        Decoder("trusted keys", file("a.pub", partial(_key, minisign.public_keys)), corpus.TRUSTED),
        Decoder("signing key", file("a.key", partial(_key, minisign.secret_key)), corpus.SIGNING),
        Decoder("signature of a version", file("a.minisig", partial(_key, minisign.signature)), corpus.SIGNED),
        Decoder("settings", _settings, corpus.SETTINGS),
    ]
