"""Embeddings of numbers: piecewise-linear and periodic, in both exported forms alike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from model.networks import piecewise, preprocessing
from model.networks.network import Network, mlp
from model.networks.periodic import Periodic
from model.networks.served import ServedRegressor
from model.networks.target_scale import TargetScale
from model.release.parity import tolerances
from model.release.release import release
from mulgam.registry import Registry
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from tests.builders import DOCUMENTS

COLUMNS = torch.from_numpy(np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32))


def passed(module: piecewise.PiecewiseLinear, value: float) -> list[float]:
    """How far a value has passed through each bin of a module's first feature."""
    rows = torch.full((1, len(module.left)), value)
    return ((rows.unsqueeze(2) - module.left) * module.scale).clamp(0, 1)[0, 0].tolist()


def test_bins_are_passed_one_after_the_other() -> None:
    """The encoding is the paper's: full bins, then a share, then nothing."""
    module = piecewise.PiecewiseLinear([torch.tensor([0.0, 1.0, 3.0])])
    assert passed(module, 0.5) == [0.5, 0.0]
    assert passed(module, 2.0) == [1.0, 0.5]
    assert passed(module, -7.0) == [0.0, 0.0]
    assert passed(module, 1e30) == [1.0, 1.0]


def test_bins_lie_between_quantiles() -> None:
    """Each bin holds about as many training values as any other; a feature with few values has few bins."""
    module = piecewise.fit(COLUMNS, bins=10)
    edges = module.left[0]
    counts = np.bincount(np.searchsorted(edges.numpy(), COLUMNS[:, 0].numpy(), side="right"))[1:]
    assert len(edges) == 10
    assert abs(counts - 50).max() <= 2
    binary = piecewise.fit(torch.tensor([[0.0, 1.0], [1.0, 1.0]] * 10))
    assert int((binary.scale > 0).sum(dim=1)[0]) == 1
    assert torch.isfinite(binary(torch.tensor([[0.0, 1.0], [5.0, -5.0]]))).all()


@pytest.mark.parametrize(("rows", "bins"), [(200, 48), (6000, 60), (20_000, 128)])
def test_more_rows_make_more_bins(rows: int, bins: int) -> None:
    """One for a hundred rows, from 48 to 128."""
    assert piecewise.fit(torch.linspace(-2, 2, rows)[:, None]).left.shape == (1, bins)


@given(
    arrays.arrays(
        np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan),
    )
)  # fmt: skip
def test_every_answer_is_finite(table: np.ndarray) -> None:
    """Whatever the training rows were, they, empty rows and outliers come out finite."""
    steps = preprocessing.fit(table)
    rows = np.vstack([table, np.full(table.shape[1], np.nan), np.full(table.shape[1], 3e38)]).astype(np.float32)
    module = piecewise.fit(steps(torch.from_numpy(table.astype(np.float32))), bins=4)
    assert torch.isfinite(module(steps(torch.from_numpy(rows)))).all()


@pytest.mark.parametrize("stem", [piecewise.fit(COLUMNS), Periodic(3)], ids=["ple", "periodic"])
def test_both_exports_answer_alike(tmp_path: Path, stem: nn.Module) -> None:
    """Each passes the parity gate, missing values included, and TorchScript compiles it."""
    torch.jit.script(stem)
    width = stem.width
    assert isinstance(width, int)
    steps = preprocessing.fit(COLUMNS.double().numpy())
    module = ServedRegressor(steps, Network([stem], mlp(width, [8], 1)), TargetScale(5.0, 2.0))
    features = tuple(Feature(name, "number", minimum=-3.0, maximum=3.0) for name in "abc")
    target = Target("y")
    signature = Signature(
        "m", "regression", features, target, graph_inputs(features), graph_outputs(target), tolerances(2.0)
    )
    registry = Registry(tmp_path)
    assert release(module, signature, {"numeric": COLUMNS.numpy()}, registry, DOCUMENTS).version == 1


def test_bins_learn_what_a_line_cannot() -> None:
    """On a staircase a linear model on piecewise-linear embeddings is better than on the number itself."""
    x = torch.linspace(-2, 2, 400)[:, None]
    y = torch.sign(torch.sin(4 * x[:, 0]))
    errors = []
    for stem in (piecewise.fit(x), nn.Identity()):
        torch.manual_seed(0)
        network = Network([stem], mlp(getattr(stem, "width", 1), [], 1))
        optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
        for _ in range(300):
            optimizer.zero_grad()
            loss = ((network(x).squeeze(1) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
        errors.append(float(loss.detach()))
    assert errors[0] < 0.2 < 0.8 < errors[1]
