"""The lecture notes this project grew from, as golden tests of the training side."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.errors import DivergedError
from model.networks import preprocessing
from model.networks.network import Network, mlp
from model.networks.served import ServedClassifier
from model.recipe.sections import Training
from model.scores.evaluation import regression
from model.training.loop import fit
from model.training.losses import LOSSES
from model.training.rows import Rows
from mulgam.encoding.encoder import Encoder
from tests.builders import NOTES_PRICES, NOTES_ROWS, Linear, publish_linear

HOUSES = torch.tensor(NOTES_ROWS)
PRICES = torch.tensor(NOTES_PRICES)


@pytest.mark.parametrize(
    ("weights", "bias", "predictions"),
    [
        ([0.1, 0.3, 4.0], 0.0, [5.3, 6.2, 6.8]),
        ([0.1, 0.3, 3.0], 0.5, [5.5, 6.2, 6.8]),
        ([0.1, 0.3, 4.0], 0.5, [5.8, 6.7, 7.3]),
        ([0.1, 0.2, 2.0], 0.5, [4.9, 5.4, 5.9]),
    ],
)
def test_the_worked_predictions(weights: list[float], bias: float, predictions: list[float]) -> None:
    """Each of the notes' weight settings gives the predictions that the notes work out."""
    assert Linear(weights, bias)(HOUSES).tolist() == pytest.approx(predictions, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "loss"), [([0.1, 0.3, 3.0], 1.0), ([0.1, 0.3, 4.0], 0.567), ([0.1, 0.2, 2.0], 1.767)]
)
def test_the_worked_losses_are_mean_absolute_errors(weights: list[float], loss: float) -> None:
    """With bias 0.5 the three losses of the notes are those of `mae`, in training as in evaluation."""
    predicted = Linear(weights, 0.5)(HOUSES)
    assert LOSSES["regression"]["mae"](predicted[:, None], PRICES).item() == pytest.approx(loss, abs=5e-4)
    assert regression(predicted.numpy(), np.array(NOTES_PRICES))["mae"] == pytest.approx(loss, abs=5e-4)


def test_the_published_model_gives_the_worked_predictions(tmp_path: Path) -> None:
    """Exported and read back, the notes' model answers 5.3, 6.2, 6.8 to the three encoded houses."""
    entry = publish_linear(tmp_path)
    inputs = Encoder(entry.signature).encode([list(row) for row in NOTES_ROWS])
    program = torch.jit.load(str(entry.path / "model.pt"))
    assert program(torch.from_numpy(inputs["numeric"])).tolist() == pytest.approx([5.3, 6.2, 6.8], abs=1e-5)


XOR = Rows((torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),), torch.tensor([0, 1, 1, 0]))


def xor_accuracy(hidden: list[int], seed: int) -> float:
    """The accuracy on XOR's four rows after training on them."""
    torch.manual_seed(seed)
    network = mlp(2, hidden, 2)
    settings = Training(optimizer="adam", learning_rate=0.05, epochs=200, patience=200, seed=seed, device="cpu")
    fit(network, XOR, XOR, LOSSES["classification"]["cross_entropy"], settings)
    with torch.no_grad():
        return float((network(*XOR.inputs).argmax(dim=1) == XOR.target).float().mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_linear_model_does_not_learn_xor(seed: int) -> None:
    """Without a hidden layer at most three of XOR's four rows come out right."""
    assert xor_accuracy([], seed) <= 0.75


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mlp_learns_xor(seed: int) -> None:
    """With one hidden layer all four rows come out right."""
    assert xor_accuracy([8], seed) == 1.0


def test_one_step_of_gradient_descent_by_hand() -> None:
    """W ← W - α ∂loss/∂W, worked out with numpy, is the step that training makes, to 1e-7."""
    rate = 1e-4
    network = mlp(3, [], 1)
    layer = network[0]  # type: ignore[index]
    weights, bias = np.array([0.1, 0.3, 4.0]), 0.5
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights)[None])
        layer.bias.fill_(bias)
    rows, prices = np.array(NOTES_ROWS), np.array(NOTES_PRICES)
    error = rows @ weights + bias - prices
    by_hand = [*(weights - rate * 2 / 3 * rows.T @ error), bias - rate * 2 / 3 * error.sum()]

    everything = Rows((HOUSES,), PRICES)
    settings = Training(optimizer="sgd", momentum=0.0, learning_rate=rate, epochs=1, batch_size=3, device="cpu")
    fit(network, everything, everything, LOSSES["regression"]["mse"], settings)

    assert [*layer.weight[0].tolist(), layer.bias.item()] == pytest.approx(by_hand, abs=1e-6, rel=1e-7)


