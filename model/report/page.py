"""`report.html`: the run on one self-contained page, readable on a phone, on paper and in the dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.data import profile
from model.data.table import Table
from model.release.forms import Proof
from model.release.predecessor import Predecessor
from model.report import (
    confusion,
    curves,
    data_profile,
    importance,
    learning_curve,
    origin,
    reliability,
    residuals,
    runtimes,
    slices,
    standing,
)  # fmt: skip
from model.report.blocks import Section
from model.scores.evaluation import PRIMARY
from model.scores.findings import Findings
from model.scores.standing import Standing
from model.training.history import History
from mulgam.signature import Signature


@dataclass(frozen=True)
class Run:
    """What a page tells of.

    Attributes:
        signature: of the model.
        table: what it was trained on; only counts, ranges, medians and frequent words are shown.
        standings: the published model's first.
        findings: on its held-out rows.
        history: its epochs.
        environment: what `environment.json` holds.
        recipe: as run, TOML.
        before: the version that was served before, where there was one.
    """

    signature: Signature
    table: Table
    standings: Sequence[Standing]
    findings: Findings
    history: History
    environment: Mapping[str, Any]
    recipe: str
    before: Predecessor | None = None


def page(run: Run, proof: Proof) -> str:
    """The page as HTML; `proof` is what the gates before publishing found."""
    # Escaping is on for everything: names of columns, words and classes come from anybody.
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    first = run.standings[0]
    return templates.get_template("page.html").render(
        title=run.signature.model, verdict=first.verdict, beaten=first.beaten, about=_about(run),
        sections=_sections(run, proof),
    )  # fmt: skip


def _sections(run: Run, proof: Proof) -> list[Section]:
    """The verdict's grounds first, what reproduces it last."""
    found, classes = run.findings, run.table.classes
    overall = run.standings[0].scores[PRIMARY[run.table.task]]
    if classes:
        shape = [confusion.section(found, classes), curves.section(found, classes), reliability.section(found)]
    else:
        shape = [residuals.section(found, run.signature.target, len(run.table.features))]
    return [
        standing.section(run.standings),
        learning_curve.section(run.history),
        *shape,
        importance.section(found.ranking, run.table.one_scale),
        slices.section(found.slices, overall),
        runtimes.section(proof),
        data_profile.section(run.table),
        origin.section(run.environment, run.recipe),
    ]


def _about(run: Run) -> str:
    signature, table = run.signature, run.table
    unit = f" [{signature.target.unit}]" if signature.target.unit else ""
    synthetic = " The rows are synthetic." if table.synthetic else ""
    few = " Fewer than ten rows for each feature: scores may be luck." if profile.is_small(table) else ""
    beside = f" Beside {run.before}." if run.before is not None else ""
    of = f"{len(table.features)} feature{'s' if len(table.features) > 1 else ''}"
    return (
        f"{signature.description} {signature.task.capitalize()} of {signature.target.name}{unit} from {of},"
        f" {len(table):,} rows.{synthetic}{few}{beside}"
    ).strip()
