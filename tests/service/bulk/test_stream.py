"""A table's way through the service, with a backend that a test steers, and the parts that carry its bytes."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from service import compression
from service.bridge import Bridge
from service.bulk import stream
from service.bulk.kinds import bulk_kind
from service.bulk.outlet import Outlet, ReaderGone
from service.bulk.spool import MEMORY, Spool, cut_off
from service.bulk.window import Window
from service.errors import ApiError, backend_unavailable, bad_backend
from service.http1.exchange import Exchange
from service.plane import DataPlane
from service.settings import Settings
from tests.builders import gzipped
from tests.service.conftest import SteeredBackend

ROWS = 50


@pytest.fixture
def settings() -> Settings:
    """Ten rows at a time."""
    return Settings(bulk_batch_rows=10, bulk_requests=1)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a model that is away."""
    monkeypatch.setattr(stream, "PATIENCE", (0.0, 0.0))


def post(client: FlaskClient, rows: int = ROWS) -> Any:
    """A table of rows whose area is their number."""
    body = "area,rooms,distance\n" + "".join(f"{row},0,0\n" for row in range(rows))
    return client.post("/predict/notes", data=body, content_type="text/csv")


def spoil_from(steered: SteeredBackend, first: int, problem: ApiError, until: int = 10**9) -> list[int]:
    """Let the backend's calls fail from one on; the list grows by each call."""
    calls: list[int] = []

    def spoil(served: Any, answer: Any) -> Any:
        calls.append(len(calls))
        return problem if first <= calls[-1] < until else answer

    steered.spoil = spoil
    return calls


@pytest.mark.parametrize(("problem", "status"), [(backend_unavailable("notes"), 503), (bad_backend(), 502)])
def test_a_fault_before_the_first_answer_is_the_requests(
    steered_client: FlaskClient, steered: SteeredBackend, problem: ApiError, status: int
) -> None:
    """A model that can't answer is told by the status, as ever."""
    spoil_from(steered, 0, problem)
    answer = post(steered_client)
    assert (answer.status_code, answer.json["code"]) == (status, problem.code)


def test_a_fault_later_is_the_rows(steered_client: FlaskClient, steered: SteeredBackend) -> None:
    """Those that were answered stand, the others say why not; no row is lost."""
    spoil_from(steered, 2, backend_unavailable("notes"))
    lines = post(steered_client).text.splitlines()[1:]
    assert len(lines) == ROWS
    assert all(line.endswith(",") for line in lines[:20])
    assert all(line.startswith(",MODEL_UNAVAILABLE") for line in lines[20:])


def test_a_model_that_is_away_for_a_moment_is_waited_for(steered_client: FlaskClient, steered: SteeredBackend) -> None:
    """Two calls fail, the third is the first one again."""
    calls = spoil_from(steered, 1, backend_unavailable("notes"), until=3)
    lines = post(steered_client).text.splitlines()[1:]
    assert all(line.endswith(",") for line in lines)
    assert len(calls) == ROWS // 10 + 2


def test_a_model_that_stays_away_is_waited_for_once(steered_client: FlaskClient, steered: SteeredBackend) -> None:
    """Not for every batch of a long table; the breaker spares the backend the rest."""
    calls = spoil_from(steered, 1, backend_unavailable("notes"))
    assert len(post(steered_client).text.splitlines()) == ROWS + 1
    assert len(calls) == 1 + 3


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
def test_blank_lines_count_towards_the_limit_of_rows(client: FlaskClient, plane: DataPlane, kind: str) -> None:
    """Before any row the request is refused, after one its last row says why; up to the limit they are none."""
    plane.settings = replace(plane.settings, bulk_max_rows=100)
    header, row = (b"area,rooms,distance,id\n", b"1,2,3,a\n") if kind == "text/csv" else (b"", b"[1,2,3]\n")
    path = "/predict/notes" + ("?keep=id" if kind == "text/csv" else "")

    def ask(body: bytes) -> Any:
        return client.post(path, data=header + body, content_type=kind)

    refused = ask(b"\n" * 101)
    assert (refused.status_code, refused.json["code"]) == (413, "TOO_MANY_ROWS")
    broken = ask(row + b"\n" * 101)
    assert broken.status_code == 200
    assert "TOO_MANY_ROWS" in broken.text.splitlines()[-1]
    whole = ask(b"\n" * 50 + row + b"\n" * 49)
    assert whole.status_code == 200
    assert "TOO_MANY" not in whole.text
    assert len(whole.text.splitlines()) == (2 if header else 1)


def test_a_version_is_held_while_a_table_needs_it(client: FlaskClient, plane: DataPlane, bridge: Bridge) -> None:
    """From its beginning to its end, and the place of the request as well."""

    async def held() -> list[tuple[str, int]]:
        return list(plane.held_versions())

    answer = post(client)
    body = answer.iter_encoded()
    assert next(body).startswith(b"prediction,error\n")
    assert bridge.run(held()) == [("notes", 1)]
    assert post(client).json["code"] == "OVERLOADED"
    answer.close()
    assert bridge.run(held()) == []
    assert post(client).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "kind", "is_bulk"),
    [
        ("POST", "/predict/m", "text/csv", True),
        ("POST", "/predict/m", "Text/CSV ; charset=utf-8", True),
        ("POST", "/predict/m/versions/1", "application/x-ndjson", True),
        ("GET", "/predict/m", "text/csv", False),
        ("POST", "/v2/models/m/infer", "text/csv", False),
        ("POST", "/predict/m", "application/json", False),
        ("POST", "/predict/m", None, False),
    ],
)
def test_what_is_bulk(method: str, path: str, kind: str | None, is_bulk: bool) -> None:
    """By method, path and media type."""
    assert (bulk_kind(method, path, kind) is not None) is is_bulk


