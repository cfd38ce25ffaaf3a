"""Golden requests: made from the signature by a seeded draw, never from rows of anyone's data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from mulgam.encoding.encoder import Encoder
from mulgam.golden import Golden
from mulgam.signature import Feature, Signature
from mulgam.tensors import DTYPES, Arrays

_SEED = 20200401
_DRAWN_ROWS = 8
_SMALL_ROW = 4096
_SENTENCES = (
    "A mix of paints becomes a colour.",
    "물감을 섞으면 새로운 색이 된다.",
    "CALL 0800 123 NOW!!!",
    "de l'été, naïve Straße",
    "x",
)


def make(module: nn.Module, signature: Signature) -> list[Golden]:
    """Requests within the ranges seen, at their edges, with unseen words and with missing values.

    They are answered by the eager module. The first request is one row with named features, as a person would send it.
    """
    features = signature.features
    rows = draw(signature, 1 + (_DRAWN_ROWS if row_elements(signature) <= _SMALL_ROW else 1), _SEED)
    edges = [[_edge(feature, top) for feature in features] for top in (False, True)]
    batches: list[list[Any]] = [[named(rows[0], features)], rows[1:], edges]
    if signature.tensors:  # one tensor alone is sent bare, so that a list of one would be another shape
        batches = [[named(rows[0], features)], *([named(row, features) for row in some] for some in (rows[1:], edges))]
    if any(feature.type == "category" for feature in features):
        unseen = [
            _unseen(feature) if feature.type == "category" else value
            for feature, value in zip(features, rows[0], strict=True)
        ]
        batches.append([named(unseen, features)])
    if any(feature.missing for feature in features):
        batches.append(_with_missing(rows[0], features))
    encoder = Encoder(signature)
    return [Golden(instances, answer(module, signature, encoder.encode(instances))) for instances in batches]


def draw(signature: Signature, count: int, seed: int) -> list[list[Any]]:
    """Rows of usual values, in feature order."""
    rng = np.random.default_rng(seed)
    return [[_drawn(feature, rng) for feature in signature.features] for _ in range(count)]


def row_elements(signature: Signature) -> int:
    """Values in one row of all graph inputs together."""
    return sum(math.prod(tensor.shape[1:]) for tensor in signature.inputs)


def answer(module: nn.Module, signature: Signature, inputs: Arrays) -> Any:
    """What the eager module answers to encoded inputs: float32 [N, …]."""
    with torch.no_grad():
        output: torch.Tensor = module(*(torch.from_numpy(inputs[tensor.name]) for tensor in signature.inputs))
    return output.numpy()


def _with_missing(row: list[Any], features: tuple[Feature, ...]) -> list[Any]:
    """A row that lacks its first optional value, and one that lacks all of them."""
    optional = [position for position, feature in enumerate(features) if feature.missing]
    one = list(row)
    one[optional[0]] = None
    every = [None if position in optional else value for position, value in enumerate(row)]
    return [named(one, features), named(every, features)]


def named(row: list[Any], features: tuple[Feature, ...]) -> dict[str, Any]:
    """A row with the features as keys."""
    return {feature.name: value for feature, value in zip(features, row, strict=True)}


def _edge(feature: Feature, top: bool) -> Any:
    """The lowest or highest number, the first or last word, the empty or a long text."""
    if feature.type == "number":
        return _bounds(feature)[top]
    if feature.type == "tensor":
        return np.full(feature.shape or (), _bounds(feature)[top]).astype(_dtype(feature)).tolist()
    if feature.type == "boolean":
        return top
    if feature.type == "text":
        return " ".join(_SENTENCES * (feature.length or 1))[: (feature.length or 1) + 1] if top else ""
    return feature.vocabulary[-1 if top else 0] if feature.vocabulary else _unseen(feature)


def _drawn(feature: Feature, rng: np.random.Generator) -> Any:
    """A usual value of the feature."""
    if feature.type == "number":
        return _number(feature, rng)
    if feature.type == "tensor":
        return _tensor(feature, rng)
    if feature.type == "boolean":
        return bool(rng.integers(2))
    known = _SENTENCES if feature.type == "text" else feature.vocabulary
    return known[rng.integers(len(known))] if known else _unseen(feature)


def _unseen(feature: Feature) -> str:
    """A word that is not in the vocabulary."""
    word = "unseen"
    while word in feature.vocabulary:
        word += "-"
    return word


def _bounds(feature: Feature) -> tuple[float, float]:
    low = 0.0 if feature.minimum is None else feature.minimum
    high = max(low, 1.0) if feature.maximum is None else feature.maximum
    return low, high


def _dtype(feature: Feature) -> np.dtype[Any]:
    return DTYPES[feature.datatype or "FP32"]


def _tensor(feature: Feature, rng: np.random.Generator) -> Any:
    """One row: numbers within the range (by default 0 to 1) with four digits, so that their JSON stays short."""
    low, high = _bounds(feature)
    if _dtype(feature).kind == "f":
        return np.clip(np.round(rng.uniform(low, high, feature.shape), 4), low, high).tolist()
    return rng.integers(int(low), int(high), feature.shape, endpoint=True).astype(_dtype(feature)).tolist()


def _number(feature: Feature, rng: np.random.Generator) -> float:
    """A value within the range: whole where both bounds are whole, else with four significant digits."""
    low, high = _bounds(feature)
    if float(low).is_integer() and float(high).is_integer() and high - low < 2**31:
        return int(rng.integers(int(low), int(high), endpoint=True))
    return min(max(float(f"{rng.uniform(low, high):.4g}"), low), high)
