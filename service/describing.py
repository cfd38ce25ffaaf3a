"""What is told of a served version: its state in one word, how it stands, a row to begin with."""

from __future__ import annotations

from typing import Any

import numpy as np

from mulgam.encoding.categories import FIRST_KNOWN
from mulgam.signature import Feature
from service.plane import DataPlane
from service.resilience.readiness import UNTRIED
from service.versions.served import Served


def summary(plane: DataPlane, served: Served) -> dict[str, Any]:
    """One model in a line: the public sees its state, not what exactly is wrong."""
    signature = served.signature
    return {
        "name": served.name,
        "version": served.version,
        "task": signature.task,
        "description": signature.description,
        "synthetic": signature.synthetic,
        "digest": served.digest,
        "runtime": served.runtime,
        "precision": served.precision,
        "ready": plane.readiness.of(served).ready,
        "state": state(plane, served),
        "score": score(served),
    }


def state(plane: DataPlane, served: Served) -> str:
    """ready, starting (no golden answer yet), wrong (another answer than the stored one), unavailable or stopping."""
    found = plane.readiness.of(served)
    if found.ready:
        return "ready"
    if plane.is_draining:
        return "stopping"
    if found.wrong:
        return "wrong"
    return "starting" if found is UNTRIED else "unavailable"


def score(served: Served) -> dict[str, Any] | None:
    """The score that decides, on held-out rows, beside those of the baselines; None where nothing is known of it."""
    scores = served.scores
    name = scores.get("primary")
    if name is None:
        return None
    baselines = {one: found[name] for one, found in scores["baselines"].items() if name in found}
    floor = (scores.get("noise_floor") or {}).get(name)
    return {"name": name, "value": scores["scores"][name], "baselines": baselines, "noise_floor": floor}


def typical(served: Served) -> dict[str, Any]:
    """A row from the middle of the training data, as far as its histograms tell: feature -> value."""
    known = served.baseline.get("features", {})
    found = {one.name: _middle(one, known[one.name]) for one in served.signature.features if one.name in known}
    return {name: value for name, value in found.items() if value is not None}


def _middle(feature: Feature, histogram: dict[str, Any]) -> Any:
    """The median of a number, the commonest value of a category; None where there is none."""
    if feature.type == "number":
        edges, filled = histogram["edges"], np.cumsum(histogram["counts"])
        if not edges:
            return None
        # Half of the values are at or below the upper edge of this bin.
        place = min(int(np.searchsorted(filled, filled[-1] / 2)), len(edges) - 1)
        # As short as float32 is: 27.9, not 27.899999618530273.
        return float(str(np.float32(edges[place])))
    words: tuple[Any, ...] = (False, True) if feature.type == "boolean" else feature.vocabulary
    counts = histogram["counts"][FIRST_KNOWN : FIRST_KNOWN + len(words)]
    if feature.type == "text" or not counts:
        return None
    return words[int(np.argmax(counts))]
