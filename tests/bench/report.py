"""The page: conditions, a table for each question, ratios with what they mean, and what was not measured."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.cells import BULK_BINARY, BULK_CONNECTIONS, BULK_JSON, BULK_ROWS, CONCURRENCY, HEAVY, ROW, Cell, Sample
from tests.bench.conditions import Conditions, warning
from tests.bench.contestants.base import Contestant
from tests.bench.rounds import Results
from tests.bench.statistic import Spread, ratio, spread
from tests.bench.tree import ROOT

Value = Callable[[Sample], float]


def rate(sample: Sample) -> float:
    """Answers a second."""
    return sample.rate


def p50(sample: Sample) -> float:
    """Median latency."""
    return sample.p50


def rows_rate(sample: Sample) -> float:
    """Rows a second of a bulk cell."""
    return sample.rate * BULK_ROWS


@dataclass(frozen=True)
class Question:
    """A ratio of two contestants' cells: the first to the second, and what we aim at."""

    text: str
    above: tuple[str, Cell]
    below: tuple[str, Cell]
    value: Value
    aim: float
    less_is_better: bool = False

    @property
    def by_cpu(self) -> bool:
        """Whether CPU time tells the same: a rate with the server's core full, not one with idle waits in it."""
        return not self.less_is_better and (self.above[1].connections >= 64 or self.above[1].rows > 1)


def _rates(first: str, second: str, cell: Cell, text: str, aim: float) -> Question:
    return Question(text, (first, cell), (second, cell), rate, aim)


def _latencies(first: str, second: str, cell: Cell, text: str, aim: float) -> Question:
    return Question(text, (first, cell), (second, cell), p50, aim, less_is_better=True)


EMBEDDED, GATEWAY, ALONE, BATCHED = "mulgam-embedded", "mulgam-torchserve", "torchserve-1", "torchserve-32"
QUESTIONS = (
    _rates(GATEWAY, ALONE, ROW[64], "Mulgam + TorchServe ÷ TorchServe alone, batch 1: requests/s, c=64", 7),
    _rates(GATEWAY, ALONE, ROW[8], "the same, c=8", 1.7),
    _latencies(GATEWAY, ALONE, ROW[1], "the same: p50, c=1", 1.3),
    _rates(GATEWAY, BATCHED, ROW[64], "Mulgam + TorchServe ÷ TorchServe alone, batch 32: requests/s, c=64", 1),
    _rates(GATEWAY, BATCHED, ROW[8], "the same, c=8", 1),
    _rates(GATEWAY, BATCHED, ROW[1], "the same, c=1", 2),
    _rates(EMBEDDED, "bare", ROW[64], "Mulgam embedded ÷ bare granian: requests/s, c=64", 0.45),
    _latencies(EMBEDDED, "bare", ROW[1], "the same: p50, c=1", 3),
    _rates(EMBEDDED, "fastapi", ROW[1], "Mulgam embedded ÷ FastAPI + uvicorn: requests/s, c=1", 2),
    _rates(EMBEDDED, "fastapi", ROW[8], "the same, c=8", 3.5),
    _rates(EMBEDDED, "fastapi", ROW[64], "the same, c=64", 4),
    _rates(EMBEDDED, "flask", ROW[64], "Mulgam embedded ÷ Flask + gunicorn: requests/s, c=64", 8),
    Question(
        "Mulgam embedded, binary ÷ ONNX Runtime alone: rows/s, 256 rows a request",
        (EMBEDDED, BULK_BINARY), ("onnxruntime", BULK_JSON), rows_rate, 0.7,
    ),
    Question(
        "Mulgam embedded ÷ FastAPI + uvicorn: rows/s, 256 rows a request, JSON",
        (EMBEDDED, BULK_JSON), ("fastapi", BULK_JSON), rows_rate, 2,
    ),
)  # fmt: skip