# The notes' learning rate; on the raw table it lies above the limit of 8.7e-4 (2 / the largest eigenvalue).
NOTES_RATE = Training(
    optimizer="sgd", momentum=0.0, learning_rate=0.001, epochs=2000, patience=2000, batch_size=3, device="cpu"
)


def test_the_notes_learning_rate_diverges_on_the_raw_table() -> None:
    """α = 0.001 leaves the finite numbers on raw features, and the error names the epoch and the way out."""
    raw = Rows((HOUSES,), PRICES)
    with pytest.raises(DivergedError, match=r"in epoch \d+: .* lower \[training\] learning_rate than 0.001"):
        fit(seeded_linear(3), raw, raw, LOSSES["regression"]["mse"], NOTES_RATE)


def test_the_notes_learning_rate_converges_on_the_standardised_graph() -> None:
    """The same α on the graph's standardised columns brings the loss down, epoch by epoch."""
    steps = preprocessing.fit(np.array(NOTES_ROWS))
    standardised = Rows((steps(HOUSES),), (PRICES - PRICES.mean()) / PRICES.std(correction=0))
    history = fit(seeded_linear(3), standardised, standardised, LOSSES["regression"]["mse"], NOTES_RATE)
    losses = [epoch.train_loss for epoch in history.epochs]
    assert all(after < before for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.1 * losses[0]


def seeded_linear(inputs: int) -> nn.Module:
    """A linear model whose first weights are always the same."""
    torch.manual_seed(0)
    return mlp(inputs, [], 1)


def test_softmax_is_only_in_the_exported_head() -> None:
    """The network gives logits, which cross-entropy takes; the served module gives probabilities."""
    torch.manual_seed(0)
    rows = torch.randn(50, 4) * 10
    network = Network([nn.Identity()], mlp(4, [8], 3))
    served = ServedClassifier(preprocessing.fit(rows.double().numpy()), network).eval()
    probabilities, logits = served(rows), network(served.preprocessing(rows))
    assert probabilities.sum(dim=1).tolist() == pytest.approx([1.0] * 50, abs=1e-6)
    assert not torch.allclose(logits.sum(dim=1), torch.ones(50), atol=0.1)
    target = torch.arange(50) % 3
    loss = LOSSES["classification"]["cross_entropy"](logits, target)
    assert loss.item() == pytest.approx(-probabilities[torch.arange(50), target].log().mean().item(), rel=1e-5)


def test_binary_cross_entropy_is_the_notes_formula_with_its_brackets() -> None:
    """Cross-entropy of two logits equals -mean(y log p + (1 - y) log(1 - p)), the sum's sign before both terms."""
    logits, target = torch.tensor([[0.2, 1.1], [1.5, -0.3], [0.0, 0.4]]), torch.tensor([1, 0, 0])
    p = torch.softmax(logits, dim=1)[:, 1]
    by_hand = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
    assert LOSSES["classification"]["cross_entropy"](logits, target).item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_hidden_layers_without_activation_are_least_squares() -> None:
    """Layers with the activation `none` collapse to a linear model: they reach the least-squares fit, no better."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 3))
    target = features @ [1.0, -2.0, 0.5] + np.sin(3 * features[:, 0]) + 0.3
    design = np.column_stack([features, np.ones(200)])
    best = np.mean((design @ np.linalg.lstsq(design, target)[0] - target) ** 2)
    torch.manual_seed(0)
    network = mlp(3, [8, 8], 1, activation="none")
    rows = Rows((torch.tensor(features, dtype=torch.float32),), torch.tensor(target, dtype=torch.float32))
    settings = Training(optimizer="adam", learning_rate=0.01, epochs=500, patience=500, device="cpu")
    history = fit(network, rows, rows, LOSSES["regression"]["mse"], settings)
    assert history.epochs[history.best - 1].validation_loss == pytest.approx(best, rel=1e-3)


def test_a_layer_takes_several_rows_at_once() -> None:
    """ReLU(I·W + B) row by row, as a matrix product, and as the layers of the network are the same."""
    torch.manual_seed(0)
    network = mlp(3, [4], 1)
    first, last = network[0], network[2]  # type: ignore[index]
    rows = [torch.relu(first.weight @ row + first.bias) @ last.weight.T + last.bias for row in HOUSES]
    batch = torch.relu(HOUSES @ first.weight.T + first.bias) @ last.weight.T + last.bias
    assert torch.allclose(torch.stack(rows), network(HOUSES), atol=1e-5)
    assert torch.allclose(batch, network(HOUSES), atol=1e-5)
