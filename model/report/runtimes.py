"""Section: every exported form of the model: the same answers, its size, what it takes."""

from __future__ import annotations

from model.release.forms import MANY, Form, Proof
from model.release.parity import Comparison
from model.report.blocks import Block, Folded, Note, Section, Table
from model.scores.standing import LABELS, shown_score


def section(proof: Proof) -> Section:
    """Sizes, latencies and scores of the forms, and how far each lay from the trained module."""
    blocks: list[Block] = [
        Table(
            ["form", "size", "1 row", f"{MANY} rows", *_score_head(proof.forms), "largest difference", "allowed"],
            [_row(form, proof.comparisons) for form in proof.forms],
            stacked=True,
        ),
        Note(
            "Latency: median on one thread of the machine that released the model, beside whatever else ran there;"
            " indicative, without any server around it.",
            quiet=True,
        ),
        Folded("All comparisons with the trained module", [_comparisons(proof.comparisons)]),
    ]
    return Section("Same answers in every runtime", blocks)


def _score_head(forms: list[Form]) -> list[str]:
    return [LABELS[forms[0].score[0]]] if forms and forms[0].score else []


def _row(form: Form, comparisons: list[Comparison]) -> list[str]:
    worst = max(
        (one for one in comparisons if one.runtime == form.name),
        key=lambda one: one.largest / one.allowed,
        default=None,
    )
    score = [shown_score(form.score[1])] if form.score else []
    apart = ["–", "–"] if worst is None else [f"{worst.largest:.2g}", f"{worst.allowed:.2g}"]
    return [form.name, _size(form.size), _seconds(form.one_row), _seconds(form.many_rows), *score, *apart]


def _comparisons(comparisons: list[Comparison]) -> Table:
    rows = [[one.runtime, one.rows, f"{one.largest:.2g}", f"{one.allowed:.2g}"] for one in comparisons]
    return Table(["form", "rows", "largest difference", "allowed"], rows, "against the trained module")


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"