def render(
    conditions: Conditions, results: Results, contestants: Sequence[Contestant], rounds: int, seconds: int
) -> str:
    """The whole page in Markdown."""
    present = [one for one in contestants if one.name not in results.out]
    samples = [sample for found in results.samples.values() for sample in found]
    others = [sample.others for sample in samples]
    parts = [
        "# Benchmarks",
        "Written by `make bench`; a figure is the median of its rounds, with the least and the greatest in brackets."
        " Mulgam under load of\nother shapes, and what its parts cost: [benchmarks-load.md](benchmarks-load.md). How"
        " well its models learn, beside others:\n[training-benchmarks.md](training-benchmarks.md). What the aims that"
        " are missed are made of:\n[where the time goes](explanation/where-the-time-goes.md).",
        warning(conditions, results.load_averages, others, results.code_after),
        conditions_table(
            conditions, results.load_averages, others,
            f"{rounds}, each cell {seconds} s; every round starts each contestant anew, in changing order, warmed up"
            " first",
            "each server with all its processes on one core, the load generator on another",
        ),
        "## One row a request\n\n" + table(
            ["requests/s", *(f"c={c}" for c in CONCURRENCY), "p50 ms c=1", "p50 ms c=64", "p99 ms c=64", "CPU µs c=64"],
            ([one.title, *_row_columns(results, one.name)] for one in present),
        ) + "\n\nThe model: 8 → 256 → 256 → 1. c: connections, each sending its next request after the last answer."
        " CPU: user and system time of the whole process tree for a request.",
        f"## {BULK_ROWS} rows a request\n\n" + table(
            ["rows/s", "JSON", "binary V2", "p50 ms JSON", "CPU µs a request, JSON"],
            ([one.title, *_bulk_columns(results, one.name)] for one in present if one.name != "bare"),
        ) + f"\n\nThe same model, c={BULK_CONNECTIONS}. ONNX Runtime alone has its tensors ready and one caller.",
        "## A heavy model, one row a request\n\n" + table(
            ["requests/s", "c=1", "c=64", "p50 ms c=1", "p50 ms c=64"],
            ([one.title, *_heavy_columns(results, one.name)] for one in present if one.name != "bare"),
        ) + "\n\n8 → 2048 → 2048 → 1: 62 times the parameters. JSON.",
        "## Memory and start\n\n" + table(
            ["one model served", "MB idle", "MB after load", "s from start to first right answer"],
            ([one.title, *_start_columns(results, one.name)] for one in present if one.name != "onnxruntime"),
        ) + f"\n\nMemory: {_measures(results)} of the whole process tree.",
        "## Ratios\n\n" + _ratios(results) + "\n\nOf medians in this run; in brackets the least and the greatest within"
        " one round. Above 1 the first is faster; for p50 it is the reverse. The aim is the project's own bar. By CPU"
        " time: the same ratio from CPU seconds for a request, where the server's core is full; on a machine with other"
        " work it is the steadier of the two.",
        _contestants(contestants, results),
        _not_measured(results, samples),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def ratios(results: Results) -> list[tuple[Question, Spread]]:
    """Every question whose two sides were measured."""
    found = []
    for question in QUESTIONS:
        above, below = ([question.value(one) for one in results.of(*side)] for side in (question.above, question.below))
        if above and below:
            found.append((question, ratio(above, below)))
    return found


def cpu_ratio(results: Results, question: Question) -> str:
    """The same ratio by CPU time for a request, which others on the core lengthen less than they do the wall's."""
    above, below = ([one.cpu for one in results.of(*side)] for side in (question.above, question.below))
    return number(ratio(below, above).median) if question.by_cpu else "–"


def number(value: float) -> str:
    """Three figures, or whole with commas."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def shown(values: Sequence[float]) -> str:
    """`median (least – greatest)`, or a dash."""
    if not values:
        return "–"
    of = spread(values)
    return number(of.median) if len(values) == 1 else f"{number(of.median)} ({number(of.low)} – {number(of.high)})"


def reached(value: float, aim: float, less_is_better: bool) -> str:
    """Yes or no."""
    return "yes" if (value <= aim) == less_is_better or value == aim else "no"


def counted(outcomes: Iterable[Mapping[str, int]]) -> str:
    """How often each came, of all rounds; 0 of nothing."""
    total: Counter[str] = Counter()
    for one in outcomes:
        total.update(one)
    return ", ".join(f"{outcome}: {count:,}" for outcome, count in sorted(total.items()) if count) or "0"


def _values(results: Results, name: str, cell: Cell, value: Value) -> str:
    return shown([value(sample) for sample in results.of(name, cell)])


def _row_columns(results: Results, name: str) -> list[str]:
    return [
        *(_values(results, name, ROW[c], rate) for c in CONCURRENCY),
        _values(results, name, ROW[1], p50),
        _values(results, name, ROW[64], p50),
        _values(results, name, ROW[64], lambda sample: sample.p99),
        _values(results, name, ROW[64], lambda sample: sample.cpu),
    ]


def _bulk_columns(results: Results, name: str) -> list[str]:
    return [
        _values(results, name, BULK_JSON, rows_rate),
        _values(results, name, BULK_BINARY, rows_rate),
        _values(results, name, BULK_JSON, p50),
        _values(results, name, BULK_JSON, lambda sample: sample.cpu),
    ]


def _heavy_columns(results: Results, name: str) -> list[str]:
    return [_values(results, name, HEAVY[c], value) for value in (rate, p50) for c in HEAVY]


def _start_columns(results: Results, name: str) -> list[str]:
    starts = results.starts.get((name, "mlp"), [])
    return [
        shown([one.idle for one in starts]), shown([one.loaded for one in starts]),
        shown([one.seconds for one in starts]),
    ]  # fmt: skip


def _measures(results: Results) -> str:
    return ", ".join(sorted({one.measure for starts in results.starts.values() for one in starts})) or "sum"


def _ratios(results: Results) -> str:
    found = ratios(results)
    if not found:
        return "None: this run had no two contestants that are compared."
    return table(
        ["what", "ratio", "aim", "reached", "by CPU time"],
        (
            [
                question.text, f"{number(of.median)} ({number(of.low)} – {number(of.high)})",
                f"{'≤' if question.less_is_better else '≥'} {question.aim:g}",
                reached(of.median, question.aim, question.less_is_better),
                cpu_ratio(results, question),
            ]
            for question, of in found
        ),
    )  # fmt: skip


def conditions_table(
    conditions: Conditions, averages: Sequence[float], others: Sequence[float], rounds: str, pinned: str
) -> str:
    """What the figures are of; `rounds` tells how often and long, `pinned` who had which core."""
    during = averages or [conditions.load_before]
    lines = (
        ("command", f"`{conditions.command}`"),
        ("date", conditions.date),
        ("commit", conditions.commit),
        ("machine", f"{conditions.machine}; {conditions.cores} cores;"
         f" {pinned if conditions.pinned else 'nothing pinned'}"),
        ("rounds", rounds),
        ("load average", f"{conditions.load_before:.1f} before; {min(during):.1f} to {max(during):.1f} during"
         " (the run itself brings up to 2)"),
        ("other processes", f"took {shown(others) if others else '–'} cores, median and range over the measurements"),
        ("versions", conditions.versions),
    )  # fmt: skip
    return table(["conditions", ""], ([name, value] for name, value in lines))


def _contestants(contestants: Sequence[Contestant], results: Results) -> str:
    lines = [f"- **{one.title}** (`{one.name}`): {one.about}." for one in contestants]
    head = (
        "## How each is run\n\nBefore anything is timed, each must answer fixed rows as ONNX Runtime does, within"
        " 1e-4 × max(1, |answer|)."
    )
    for name, why in results.out.items():
        lines.append(f"- `{name}` is **out**: {without_paths(why)[:300]}")
    for name, why in results.absent.items():
        lines.append(f"- `{name}` lacks a form of request, and its row: {why}.")
    return head + "\n\n" + "\n".join(lines)


def without_paths(text: str) -> str:
    """On one line, and without the folders of this machine: the page is for others."""
    return " ".join(text.replace(str(ROOT), ".").replace(tempfile.gettempdir(), "TMPDIR").split())


def _not_measured(results: Results, samples: Sequence[Sample]) -> str:
    lines = [
        "- p99 figures of a few seconds are mostly the scheduler's; take none as a promise.",
        "- Closed loop and one core for each server; for Mulgam alone [benchmarks-load.md](benchmarks-load.md) has"
        " requests that arrive by themselves, slow clients, and two cores.",
        "- No GPU, no TLS, no network but loopback.",
        "- wrk counts statuses of 400 and above as failures; other answers are checked before the timing, not during.",
    ]
    failed = sum(sample.failed for sample in samples)
    lines.append(f"- Failed requests in all measurements: {failed}.")
    limited = sorted(
        {
            f"`{name}` ({cell})"
            for (name, cell), found in results.samples.items()
            for one in found
            if one.generator > 0.9
        }
    )
    if limited:
        lines.append(f"- wrk used over 0.9 of its core, so it may be the limit, in: {'; '.join(limited)}.")
    return "## Not measured\n\n" + "\n".join(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
