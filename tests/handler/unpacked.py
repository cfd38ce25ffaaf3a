"""Archives as TorchServe's worker has them: unpacked, loaded by its own loader, called with its own context."""

from __future__ import annotations

import sys
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from handler.archive import WorkerOptions, pack
from handler.exchange import Request
from mulgam import tensors as v2
from mulgam.exchanges import DEADLINE_HEADER
from mulgam.registry import Entry

with warnings.catch_warnings():
    # ts/version.py leaves a file open.
    warnings.simplefilter("ignore", ResourceWarning)
    from ts.context import RequestProcessor
    from ts.model_loader import TsModelLoader
    from ts.service import Service

RUNTIMES = ("torchscript", "onnx")


def unpack(entry: Entry, runtime: str, folder: Path) -> Path:
    """Pack a version and unpack the archive; returns the unpacked folder."""
    archive = pack(entry, runtime, folder / "store", WorkerOptions())
    target = folder / f"unpacked-{entry.model}-{runtime}"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)
    return target


def load(folder: Path, runtime: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """What the worker process does with an unpacked archive."""
    entry_file = f"mulgam_{runtime}_entry.py"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, entry_file.removesuffix(".py"), raising=False)
    return TsModelLoader().load("test", str(folder), entry_file, None, 1)


def request(*rows: Sequence[float], name: str = "numeric") -> Request:
    """A good request for these rows."""
    length, body = v2.encode("inputs", {name: np.array(rows, dtype=np.float32)})
    return Request(body, str(length))


@dataclass(frozen=True)
class Reply:
    """What the worker hands back for one request; header names in lower case."""

    status: int
    phrase: str | None
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> v2.Message:
        """The decoded prediction."""
        assert self.status == 200, self.body
        return v2.decode("outputs", self.body, self.headers[v2.LENGTH_HEADER.lower()])

    def output(self, name: str) -> npt.NDArray[Any]:
        """The predicted tensor."""
        return self.message.tensors[name]


def call(service: Service, requests: Sequence[Request]) -> list[Reply]:
    """One batch through the worker, as `ts.service.Service.predict` does it."""
    context = service.context
    context.request_processor = [_headers(one) for one in requests]
    bodies = service._entry_point([{"body": one.body} for one in requests], context)
    assert len(bodies) == len(requests)
    return [
        Reply(
            *context.get_response_status(n),
            {name.lower(): value for name, value in context.get_response_headers(n).items()},
            body,
        )
        for n, body in enumerate(bodies)
    ]


def _headers(one: Request) -> RequestProcessor:
    headers: dict[str, Any] = {"body": {"content-type": v2.CONTENT_TYPE}, "Content-Type": v2.CONTENT_TYPE}
    if one.header_length is not None:
        headers[v2.LENGTH_HEADER] = one.header_length
    if one.deadline is not None:
        headers[DEADLINE_HEADER] = one.deadline
    return RequestProcessor(headers)
