"""Heads of binary V2 requests are remembered, and that shows in nothing but the time."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from mulgam import exchanges
from mulgam import tensors as v2
from mulgam.errors import InputError
from mulgam.registry import Registry
from service.calls import Call
from service.errors import ApiError
from service.protocols import v2 as protocol
from service.protocols.base import Decoded
from service.protocols.v2 import V2
from service.versions.served import Served, load
from tests import builders

ROWS = np.array([[32, 3, 0.3], [33, 3, 0.5]], np.float32)


@pytest.fixture
def served(registry: Registry) -> Served:
    """The lecture notes' model."""
    (served,) = load(registry, {"notes": 1}, "onnx").versions
    return served


def call(rows: Any, **more: Any) -> Call:
    """A request with one binary tensor."""
    described = v2.forms({"numeric": rows}, [rows.tobytes()])[0].document()
    return raw(json.dumps({"inputs": [described], **more}).encode(), rows.tobytes())


def raw(header: bytes, data: bytes) -> Call:
    """A request in two parts."""
    return Call({v2.LENGTH_HEADER.lower(): str(len(header))}.get, "", header + data, "id", 0.0)


def unknowing(served: Served, asked: Call) -> Decoded:
    """What a request means to who has read none before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "_HEADS", WeakKeyDictionary())
        return V2().decode(served, asked, 10)


def test_the_same_head_before_other_numbers_means_those(served: Served) -> None:
    """Tensors, id, wanted outputs and time are each request's own."""
    for rows in (ROWS, ROWS + 1, ROWS[:1], ROWS):
        for more in ({}, {"id": "a"}, {"parameters": {"timeout": 5000, "binary_data_output": True}}):
            got = V2().decode(served, call(rows, **more), 10)
            expected = unknowing(served, call(rows, **more))
            assert got.tensors["numeric"].tobytes() == expected.tensors["numeric"].tobytes() == rows.tobytes()
            assert (got.rows, got.timeout) == (expected.rows, expected.timeout)
            output = rows[:, 0].copy()
            assert got.render(output) == expected.render(output)


def test_what_follows_a_known_head_is_checked_each_time(served: Served) -> None:
    """Too few bytes, too many, an infinity, too many rows: refused as by one that does not know it."""
    good = call(ROWS)
    V2().decode(served, good, 10)
    header = good.body[: -ROWS.nbytes]
    bad = (ROWS.tobytes()[:-1], ROWS.tobytes() + b"x", (ROWS * np.inf).tobytes())
    for data in bad:
        told = []
        for decode in (lambda *given: V2().decode(*given, 10), unknowing):
            with pytest.raises(InputError) as raised:
                decode(served, raw(header, data))
            told.append((raised.value.code, str(raised.value), raised.value.field))
        assert told[0] == told[1]
    with pytest.raises(ApiError, match="at most 1"):
        V2().decode(served, good, 1)


def test_a_version_knows_nothing_of_another_ones_heads(tmp_path: Path) -> None:
    """What one model takes, another may not; and a version that is gone keeps nothing."""
    builders.publish_linear(tmp_path)
    builders.publish_tiny_classifier(tmp_path)
    models = {one.name: one for one in load(Registry(tmp_path), {"notes": 1, "shapes": 1}, "onnx").versions}
    labels = call(ROWS, outputs=[{"name": "label"}])
    V2().decode(models["shapes"], labels, 10)
    with pytest.raises(InputError, match="label"):
        V2().decode(models["notes"], labels, 10)
    shapes = models["shapes"]
    assert shapes in protocol._HEADS
    assert models["notes"] not in protocol._HEADS
    gone = weakref.ref(shapes)
    del shapes
    models.clear()
    gc.collect()
    assert gone() is None


def test_strangers_fill_no_memory(served: Served) -> None:
    """Ids without end, long heads, data as JSON: a bounded number of short heads is kept."""
    for number in range(2 * exchanges.MOST + 5):
        V2().decode(served, call(ROWS, id=str(number)), 10)
    V2().decode(served, call(ROWS, id="x" * exchanges.LONGEST), 10)
    mixed = {"inputs": [{"name": "numeric", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}
    V2().decode(served, raw(json.dumps(mixed).encode(), b""), 10)
    heads = protocol._HEADS[served]
    assert 0 < len(heads) <= exchanges.MOST
    assert max(map(len, heads)) <= exchanges.LONGEST
    assert not any(b'data"' in head for head in heads)
