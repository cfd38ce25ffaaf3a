"""An Arrow stream of answers, made a Parquet file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.bulk import arrow

# A row group ends at the first of both: few enough rows to hold, enough to be read fast.
GROUP_ROWS = 131_072
GROUP_BYTES = 64 * 2**20


def pack(stream: Path, target: Path, told: Callable[[int], None]) -> None:
    """Write the rows of a stream as Parquet, a row group in memory at a time; raises OSError.

    Args:
        stream: a file of Arrow messages; it may lack the mark of its end.
        target: is replaced.
        told: of the rows that are packed, after each row group but the last.
    """
    pyarrow = arrow.load()
    with (
        pyarrow.OSFile(str(stream)) as source,
        pyarrow.ipc.open_stream(source) as batches,
        pyarrow.parquet.ParquetWriter(target, batches.schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        group: list[Any] = []
        packed = rows = size = 0
        for batch in batches:
            group.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                writer.write_table(pyarrow.Table.from_batches(group), rows)
                packed += rows
                told(packed)
                group, rows, size = [], 0, 0
        if group:
            writer.write_table(pyarrow.Table.from_batches(group), rows)
