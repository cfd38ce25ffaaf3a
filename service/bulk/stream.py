"""A bulk request over HTTP, whatever reads its body and sends its answer: blocks in, blocks out.

Until the first rows are answered an error has its own status; from then on it fills the row's `error`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import parse_qs

from mulgam.tensors import Arrays
from service import compression
from service.bridge import Bridge
from service.bulk.csv_rows import CsvReader, CsvWriter, keep_list
from service.bulk.kinds import CSV, NAMES
from service.bulk.lines import Lines
from service.bulk.ndjson_rows import NdjsonReader, NdjsonWriter
from service.bulk.rows import Batch, RowReader, RowWriter, Scorer, check_tabular
from service.errors import ApiError, body_too_large, service_stopping, too_busy
from service.plane import DataPlane
from service.protocols.base import Output
from service.respond import as_api_error
from service.telemetry.refusals import refusals
from service.telemetry.trace import Trace, current
from service.versions.served import Served

log = logging.getLogger(__name__)

BLOCK = 64 * 1024
# Pauses before a batch is tried again where the model is away for a moment: it is restarted, or the queue is full.
PATIENCE = (0.1, 0.4, 1.0, 2.0)


class Turn:
    """Lets one bulk request at a time parse and write: each such thread holds the interpreter from the event loop.

    Waiting, for the body or for the model, is done `away` from it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Give the turn to another for the length of a block."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def fetched(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The blocks, each waited for away."""
        while True:
            with self.away():
                block = next(blocks, b"")
            if not block:
                return
            yield block


class BulkDesk:
    """Takes bulk requests, so many at a time.

    Args:
        plane: what is served.
        bridge: the way to its event loop.
    """

    def __init__(self, plane: DataPlane, bridge: Bridge) -> None:
        self._plane = plane
        self._bridge = bridge
        self._turn = Turn()
        self._places = threading.BoundedSemaphore(plane.settings.bulk_requests)

    def answer(
        self,
        kind: str,
        served: Served,
        query: str,
        blocks: Iterator[bytes],
        encoding: str | None,
        request_id: str,
        trace: Trace | None = None,
        is_waiting: Callable[[], bool] = lambda: False,
    ) -> BulkAnswer:
        """The answer to a table, its first rows computed.

        Args:
            kind: the media type.
            served: the model.
            query: of the URL.
            blocks: the body as it comes.
            encoding: its Content-Encoding.
            request_id: for the log.
            trace: that the request belongs to.
            is_waiting: whether the next block is not here yet.

        Raises:
            ApiError: whatever is wrong before there is a first answer.
        """
        if not self._places.acquire(blocking=False):
            self._bridge.call(self._plane.metrics.rejected.labels("bulk").inc)
            raise too_busy()
        answer = BulkAnswer(
            self._plane, self._bridge, self._turn, kind, served, request_id, trace, self._places.release
        )
        try:
            plain = plain_blocks(self._turn.fetched(blocks), encoding, self._plane.settings.bulk_max_bytes)
            with self._turn:
                answer.begin(query, Lines(plain, is_waiting))
        except Exception as problem:
            error = answer.failed(problem)
            answer.close()
            raise error from problem
        return answer


