"""`mulgam predict MODEL INPUT OUTPUT`: score a whole file with a model of the registry, without a service."""

from __future__ import annotations

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()  # what follows imports for a good part of a second

import signal
import sys
from types import FrameType

from mulgam.errors import InputError, MulgamError
from mulgam.terminal import Parser, stop_printing
from service.bulk.csv_rows import keep_list
from service.bulk.formats import FORMATS, STANDARD
from service.bulk.offline import Job, run

DONE, FAILED, ROWS_IN_ERROR, INTERRUPTED = 0, 1, 3, 130

_NOTES = """\
Formats by the names' endings: .csv .tsv .parquet .pq, any of them into any other; .ndjson .jsonl into themselves; the
input also .gz, but for Parquet. From Parquet to Parquet --keep keeps the columns' types, else it keeps them as text.
OUTPUT appears when it is whole; until then it is OUTPUT.partial.
exit status: 0 every row has its answer, 3 done, some rows are in error,
1 it could not be done, 2 the command is wrong, 130 interrupted.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    interruption.raise_again()
    given = _parser().parse_args(arguments)
    try:
        keep = keep_list(given.keep)
        job = Job(
            given.registry, given.model, given.input, given.output, given.version, keep, given.format, given.resume,
            given.workers, given.quiet, given.reject_out_of_range,
        )  # fmt: skip
        return ROWS_IN_ERROR if run(job) else DONE
    except InputError as problem:
        print(f"mulgam predict: {given.input}: {problem}", file=sys.stderr)
        return FAILED
    except MulgamError as problem:
        print(f"mulgam predict: {problem}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        stop_printing()
        return FAILED
    except KeyboardInterrupt:
        can_resume = STANDARD not in (given.input, given.output)
        rest = f"; {given.output}.partial is kept, go on with --resume." if can_resume else "."
        print(f"mulgam predict: interrupted{rest}", file=sys.stderr)
        return INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> Parser:
    parser = Parser(
        "mulgam predict",
        "Score a whole file with a model of the registry, without a service.",
        [
            ("mulgam predict house-price houses.csv scored.csv --keep id", ""),
            ("mulgam predict house-price big.parquet scored.parquet --resume", "after an interruption"),
            ("cat houses.csv | mulgam predict house-price - -", "in a pipe"),
        ],
        _NOTES,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("input", metavar="INPUT", help="a file, or - for standard input")
    parser.add_argument("output", metavar="OUTPUT", help="a file, or - for standard output")
    parser.add_argument("--version", type=int, help="instead of the version that is to be served")
    parser.add_registry()
    parser.add_argument("--keep", action="append", default=[], metavar="COLUMN,…", help="columns to pass through")
    parser.add_argument("--format", choices=FORMATS, help="of a file whose name does not tell (- : csv)")
    parser.add_argument(
        "--reject-out-of-range", action="store_true",
        help="an error instead of an answer for a row with a number outside of the range that training had",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run left off")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes; 0: one for each core")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
