"""Learners' sentences beside their corrections (JFLEG), and minimal pairs (BLiMP) put to the same classifiers.

Sources: Napoles et al. 2017, "JFLEG" (arXiv 1702.04066); Warstadt et al. 2020, "BLiMP" (arXiv 1912.00582).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.split import Split
from model.data.table import Table
from tests.bench.training import shared

NATIVE = "native"
# P(native) of some texts.
Nativeness = Callable[[Sequence[str]], npt.NDArray[Any]]


def cells() -> Sequence[Sequence[str]]:
    """Rows 2k and 2k + 1 are a pair: a sentence, and the first of its corrections that changes it; no text twice.

    The four correctors take turns in being asked first. A sentence that nobody changed is left out: it is both. Spaces
    are made equal, or those at the end of the learners' lines would tell.
    """
    seen: set[str] = set()
    rows = [["text", "label"]]
    for part in ("dev", "test"):
        source, *corrections = ([" ".join(line.split()) for line in shared.lines(name)] for name in shared.JFLEG[part])
        for number, sentence in enumerate(source):
            turns = [corrections[(number + turn) % 4][number] for turn in range(4)]
            changed = next((one for one in turns if one != sentence), None)
            if changed is None or seen & {sentence, changed}:
                continue
            seen |= {sentence, changed}
            rows += [[sentence, "learner"], [changed, NATIVE]]
    return rows


def divide(table: Table, seed: int) -> Split:
    """70 % of the pairs train, 10 % validate, 20 % are held out; a pair is never divided."""
    pairs = np.random.default_rng(seed).permutation(len(table) // 2)
    tests, cut = round(0.2 * len(pairs)), round(0.3 * len(pairs))
    train, validation, test = (
        np.column_stack([2 * part, 2 * part + 1]).ravel() for part in (pairs[cut:], pairs[tests:cut], pairs[:tests])
    )
    return Split(train, validation, test)


def pair_accuracy(nativeness: Nativeness, good: Sequence[str], bad: Sequence[str]) -> float:
    """The share of pairs whose good sentence gets the higher P(native); a tie counts as half."""
    apart = nativeness(good) - nativeness(bad)
    return float(np.mean((apart > 0) + 0.5 * (apart == 0)))


def held_out_pairs(nativeness: Nativeness, table: Table, test: npt.NDArray[np.int64]) -> float:
    """The same over the held-out pairs of the table itself."""
    assert table.text is not None
    texts = table.text.values
    learners = sorted(row for row in test.tolist() if row % 2 == 0)
    return pair_accuracy(nativeness, [texts[row + 1] for row in learners], [texts[row] for row in learners])


def blimp(nativeness: Nativeness, most: int | None) -> float:
    """The mean of the accuracies on BLiMP's 67 kinds of minimal pairs; `most` pairs of each, None: all 1,000."""
    accuracies = []
    with zipfile.ZipFile(shared.path(shared.BLIMP)) as archive:
        names = [name for name in archive.namelist() if name.startswith("data/") and name.endswith(".jsonl")]
        assert len(names) == 67
        for name in sorted(names):
            pairs = [json.loads(line) for line in archive.read(name).decode().splitlines()[:most]]
            good, bad = ([pair[f"sentence_{kind}"] for pair in pairs] for kind in ("good", "bad"))
            accuracies.append(pair_accuracy(nativeness, good, bad))
    return float(np.mean(accuracies))
