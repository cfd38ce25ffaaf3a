"""The page: conditions, a section for each part, and what is aimed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.conditions import Conditions, warning
from tests.bench.report import conditions_table, number, reached, shown, table, without_paths
from tests.bench.statistic import Spread, ratio, spread
from tests.bench.under_load.bench import Bench, Part

_PINNED = "the service with all its processes on one core, the load generator on another, unless said"


def render(
    conditions: Conditions, bench: Bench, parts: Sequence[Part], out: Mapping[str, str], code_after: str = ""
) -> str:
    """The whole page in Markdown; `out` says of parts why they could not be measured."""
    measured = [part for part in parts if part.name not in out]
    rounds = (
        f"{bench.rounds}, each measurement {bench.seconds} s; every round starts each service anew, checks its answers,"
        " and warms it up first"
    )
    sections = [
        "# Benchmarks under load",
        "Written by `make bench` (alone: `make bench-load`); a figure is the median of its rounds, with the least and"
        " the\ngreatest in brackets. Mulgam beside others: [benchmarks.md](benchmarks.md).",
        warning(conditions, bench.load_averages, bench.others, code_after),
        conditions_table(conditions, bench.load_averages, bench.others, rounds, _PINNED),
        "## What is aimed at\n\n" + _aims(measured),
        *(f"## {part.title}\n\n{part.section()}" for part in measured),
        *(f"## {part.title}\n\nNot measured: {without_paths(out[part.name])[:300]}"
          for part in parts if part.name in out),
        "## Not measured\n\n- p99 and p99.9 of a few seconds on a machine with few cores are partly the scheduler's.\n"
        "- No GPU, no TLS, no network but loopback.",
    ]  # fmt: skip
    return "\n\n".join(section for section in sections if section) + "\n"


def _aims(parts: Sequence[Part]) -> str:
    lines = [
        [one.text, _spread(ratio(one.above, one.below)), *_verdict(
            ratio(one.above, one.below).median, one.aim, one.less_is_better)]
        for part in parts for one in part.ratios()
    ]  # fmt: skip
    lines += [
        [one.text, shown(one.values), *_verdict(spread(one.values).median, one.aim, less_is_better=True)]
        for part in parts
        for one in part.limits()
    ]
    if not lines:
        return "Nothing: the measured parts have no aim."
    return table(["what", "found", "aim", "reached"], lines) + (
        "\n\nRatios are of medians; in brackets the least and the greatest within one round. The aim is the project's"
        " own bar."
    )


def _spread(of: Spread) -> str:
    return f"{number(of.median)} ({number(of.low)} – {number(of.high)})"


def _verdict(value: float, aim: float | None, less_is_better: bool) -> list[str]:
    if aim is None:
        return ["–", "–"]
    return [f"{'≤' if less_is_better else '≥'} {aim:g}", reached(value, aim, less_is_better)]