class BulkAnswer:
    """The blocks of one answer; closed once, at its end or before it."""

    def __init__(
        self,
        plane: DataPlane,
        bridge: Bridge,
        turn: Turn,
        kind: str,
        served: Served,
        request_id: str,
        trace: Trace | None,
        release: Callable[[], None],
    ) -> None:
        self._plane = plane
        self._bridge = bridge
        self._turn = turn
        self._kind = kind
        self._served = served
        self._request_id = request_id
        self._trace = trace
        self._release = release
        self._started = time.perf_counter()
        self._status = 200
        self._rows = 0
        self._taken = 0
        self._is_open = True
        self._is_patient = True
        bridge.call(plane.hold, served, 1)
        self._blocks: Iterator[bytes] = iter(())
        self._writer: RowWriter

    def begin(self, query: str, lines: Lines) -> None:
        """Read the header and answer the first rows."""
        signature = self._served.signature
        parameters = parse_qs(query, keep_blank_values=True)
        if "probabilities" in parameters:
            raise ApiError(400, "BAD_PARAMETER", "A table is answered without ?probabilities.", "probabilities")
        keep = keep_list(parameters.get("keep", []))
        check_tabular(signature)
        reader: RowReader
        if self._kind == CSV:
            reader, self._writer = CsvReader(lines, signature, keep), CsvWriter(signature, keep)
        elif keep:
            raise ApiError(400, "BAD_PARAMETER", "keep belongs to CSV; NDJSON is answered line by line.", "keep")
        else:
            reader, self._writer = NdjsonReader(lines), NdjsonWriter(signature)
        rest = self._answered(reader, self._writer)
        self._blocks = itertools.chain([next(rest)], rest)

    @property
    def content_type(self) -> str:
        """Of the answer."""
        return self._writer.content_type

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer."""
        return {"X-Model-Digest": self._served.digest}

    def __iter__(self) -> BulkAnswer:
        return self

    def __next__(self) -> bytes:
        try:
            with self._turn:
                return next(self._blocks)
        except StopIteration:
            self.close()
            raise
        except BaseException as problem:
            self.failed(problem)
            self.close()
            raise

    def close(self) -> None:
        """Count the request and give its place to another."""
        if self._is_open:
            self._is_open = False
            self._release()
            self._bridge.call(self._plane.hold, self._served, -1)
            meters = self._plane.metrics.of(self._served)
            seconds = time.perf_counter() - self._started
            self._bridge.call(meters.answered, NAMES[self._kind], self._status, seconds)
            if self._trace is not None:
                self._plane.tracing.end(self._trace, self._served, NAMES[self._kind], self._status, seconds)

    def failed(self, problem: BaseException) -> ApiError:
        """The problem as an answer; logged."""
        error = as_api_error(problem, self._request_id, self._trace)
        self._status = error.status
        self._log(error, time.perf_counter() - self._started)
        return error

    def _log(self, error: ApiError, seconds: float) -> None:
        refusals.log(error, self._request_id, self._served.name, NAMES[self._kind], seconds, self._trace)

    def _answered(self, reader: RowReader, writer: RowWriter) -> Iterator[bytes]:
        scorer = Scorer(self._served.encoder, self._compute, partial(self._plane.outside, self._served))
        head = writer.head()
        while (batch := self._batch(reader)) is not None:
            output = scorer.score(batch)
            if not self._rows and len(batch.numbers) == 0:
                self._raise_where_nothing_works(batch)
            self._rows += batch.size
            yield head + writer.rows(batch, output)
            head = b""
            if batch.broken is not None:
                self._log(batch.broken, 0.0)
                return
        if head or not self._rows:
            yield head

    def _batch(self, reader: RowReader) -> Batch | None:
        """The next rows, at least one; past the most that are taken, or the end of the service, one that says so."""
        settings = self._plane.settings
        while True:
            left = settings.bulk_max_rows - self._taken
            end = self._end(left)
            batch = reader.batch(1 if end is not None else min(settings.bulk_batch_rows, left))
            if batch is None:
                return None
            # A blank line is no row, but it is read like one.
            self._taken += batch.size + batch.blank
            if end is not None:
                batch = Batch(1, problems={0: end}, kept=batch.kept, broken=end)
            if batch.size:
                break
        # Nothing was answered yet: the whole request can still be refused.
        if batch.broken is not None and not self._rows:
            raise batch.broken
        return batch

    def _end(self, left: int) -> ApiError | None:
        """Why no further row is taken."""
        if left <= 0:
            most = self._plane.settings.bulk_max_rows
            sentence = f"The table has more than the {most} rows that are taken (blank lines count)."
            return ApiError(413, "TOO_MANY_ROWS", sentence)
        return service_stopping() if self._plane.is_closing else None

    def _raise_where_nothing_works(self, batch: Batch) -> None:
        """Raise a server's fault that has hit every row that could be computed: there is nothing to answer."""
        faults = [one for one in batch.problems.values() if isinstance(one, ApiError)]
        if faults and len(faults) == len(batch.instances):
            raise faults[0]

    def _compute(self, tensors: Arrays, rows: int) -> Output:
        timeout = self._plane.settings.request_timeout
        current.set(self._trace)
        # Once it was waited for in vain, the rest is tried at once: a table of errors should not take for ever.
        for pause in (*(PATIENCE if self._is_patient else ()), None):
            with self._turn.away():
                try:
                    output = self._bridge.run(self._plane.predict(self._served, tensors, rows, timeout))
                except ApiError as problem:
                    if problem.status != 503 or pause is None:
                        self._is_patient = problem.status != 503
                        raise
                    time.sleep(pause)
                else:
                    self._is_patient = True
                    return output
        raise AssertionError("the last try returns or raises")


def plain_blocks(blocks: Iterator[bytes], encoding: str | None, limit: int) -> Iterator[bytes]:
    """The body inflated, bounded.

    Raises:
        ApiError: 413, 415 or 400 as `compression.inflated`; on the way, where it shows.
    """
    size = 0
    for block in blocks if encoding is None else compression.inflated_blocks(blocks, encoding, BLOCK):
        size += len(block)
        if size > limit:
            raise body_too_large(limit)
        if block:
            yield block
