"""Target transforms: learnt there, answered back in the target's own unit, in every form of the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.data.description import features
from model.data.graph_inputs import encoded
from model.data.split import split
from model.data.table import Table
from model.networks import target_scale
from model.networks.building import build
from model.networks.served import answers, prepared
from model.networks.target_scale import TRANSFORMS
from model.recipe.sections import Data, Network, Recipe, Training
from model.release import export, golden_requests, parity
from model.release.promise import signature
from model.training.loop import fit
from model.training.losses import LOSSES

VALUES = np.array([0.001, 0.7, 3.0, 50.0, 1e6])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_graph_takes_back_what_was_learnt(transform: str) -> None:
    """Standardised and taken back, quantities of nine decades are themselves."""
    scale = target_scale.fit(VALUES, transform)
    back = scale(torch.from_numpy(scale.standardised(VALUES))).numpy()
    # Without a transform, or where it is a straight line near 0, a float of the largest holds no more of the smallest.
    assert back == pytest.approx(VALUES, rel=1e-4, abs=1.0 if transform == "none" else 1e-3)


def test_what_is_learnt_has_mean_0_and_deviation_1() -> None:
    """The network sees the logarithm standardised."""
    learnt = target_scale.fit(VALUES, "log").standardised(VALUES)
    assert (learnt.mean(), learnt.std()) == pytest.approx((0, 1), abs=1e-6)
    assert learnt == pytest.approx((np.log(VALUES) - np.log(VALUES).mean()) / np.log(VALUES).std(), rel=1e-5)


@pytest.mark.parametrize("transform", ["log", "log1p", "asinh"])
def test_no_answer_is_infinite(transform: str) -> None:
    """However far the network goes, the answer stays within one range beyond what was learnt from."""
    scale = target_scale.fit(VALUES, transform)
    far = scale(torch.tensor([-1e30, -1e3, 1e3, 1e30, torch.inf]))
    assert torch.isfinite(far).all()
    there = TRANSFORMS[transform].there
    low, high = there(VALUES).min(), there(VALUES).max()
    assert there(far.double().numpy())[-1] == pytest.approx(2 * high - low, rel=1e-5)
    assert torch.isnan(scale(torch.tensor([torch.nan]))).all()


class Unstable(nn.Module):
    """Answers a thousand deviations from the mean."""

    def forward(self, first: torch.Tensor, second: torch.Tensor | None = None, third: torch.Tensor | None = None
    ) -> torch.Tensor:  # fmt: skip
        return 1000.0 + 0.0 * first[:, :1]


def skewed() -> Table:
    """Two columns and a target over six decades."""
    rng = np.random.default_rng(4)
    columns = rng.normal(size=(300, 2))
    target = np.exp(2.5 * columns[:, 0] + columns[:, 1] ** 2)
    return Table(("a", "b"), columns, "y", target, (), "0" * 64)


@pytest.mark.parametrize("transform", ["log", "log1p", "asinh"])
def test_both_exports_answer_alike(transform: str) -> None:
    """TorchScript and ONNX pass the parity gate, extremes included, and learn a skewed target better than without."""
    table, training = skewed(), Training(epochs=30, patience=30, device="cpu", target_transform=transform)
    recipe = Recipe("skewed", Data("x.csv", "y"), network=Network("ple", (16,), dropout=0.0), training=training)
    parts = split(table, "random", 0)
    described = features(table, parts.train)
    module = build(recipe, table, described, parts.train)
    rows = prepared(module, encoded(table, described, parts.train), table.target[parts.train])
    fit(module.network, rows, rows, LOSSES["regression"]["mse"], training)
    held_out = encoded(table, described, parts.test)
    promise = signature(recipe, table, described, parts.train)
    for tried in (module, around(module, Unstable())) if transform == "log" else (module,):
        example = export.example_inputs(held_out, promise)
        forms = {"torchscript": export.torchscript(tried, example), "onnx": export.to_onnx(tried, promise, example)}
        parity.verify(tried, promise, forms, held_out, golden_requests.make(tried, promise))
    logarithmic = np.log1p(answers(module, held_out)) - np.log1p(table.target[parts.test])
    assert np.sqrt(np.mean(logarithmic**2)) < 0.8 * np.log1p(table.target[parts.test]).std()


def around(module: nn.Module, network: nn.Module) -> nn.Module:
    """The same module around another network."""
    other = type(module)(module.preprocessing, network, module.scale)
    return other.eval()


def test_the_promised_tolerance_grows_with_the_exponents_deviation() -> None:
    """A small difference of a logarithm is one of the whole answer; without a transform nothing changes."""
    table, train = skewed(), np.arange(200)
    recipe = Recipe("skewed", Data("x.csv", "y"))
    described = features(table, train)
    plain = signature(recipe, table, described, train).tolerance_of("onnx")
    log = signature(
        replace(recipe, training=Training(target_transform="log")), table, described, train
    ).tolerance_of("onnx")  # fmt: skip
    assert (plain.relative, plain.floor) == (1e-5, pytest.approx(table.target[train].std()))
    assert log.relative == pytest.approx(1e-5 * np.log(table.target[train]).std())
    assert log.floor == plain.floor


def test_a_recipes_transform_reaches_the_served_module(tmp_path: Path) -> None:
    """`target_transform` in [training] is the served module's."""
    table = skewed()
    training = Training(target_transform="asinh")
    module = build(
        Recipe("n", Data("x.csv", "y"), network=Network("plain", (16,), dropout=0.0), training=training),
        table, features(table, np.arange(200)), np.arange(200),
    )  # fmt: skip
    assert isinstance(module.scale.back, target_scale.Sinh)