def test_a_spool_gives_what_was_put_in_order() -> None:
    """From memory and from its file, whatever the sizes; then the end."""
    spool = Spool()
    blocks = [os.urandom(size) for size in (1, 300_000, MEMORY, 70_000, 5)]
    for block in blocks[:-1]:
        spool.put(block)
    assert spool.is_full()
    read = [spool.read(1000) for _ in range(500)]
    spool.put(blocks[-1])
    spool.end()
    while data := spool.read(1000):
        read.append(data)
    assert b"".join(read) == b"".join(blocks)
    assert not spool.is_full()
    spool.close()


def test_a_spool_tells_its_problem_after_what_came_before_it() -> None:
    """And a reader that waits hears of it."""
    spool = Spool()
    spool.put(b"abc")
    spool.end(cut_off())
    assert spool.read() == b"abc"
    with pytest.raises(ApiError, match="before it was whole"):
        spool.read()
    waiting = Spool()
    found: list[bool] = []

    def read() -> None:
        try:
            waiting.read()
        except ApiError:
            found.append(True)

    thread = threading.Thread(target=read)
    thread.start()
    waiting.close()
    thread.join(5)
    assert found == [True]


def test_a_window_looks_at_the_time_of_waiting_only() -> None:
    """Ten bytes a second over two seconds: the bytes of a stretch count in it and in no other."""
    window = Window(10, 2.0)
    assert not window.is_too_slow(1.0, 1000)
    assert not window.is_too_slow(0.9, 0)
    assert window.left == pytest.approx(0.1)
    assert not window.is_too_slow(0.1, 0)
    assert not window.is_too_slow(1.9, 19)
    assert window.is_too_slow(0.2, 0)


class Reader:
    """The exchange's side of an outlet: a client that reads, or does not."""

    def __init__(self) -> None:
        self.read = b""
        self.is_clogged = self.is_lost = False
        self.on_change: Callable[[], object] = lambda: None

    def write(self, data: bytes) -> None:
        """A piece of the answer."""
        self.read += data


def outlet(
    bridge: Bridge, reader: Reader, window: Window, waits: Callable[[bool], None] = lambda waits: None
) -> Outlet:
    """An outlet on the bridge's loop."""
    return Outlet(cast(Exchange, reader), bridge.loop, window, waits, lambda: 0)


def write_on(way: Outlet) -> None:
    """Without end."""
    while True:
        way.write(b"x")


def test_an_outlet_carries_any_number_of_bytes(bridge: Bridge) -> None:
    """In order, and whole once it is flushed."""
    reader = Reader()
    way = outlet(bridge, reader, Window(1, 10))
    pieces = [os.urandom(100_000) for _ in range(20)]
    for piece in pieces:
        way.write(piece)
    way.flush()
    assert reader.read == b"".join(pieces)


def test_an_outlet_that_nobody_reads_is_given_up(bridge: Bridge) -> None:
    """Past the window."""
    states: list[bool] = []
    reader = Reader()
    reader.is_clogged = True
    way = outlet(bridge, reader, Window(1_000_000, 0.05), states.append)
    with pytest.raises(ReaderGone):
        write_on(way)
    assert states[0] is True
    assert states[-1] is False


def test_an_outlet_goes_on_when_the_client_reads_again_and_ends_when_it_leaves(bridge: Bridge) -> None:
    """The thread that waits is told of both at once."""
    reader = Reader()
    reader.is_clogged = True
    way = outlet(bridge, reader, Window(1, 60))
    way.write(b"first")
    threading.Timer(0.05, lambda: (setattr(reader, "is_clogged", False), bridge.call(reader.on_change))).start()
    way.flush()
    assert reader.read == b"first"
    reader.is_clogged = True
    threading.Timer(0.05, lambda: (setattr(reader, "is_lost", True), bridge.call(reader.on_change))).start()
    with pytest.raises(ReaderGone):
        write_on(way)


def split(data: bytes, size: int) -> Iterator[bytes]:
    """The data in blocks."""
    return (data[first : first + size] for first in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_a_compressed_table_is_inflated_block_by_block(size: int, encoding: str) -> None:
    """Each block bounded; gzip in several members too."""
    plain = os.urandom(500) * 40
    packed = {
        "gzip": gzipped(plain[:9000]) + gzipped(plain[9000:]), "deflate": zlib.compress(plain),
        "identity": plain,
    }[encoding]  # fmt: skip
    blocks = list(compression.inflated_blocks(split(packed, size), encoding, 1000))
    assert b"".join(blocks) == plain
    assert encoding == "identity" or max(map(len, blocks)) <= 1000


@pytest.mark.parametrize("spoilt", [b"", b"no gzip", gzipped(b"abc")[:-4], gzipped(b"abc") + b"rest"])
def test_what_is_not_whole_gzip_is_refused(spoilt: bytes) -> None:
    """Also where it shows at the end only."""
    with pytest.raises(ApiError, match="not whole gzip") as caught:
        list(compression.inflated_blocks(split(spoilt, 5), "gzip", 1000))
    assert caught.value.code == "BAD_ENCODING"
