"""The page: conditions, a table for each question, ratios with what they mean, and what was not measured."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tests.bench.cells import BULK_BINARY, BULK_JSON, BULK_ROWS, HEAVY, ROW, Cell, Sample
from tests.bench.conditions import Conditions, missing_gpu, warning
from tests.bench.contestants.base import Contestant
from tests.bench.questions import Value, answered, p50, rate, rows_rate
from tests.bench.rounds import Results
from tests.bench.statistic import spread
from tests.bench.tree import ROOT


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
        "## One row a request\n\n" + _closed_loops(results, present, ROW, "requests/s", rate)
        + "\n\nThe model: 8 → 256 → 256 → 1. c: connections, each sending its next request after the last answer."
        " CPU: user and system time of the whole process tree for a request.",
        f"## {BULK_ROWS} rows a request, JSON\n\n" + _closed_loops(
            results, [one for one in present if one.name != "bare"], BULK_JSON, "rows/s", rows_rate
        ) + "\n\nThe same model; CPU for a request. ONNX Runtime alone has its tensors ready and one caller.",
        f"## {BULK_ROWS} rows a request, binary\n\n" + _closed_loops(
            results, [one for one in present if one.name not in ("bare", "onnxruntime")], BULK_BINARY, "rows/s",
            rows_rate,
        ) + "\n\nV2's binary tensors, in and out. Who has no such form is measured with JSON only.",
        "## A heavy model, one row a request\n\n" + _closed_loops(
            results, [one for one in present if one.name != "bare"], HEAVY, "requests/s", rate
        ) + "\n\n8 → 2048 → 2048 → 1: 62 times the parameters. JSON.",
        "## Memory and start\n\n" + table(
            ["one model served", "MB idle", "MB after load", "s from start to first right answer"],
            ([one.title, *_start_columns(results, one.name)] for one in present if one.name != "onnxruntime"),
        ) + f"\n\nMemory: {_measures(results)} of the whole process tree.",
        "## Ratios\n\n" + _ratios(results) + "\n\nOf medians in this run; in brackets the least and the greatest within"
        " one round. Above 1 the first is faster; for p50 it is the reverse. The aim is the project's own bar."
        " TorchServe's best batch is, in each cell, whichever of its batched settings gave more. By CPU"
        " time: the same ratio from CPU seconds for a request, where the server's core is full; on a machine with other"
        " work it is the steadier of the two.",
        "## On a GPU\n\n" + (f"Not run: {why}." if (why := missing_gpu()) else "Not part of this run.")
        + " `python -m tests.bench.gpu` measures TorchServe and ONNX Runtime on one, at 1, 64 and 4,096 rows.",
        _contestants(contestants, results),
        _not_measured(results, samples),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


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


def _closed_loops(
    results: Results, contestants: Sequence[Contestant], cells: Mapping[int, Cell], unit: str, value: Value
) -> str:
    """A table of the same requests at each concurrency, or why there is none."""
    if not any(results.of(one.name, cell) for one in contestants for cell in cells.values()):
        return "Not part of this run."
    (form,) = {cell.form for cell in cells.values()}
    many = max(cells)
    head = [
        unit, *(f"c={c}" for c in cells), *(f"p50 ms c={c}" for c in cells), f"p99 ms c={many}", f"CPU µs c={many}"
    ]  # fmt: skip
    rows = (
        [one.title, *(_columns(results, one.name, cells, value) if form in one.forms else _no_form(form, len(head)))]
        for one in contestants
    )
    return table(head, rows)


def _no_form(form: str, columns: int) -> list[str]:
    return [f"no {form} form", *[""] * (columns - 2)]


def _columns(results: Results, name: str, cells: Mapping[int, Cell], value: Value) -> list[str]:
    widest = cells[max(cells)]
    return [
        *(_values(results, name, cell, value) for cell in cells.values()),
        *(_values(results, name, cell, p50) for cell in cells.values()),
        _values(results, name, widest, lambda sample: sample.p99),
        _values(results, name, widest, lambda sample: sample.cpu),
    ]


def _start_columns(results: Results, name: str) -> list[str]:
    starts = results.starts.get((name, "mlp"), [])
    return [
        shown([one.idle for one in starts]), shown([one.loaded for one in starts]),
        shown([one.seconds for one in starts]),
    ]  # fmt: skip


def _measures(results: Results) -> str:
    return ", ".join(sorted({one.measure for starts in results.starts.values() for one in starts})) or "sum"


def _ratios(results: Results) -> str:
    found = answered(results)
    if not found:
        return "None: this run had no two contestants that are compared."
    return table(
        ["what", "ratio", "aim", "reached", "by CPU time"],
        (
            [
                one.question.text + (f" (`{one.compared_with}`)" if len(one.question.below[0]) > 1 else ""),
                f"{number(one.ratio.median)} ({number(one.ratio.low)} – {number(one.ratio.high)})",
                f"{'≤' if one.question.less_is_better else '≥'} {one.question.aim:g}",
                reached(one.ratio.median, one.question.aim, one.question.less_is_better),
                "–" if one.by_cpu is None else number(one.by_cpu),
            ]
            for one in found
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
        "- No TLS, no network but loopback.",
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
