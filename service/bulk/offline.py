"""A whole file through a model of the registry: read here, computed by all cores, written in order."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mulgam import serving
from mulgam.errors import MulgamError, RegistryError
from mulgam.registry import Entry, Registry, opened
from service.bulk import worker
from service.bulk.formats import STANDARD, check_pair, format_of, packer_of, source_of, writer_of
from service.bulk.partial import PartialFile, StandardOutput
from service.bulk.progress import Progress
from service.bulk.rows import Batch, RowReader
from service.bulk.worker import Worker

BATCH_ROWS = 4096
# Starting processes takes about a second: a small file is done by then.
_ALONE_BATCHES = 16


@dataclass(frozen=True)
class Job:
    """What is to be done; the fields are the command's."""

    registry: Path
    model: str
    input: str
    output: str
    version: int | None = None
    keep: Sequence[str] = ()
    form: str | None = None
    resume: bool = False
    workers: int = 0
    quiet: bool = False
    rejects_out_of_range: bool = False


def run(job: Job) -> int:
    """Do it.

    Returns:
        The number of rows in error.

    Raises:
        MulgamError: it can't be done; what is written so far can be resumed.
        KeyboardInterrupt: the same.
    """
    entry = _entry(opened(job.registry), job.model, job.version)
    source, target = format_of(job.input, job.form), format_of(job.output, job.form)
    check_pair(source, target)
    if job.keep and source == "ndjson":
        raise MulgamError("--keep belongs to tables; lines of JSON are answered line by line.")
    if job.resume and STANDARD in (job.input, job.output):
        raise MulgamError("--resume needs files: what went through a pipe is gone.")
    if job.output.endswith(".gz"):
        raise MulgamError(f"{job.output}: answers are written uncompressed.")
    with _opened(job.input) as file:
        table = source_of(source, file, job.input, entry.signature, job.keep, target)
        output = _output(job, entry, target, file)
        progress = Progress(table.size, job.quiet)
        try:
            if output.rows:
                _skip(table.reader, output.rows)
            else:
                output.write(writer_of(target, entry.signature, job.keep, table.kept).head(), 0, 0)
            arguments = (
                job.registry, job.model, entry.version, target, tuple(job.keep), table.kept, job.rejects_out_of_range
            )  # fmt: skip
            progress.tell(output.rows, 0)
            for data, rows, errors in _answers(table.reader, arguments, job.workers or len(os.sched_getaffinity(0))):
                output.write(data, rows, errors)
                progress.tell(output.rows, table.position())
            output.finish(lambda packed: progress.packing(packed, output.rows))
        except BaseException:
            # What stopped it may be the disk itself.
            with contextlib.suppress(OSError):
                output.note()
            raise
        finally:
            output.close()
            progress.end(output.rows, output.errors)
    return output.errors


def _entry(registry: Registry, model: str, version: int | None) -> Entry:
    """The version that was asked for, else the one that is to be served."""
    if version is None:
        choice = serving.read(registry).models.get(model)
        version = choice.default if choice is not None else None
    if version is not None:
        return registry.entry(model, version)
    entry, refused = registry.newest(model)
    if entry is None:
        known = ", ".join(registry.models()) or "none"
        raise refused[0] if refused else RegistryError(f"{registry.root} has no model {model!r}; there are: {known}.")
    return entry


def _opened(name: str) -> IO[bytes]:
    if name == STANDARD:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    try:
        return Path(name).open("rb")
    except OSError as problem:
        raise MulgamError(f"{name} can't be read: {problem.strerror}.") from problem


def _output(job: Job, entry: Entry, form: str, file: IO[bytes]) -> PartialFile | StandardOutput:
    if job.output == STANDARD:
        return StandardOutput()
    status = os.fstat(file.fileno())
    made_of: dict[str, Any] = {
        "model": entry.digest,
        "input": [status.st_size, status.st_mtime_ns] if job.input != STANDARD else None,
        "keep": list(job.keep),
        "format": form,
        "out_of_range": "reject" if job.rejects_out_of_range else "answer",
    }
    return PartialFile(Path(job.output), made_of, job.resume, packer_of(form))


def _skip(reader: RowReader, rows: int) -> None:
    """Pass over the rows that are answered."""
    while rows:
        batch = reader.batch(min(rows, BATCH_ROWS))
        if batch is None:
            raise MulgamError("The input has fewer rows than were answered; start again without --resume.")
        rows -= batch.size


def _batches(reader: RowReader) -> Iterator[Batch]:
    while (batch := reader.batch(BATCH_ROWS)) is not None:
        if batch.broken is not None:
            raise MulgamError(f"The input broke off: {batch.broken}")
        if batch.size:
            yield batch


def _answers(
    reader: RowReader, arguments: tuple[Path, str, int, str, tuple[str, ...], Any, bool], workers: int
) -> Iterator[tuple[bytes, int, int]]:
    """The answers in the order of the rows: the first ones from here, a long file's from all cores."""
    batches = _batches(reader)
    alone = Worker(*arguments)
    try:
        for batch in batches if workers == 1 else itertools.islice(batches, _ALONE_BATCHES):
            yield alone.answers(batch)
    finally:
        alone.close()
    first = next(batches, None)
    if first is None:
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=worker.start, initargs=arguments)
    waiting: deque[Future[tuple[bytes, int, int]]] = deque()
    try:
        for batch in itertools.chain([first], batches):
            waiting.append(pool.submit(worker.work, batch))
            # As many as keep every core busy; more would only fill memory.
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as problem:
        raise MulgamError("A worker process was ended from outside (out of memory?).") from problem
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
