"""The version that is served now, beside a new one: may the new one take its place by itself?"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.batches import answered
from model.data.graph_inputs import encoded
from model.data.table import Table
from model.release import runs
from model.scores import evaluation
from model.scores.evaluation import MORE_IS_BETTER, PRIMARY, Scores
from mulgam import serving
from mulgam.errors import RegistryError, TrustError
from mulgam.registry import FORMS, Entry, Registry
from mulgam.signature import Signature


@dataclass(frozen=True)
class Predecessor:
    """The version that was served before, and how the new one stands beside it.

    Attributes:
        version: its number.
        score: the name of the primary score.
        theirs: its value for that version.
        ours: for the new one; None where it has no scores, as one that was brought along.
        same_rows: whether both were scored on the new run's held-out rows; else the old score is the one that was
            published, of the old run's rows.
        margin: by which share of the old score the new one may be worse.
        instead_of: the version that is served, where that has no scores: then this is the last before it that has.
    """

    version: int
    score: str
    theirs: float
    ours: float | None
    same_rows: bool
    margin: float
    instead_of: int | None = None

    @property
    def served(self) -> int:
        """The version that is served."""
        return self.version if self.instead_of is None else self.instead_of

    @property
    def is_better(self) -> bool:
        """Whether the old version is better by more than the margin; than one without scores it is."""
        if self.ours is None:
            return True
        allowed = self.margin * abs(self.theirs)
        apart = self.theirs - self.ours if self.score in MORE_IS_BETTER else self.ours - self.theirs
        return apart > allowed

    def document(self) -> dict[str, Any]:
        """What `metrics.json` tells of it."""
        return {**asdict(self), "is_better": self.is_better}

    def __str__(self) -> str:
        which = "which is served"
        if self.instead_of is not None:
            which = f"the last one with scores before version {self.instead_of}, which is served and has none"
        if self.ours is None:
            return f"version {self.version}, {which}: {self.score} {self.theirs:.4g}; the new one has no scores"
        rows = "on the same held-out rows" if self.same_rows else "on other rows, since the features differ"
        verdict = "better by more than the margin" if self.is_better else "not better by more than the margin"
        return (
            f"version {self.version}, {which}: {self.score} {self.theirs:.4g} {rows}, the new one's"
            f" {self.ours:.4g}; the old one is {verdict} of {self.margin:.0%}"
        )


def find(
    registry: Registry, promise: Signature, table: Table, test: npt.NDArray[np.int64], scores: Scores, margin: float
) -> Predecessor | None:
    """The version that is served of this model, or the last one with scores where that one has none.

    One without scores says nothing of what was reached before: a bad model that was brought along would let any pass.
    None where there is none that can be compared.

    Args:
        registry: where it is.
        promise: the new version's signature.
        table: all rows of the new run.
        test: its held-out rows.
        scores: of the new version on them.
        margin: by which share of the old score the new one may be worse.

    Raises:
        RegistryError: `serving.json` is damaged.
    """
    name = PRIMARY[table.task]
    served = _served(registry, promise.model)
    entry = None if served is None else _last_scored(registry, served, name)
    if served is None or entry is None or entry.signature.task != promise.task:
        return None
    fits = _fits(entry.signature, promise)
    theirs = _scored(entry, table, test)[name] if fits else _published(entry, name)
    if theirs is None:
        return None
    instead_of = None if entry.version == served.version else served.version
    return Predecessor(entry.version, name, theirs, scores[name], fits, margin, instead_of)


def beside_unscored(registry: Registry, model: str) -> Predecessor | None:
    """What a version without scores would replace: the version that is served, where that has some.

    Raises:
        RegistryError: `serving.json` is damaged.
    """
    entry = _served(registry, model)
    name = None if entry is None else PRIMARY.get(entry.signature.task)
    if entry is None or name is None or (theirs := _published(entry, name)) is None:
        return None
    return Predecessor(entry.version, name, theirs, None, same_rows=False, margin=0.0)


def settle(registry: Registry, entry: Entry, before: Predecessor | None, *, promote: bool) -> str:
    """Decide which version is served from now on, and say so.

    Without a plan the highest version would be: so a better one before it is pinned. What a person planned stays.

    Args:
        registry: its `serving.json` is written where that is needed.
        entry: the new version.
        before: what `find` or `beside_unscored` gave.
        promote: serve the new one, whatever the scores say.

    Raises:
        RegistryError: `serving.json` is damaged or can't be written.
    """
    name, version = entry.model, entry.version
    if promote:
        serving.promote(registry, name, version)
        return f"version {version} is served from now on, as asked"
    by_hand = f"`python -m mulgam promote {name} {version}` serves version {version}"
    if before is not None and before.is_better:
        serving.pin(registry, name, before.served)
        return f"version {before.served} stays the default; {by_hand} all the same"
    default = serving.read(registry).models.get(name)
    if default is not None:
        return f"serving.json keeps version {default.default}; {by_hand}"
    try:
        registry.check_signed(entry)
    except TrustError as problem:
        return f"version {version} is published, but not to be served: {problem}"
    return f"version {version} is served from the next start on"


def _served(registry: Registry, model: str) -> Entry | None:
    choice = serving.read(registry).models.get(model)
    if choice is None:
        return registry.newest(model)[0]
    try:
        return registry.entry(model, choice.default)
    except RegistryError:  # then it is not served either
        return None


def _last_scored(registry: Registry, served: Entry, score: str) -> Entry:
    """The served version; where it has no scores, the last before it that has, first the one that it replaced."""
    choice = serving.read(registry).models.get(served.model)
    below = [version for version in reversed(registry.versions(served.model)) if version < served.version]
    for version in (served.version, *([choice.previous] if choice and choice.previous else []), *below):
        with contextlib.suppress(RegistryError):
            entry = registry.entry(served.model, version)
            if _published(entry, score) is not None:
                return entry
    return served


def _fits(old: Signature, new: Signature) -> bool:
    """Whether the old version can answer the new run's rows, and is asked the same thing."""
    features = [[(one.name, one.type) for one in signature.features] for signature in (old, new)]
    targets = [(signature.target.name, signature.target.classes) for signature in (old, new)]
    return features[0] == features[1] and targets[0] == targets[1]


def _scored(entry: Entry, table: Table, test: npt.NDArray[np.int64]) -> Scores:
    """Its scores on these rows, encoded by its own vocabularies."""
    form = entry.runtime("onnx")
    run = runs.opened(form, entry.read(FORMS[form]), entry.signature)
    inputs = encoded(table, entry.signature.features, test)
    return evaluation.scores_of(table.task)(answered(run, inputs), table.target[test])


def _published(entry: Entry, name: str) -> float | None:
    """The score that was published with it; a model that was brought along has none."""
    value = entry.document("metrics.json").get("scores", {}).get(name)
    return float(value) if isinstance(value, int | float) else None
