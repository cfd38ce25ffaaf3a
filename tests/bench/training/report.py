"""The page: conditions, a table for each question, the bars, how each was run, what was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.bench.statistic import spread
from tests.bench.training import contestants, datasets, latency, others
from tests.bench.training.contestants import (
    ALL,
    BY_NAME,
    CATBOOST,
    CNN,
    DEFAULT,
    ENSEMBLE,
    HIST_GB,
    HIST_GB_TUNED,
    LIGHTGBM,
    LOGISTIC,
    NAIVE_BAYES,
)
from tests.bench.training.datasets import Dataset
from tests.bench.training.results import Results

_CALIFORNIA = "california"
_NATIVE = "nativelikeness"
_BESIDE = (DEFAULT, ENSEMBLE, CNN, HIST_GB, LIGHTGBM, CATBOOST)
_TITLES = {one.name: one for one in datasets.ALL}
# Means of the 67 kinds of pairs, from the data's own repository (alexwarstadt/blimp).
_PUBLISHED = (("5-gram", 0.612), ("LSTM", 0.698), ("GPT-2", 0.830), ("human", 0.886))


def render(results: Results, machine: str, cores: int) -> str:
    """The page as Markdown, of whatever was measured; what was not is a dash."""
    parts = [
        "# Training benchmarks",
        "Written by `make bench-train`; a figure is the median over the seeds, with the least and the greatest in"
        " brackets. Each seed divides the rows anew, and all contestants get the same division: 70 % train, 10 %"
        " decide when to stop (and choose among settings), 20 % are held out for the score.",
        _conditions(results, machine, cores),
        "## California housing\n\n" + _california(results),
        "## Bars\n\n" + _bars(results),
        "## One row in ONNX Runtime, one thread\n\n" + _latency(results),
        "## Other tables\n\n" + _others(results),
        "## Texts\n\n" + _texts(results),
        "## Nativelikeness\n\n" + _nativelikeness(results),
        "## How each is run\n\n" + "\n".join(f"- **{one.title}** (`{one.name}`): {one.about}." for one in ALL)
        + "\n\n" + "\n".join(f"- **{one.title}** (`{one.name}`): {one.about}." for one in datasets.ALL),
        "## Not measured\n\n" + "\n".join(_NOT_MEASURED),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


_NOT_MEASURED = (
    "- The published figures for California housing (MLP .495, LightGBM .432, tuned) are of another division of the"
    " rows, which is easier by about .015; compare with the rows of this page only.",
    "- Seeds are few and the small tables' held-out parts have 30 to 360 rows: there, differences of a few rows mean"
    " nothing.",
    "- Mulgam's own settings are not tuned; `make tune` does that for a table of yours.",
    "- No GPU.",
)


def _conditions(results: Results, machine: str, cores: int) -> str:
    found = results.all()
    if not found:
        return "Nothing was measured yet."
    dates, loads = sorted(one.date for one in found), [one.load for one in found]
    lines = (
        ("command", "`make bench-train`, in parts (`ONLY=…`); a part goes on where it was stopped"),
        ("date", dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"),
        ("commit", _commits([one.commit for one in sorted(found, key=lambda one: one.date)])),
        ("machine", f"{machine}; {cores} cores, shared with other work"),
        ("load average", f"{min(loads):.1f} to {max(loads):.1f} (a training brings up to {cores})"),
        ("versions", "; ".join(sorted({one.versions for one in found}))),
    )
    note = (
        "Scores do not depend on the load. Wall times do, CPU times somewhat; take neither from a busy machine. A dash"
        " is what was not measured yet: the command measures what lacks. An empty cell is of a"
        " contestant that does not enter."
    )
    if len({one.commit for one in found}) > 1:
        note += (
            "\n\n**Several commits:** between them Mulgam's defaults may have changed, so that its rows are of the"
            " state at their time; `python -m tests.bench.training --again` measures all at one."
        )
    return _table(["conditions", ""], lines) + "\n\n" + note


def _commits(commits: Sequence[str]) -> str:
    """The first and the last, and how many states of the code there were."""
    states = list(dict.fromkeys(commits))
    return states[0] if len(states) == 1 else f"{len(states)} states, from {states[0]} to {states[-1]}"


def _california(results: Results) -> str:
    rows = []
    for one in contestants.of(_TITLES[_CALIFORNIA]):
        cells = [
            shown(results.values(_CALIFORNIA, one.name, "rmse"), 4),
            shown(_ratios(results, _CALIFORNIA, one.name, HIST_GB_TUNED), 3),
            shown(_ratios(results, _CALIFORNIA, one.name, LIGHTGBM), 3),
        ]
        found = results.of(_CALIFORNIA, one.name)
        seconds = [shown([run.cpu_seconds for run in found], 1), shown([run.wall_seconds for run in found], 1)]
        rows.append([one.title, str(len(found)), *cells, *seconds])
    head = ["RMSE, 100,000 $", "seeds", "held-out", "÷ tuned HistGradientBoosting", "÷ LightGBM", "CPU s", "wall s"]
    return (
        _table(head, rows)
        + "\n\nLess is better. Ratios are within a seed. The seconds are of training alone, with one thread each."
    )


def _bars(results: Results) -> str:
    rows = []
    for text, values, bar, at_most, digits in _questions(results):
        if not values:
            rows.append([text, "–", _bar(bar, at_most), "–"])
            continue
        figure = spread(values).median
        reached = figure <= bar if at_most else figure >= bar
        rows.append([text, shown(values, digits), _bar(bar, at_most), "yes" if reached else "no"])
    return _table(["what", "figure", "bar", "reached"], rows) + (
        "\n\nThe bars are the project's own. That of memory is another command's (`python -m tests.bench.memory`): see"
        " *Large tables* in [recipes.md](recipes.md#tables)."
    )


def _questions(results: Results) -> list[tuple[str, list[float], float, bool, int]]:
    """Text, values, bar, whether less is better, digits."""
    return [
        (f"California, default ÷ tuned HistGradientBoosting ({others.HIST_GB_TRIALS} trials)",
         _ratios(results, _CALIFORNIA, DEFAULT, HIST_GB_TUNED), 1.05, True, 3),
        ("California, ensemble ÷ LightGBM", _ratios(results, _CALIFORNIA, ENSEMBLE, LIGHTGBM), 1.0, True, 3),
        ("latency of one row, default ÷ plain MLP", _latencies(results, f"{DEFAULT} ratio"), 2.0, True, 2),
        ("latency of one row, ensemble ÷ plain MLP", _latencies(results, f"{ENSEMBLE} ratio"), 8.0, True, 2),
        ("training the default recipe on California, wall seconds",
         [one.wall_seconds for one in results.of(_CALIFORNIA, DEFAULT)], 180.0, True, 0),
        ("SMS spam, F1 − logistic regression's", _apart(results, "sms", "f1", LOGISTIC), -0.01, False, 4),
        ("NSMC, accuracy − logistic regression's", _apart(results, "nsmc", "accuracy", LOGISTIC), -0.01, False, 4),
        ("nativelikeness, accuracy − naive Bayes'", _apart(results, _NATIVE, "accuracy", NAIVE_BAYES), 0.0, False, 4),
    ]  # fmt: skip


def _latency(results: Results) -> str:
    rows = [
        [BY_NAME[name].title, shown(_latencies(results, name), 1), shown(_latencies(results, f"{name} ratio"), 2)]
        for name in contestants.NETWORKS
    ]
    head = ["California's row", "µs, median", "÷ plain MLP"]
    return _table(head, rows) + "\n\nIn turns, 30 rounds of 300 calls; the ratio is the median of the rounds' ratios."


def _others(results: Results) -> str:
    rows = []
    present = [name for name in _BESIDE if name in BY_NAME]
    for dataset in datasets.ALL:
        if dataset.name in (_CALIFORNIA, *datasets.TEXTS):
            continue
        values = [results.values(dataset.name, name, dataset.primary) for name in present]
        seeds = str(max(map(len, values)))
        marked = zip(present, _best_marked(dataset, values), strict=True)
        cells = [cell if dataset.name in BY_NAME[name].takes else "" for name, cell in marked]
        rows.append([dataset.title, _SCORES[dataset.primary], seeds, *cells])
    head = ["", "score", "seeds", *(BY_NAME[name].title for name in present)]
    return _table(head, rows) + "\n\nThe best median of a row is bold."


def _texts(results: Results) -> str:
    shown_ones = [one for one in ALL if set(one.takes) & set(datasets.TEXTS)]
    rows = []
    for one in shown_ones:
        cells = [
            shown(results.values(table, one.name, score), 4) if table in one.takes else ""
            for table, score in (("sms", "f1"), ("sms", "accuracy"), ("nsmc", "accuracy"))
        ]
        rows.append([one.title, *cells])
    return _table(["", "SMS spam F1", "SMS spam accuracy", "NSMC accuracy"], rows) + "\n\nMore is better."


def _nativelikeness(results: Results) -> str:
    rows = []
    for one in contestants.of(_TITLES[_NATIVE]):
        scores = ("accuracy", "pairs", "blimp")
        rows.append([one.title, *(shown(results.values(_NATIVE, one.name, score), 3) for score in scores)])
    rows += [[f"{name} (published)", "", "", f"{value:.3f}"] for name, value in _PUBLISHED]
    head = ["", "JFLEG, sentences", "JFLEG, pairs", "BLiMP, minimal pairs"]
    return _table(head, rows) + (
        "\n\nGuessing gives .5 in each column. Sentences: the share told rightly as a learner's or as corrected. Pairs:"
        " how often the correction of a held-out sentence is found more native than the sentence. BLiMP: the same for"
        " pairs of which one breaks one rule of grammar, the mean of 67 kinds of 1,000, by the first seed's model. The"
        " published figures are of"
        " language models (and people), which learnt from far more text, but none of it labelled."
    )


_SCORES = {"rmse": "RMSE (less is better)", "accuracy": "accuracy", "f1": "F1"}


def _ratios(results: Results, table: str, above: str, below: str) -> list[float]:
    """Of the primary score, seed by seed."""
    score = _TITLES[table].primary
    under = {one.seed: one.scores[score] for one in results.of(table, below)}
    return [one.scores[score] / under[one.seed] for one in results.of(table, above) if one.seed in under]


def _apart(results: Results, table: str, score: str, other: str) -> list[float]:
    """How far the default recipe lies above another contestant, seed by seed."""
    theirs = {one.seed: one.scores[score] for one in results.of(table, other)}
    return [one.scores[score] - theirs[one.seed] for one in results.of(table, DEFAULT) if one.seed in theirs]


def _latencies(results: Results, score: str) -> list[float]:
    return results.values(latency.NAME, latency.CONTESTANT, score)


def _best_marked(dataset: Dataset, values: Sequence[list[float]]) -> list[str]:
    digits = 4 if dataset.primary != "rmse" else None
    medians = [spread(one).median for one in values if one]
    best = (min if dataset.less_is_better else max)(medians, default=None)
    return [f"**{shown(one, digits)}**" if one and spread(one).median == best else shown(one, digits) for one in values]


def shown(values: Sequence[float], digits: int | None) -> str:
    """`median (least – greatest)`, or a dash; `digits` after the point, None: as many as its size wants."""
    if not values:
        return "–"
    of = spread(values)

    def number(value: float) -> str:
        places = digits if digits is not None else (0 if abs(value) >= 1000 else 2)
        return f"{value:,.{places}f}"

    if len(values) == 1:
        return number(of.median)
    return f"{number(of.median)} ({number(of.low)} – {number(of.high)})"


def _bar(bar: float, at_most: bool) -> str:
    return f"{'≤' if at_most else '≥'} {bar:g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
