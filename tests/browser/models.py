"""Models that the default ones are not: of every type of feature, with names that want to be markup; of tensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.release.parity import tolerances
from model.release.release import release
from mulgam.encoding.categories import FIRST_KNOWN
from mulgam.registry import Entry, Registry
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from tests.builders import DOCUMENTS

MARKUP = "<img src=x onerror=\"document.title='hacked'\">"
CITIES = ("Seoul", 'Busan, "south"', "O'Hara", "</script><script>document.title='hacked'</script>", "대전")
CLASSES = ("<b>low</b>", "high'; --")
WORDS = tuple(f"word {number}" for number in range(80))
DOCUMENTS_WITH_BASELINE = replace(
    DOCUMENTS,
    baseline={
        "format": 1,
        "features": {
            "age": {"edges": [20.0, 40.0, 60.0], "counts": [5, 9, 9, 5], "missing": 1},
            MARKUP: {"counts": [0, 0, 1, 2, 9, 1, 1]},
            "member": {"counts": [0, 0, 3, 9]},
        },
        "classes": dict.fromkeys(CLASSES, 14),
    },
)


class Mixed(nn.Module):
    """A number, four categories and a text to two probabilities."""

    def forward(self, numeric: Tensor, categories: Tensor, text: Tensor) -> Tensor:
        """[N, 1], [N, 4], [N, L] -> [N, 2]."""
        age = torch.nan_to_num(numeric[:, 0], nan=50.0)
        letters = (text > 0).to(torch.float32).sum(dim=1)
        score = (age - 40) / 20 + categories.to(torch.float32).sum(dim=1) / 40 - letters / 40
        return torch.softmax(torch.stack([-score, score], dim=1), dim=1)


class Doubled(nn.Module):
    """A tensor to twice itself."""

    def forward(self, image: Tensor) -> Tensor:
        """[N, 2, 3] -> [N, 2, 3]."""
        return 2 * image


def publish_mixed(root: Path) -> Entry:
    """Publish `Mixed` as `mixed`: every type of feature of a table."""
    features = (
        Feature("age", "number", unit="years", minimum=18.0, maximum=79.5),
        Feature(MARKUP, "category", vocabulary=CITIES),
        Feature("plan", "category", vocabulary=("free", "paid"), missing=False),
        Feature("trade", "category", vocabulary=WORDS),
        Feature("member", "boolean"),
        Feature("note", "text", length=40),
    )
    target = Target("risk", classes=CLASSES)
    signature = Signature(
        "mixed", "classification", features, target, graph_inputs(features), graph_outputs(target), tolerances(1.0),
        description=f"Every type of feature; {MARKUP}",
    )  # fmt: skip
    random = np.random.default_rng(7)
    held_out = {
        "numeric": random.normal(40, 9, (8, 1)).astype(np.float32),
        "categories": np.full((8, 4), FIRST_KNOWN, np.int64),
        "text": random.integers(0, 100, (8, 40)).astype(np.int32),
    }
    return release(Mixed(), signature, held_out, Registry(root), DOCUMENTS_WITH_BASELINE, random.integers(0, 2, 8))


def publish_doubled(root: Path) -> Entry:
    """Publish `Doubled` as `doubled`: a generic model of one tensor."""
    features = (Feature("image", "tensor", missing=False, datatype="FP32", shape=(2, 3)),)
    target = Target("twice", shape=(2, 3))
    signature = Signature(
        "doubled", "generic", features, target, graph_inputs(features), graph_outputs(target), tolerances(1.0)
    )
    held_out = {"image": np.random.default_rng(7).normal(size=(4, 2, 3)).astype(np.float32)}
    return release(Doubled(), signature, held_out, Registry(root), DOCUMENTS)
