"""Losses: each against its formula, as means of rows that batches and processes can share."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from model.data.sources import rows as table_of
from model.errors import DataError, RecipeError
from model.networks import target_scale
from model.networks.objective import objective
from model.networks.served import ServedClassifier, ServedRegressor
from model.recipe.reading import load
from model.recipe.sections import Recipe, Training
from model.resolving import resolve
from model.training import losses
from model.training.losses import LOSSES, Loss
from model.training.rows import Rows

TARGET = np.array([0.0, 1.0, 4.0, 30.0])
PREDICTED = np.array([0.5, 1.0, 2.0, 40.0])
ERROR = PREDICTED - TARGET
LOGARITHMS = np.log1p(PREDICTED) - np.log1p(TARGET)
BY_HAND = {
    "mse": np.mean(ERROR**2),
    "mae": np.mean(np.abs(ERROR)),
    "rmse": np.sqrt(np.mean(ERROR**2)),
    "rmsle": np.sqrt(np.mean(LOGARITHMS**2)),
    "huber": np.mean(np.where(np.abs(ERROR) < 1, ERROR**2 / 2, np.abs(ERROR) - 0.5)),
}


def column(values: np.ndarray) -> Tensor:
    """What a regression network gives: [N, 1]."""
    return torch.tensor(values, dtype=torch.float32)[:, None]


@pytest.mark.parametrize("name", LOSSES["regression"])
def test_every_regression_loss_is_its_formula(name: str) -> None:
    """Each equals numpy's working out of it."""
    loss = LOSSES["regression"][name](column(PREDICTED), torch.tensor(TARGET, dtype=torch.float32))
    assert loss.item() == pytest.approx(BY_HAND[name], rel=1e-6)


@pytest.mark.parametrize("name", LOSSES["regression"])
def test_gradients_of_shares_add_up_to_the_gradient(name: str) -> None:
    """The slope of the whole times the gradients of two processes' shares is the gradient of the loss itself."""
    loss, target = LOSSES["regression"][name], torch.tensor(TARGET, dtype=torch.float32)
    together = column(PREDICTED).requires_grad_()
    loss(together, target).backward()
    mean = loss.rows(column(PREDICTED), target).mean()
    shared = column(PREDICTED).requires_grad_()
    for share in (slice(0, 1), slice(1, 4)):
        (loss.rows(shared[share], target[share]).sum() / 4 * loss.slope(mean)).backward()
    assert shared.grad is not None
    assert together.grad is not None
    assert shared.grad.flatten().tolist() == pytest.approx(together.grad.flatten().tolist(), rel=1e-5)


def test_a_perfect_fit_has_a_gradient() -> None:
    """The root of 0 has no slope; the loss's is finite."""
    for name in ("rmse", "rmsle"):
        assert math.isfinite(LOSSES["regression"][name].slope(torch.tensor(0.0)).item())


def test_a_prediction_below_minus_one_is_pulled_up() -> None:
    """RMSLE's logarithm ends at -1; below, the loss is finite and its gradient points the way back."""
    predicted = torch.tensor([[-5.0]], requires_grad=True)
    loss = LOSSES["regression"]["rmsle"](predicted, torch.tensor([2.0]))
    loss.backward()
    assert math.isfinite(loss.item())
    assert predicted.grad is not None
    assert predicted.grad.item() < 0


def regressor(target: np.ndarray, transform: str = "none") -> ServedRegressor:
    """A module whose network is the identity."""
    return ServedRegressor(torch.nn.Identity(), torch.nn.Identity(), target_scale.fit(target, transform))


@pytest.mark.parametrize("transform", ["none", "log1p"])
def test_rmsle_is_of_the_targets_own_unit(transform: str) -> None:
    """The network learns standardised values; the loss compares what they stand for."""
    module = regressor(TARGET, transform)
    standardised = [torch.from_numpy(module.scale.standardised(values)) for values in (PREDICTED, TARGET)]
    rows = Rows((), standardised[1])
    loss = objective(module, Training(loss="rmsle"), (), rows)
    assert loss(standardised[0][:, None], rows.target).item() == pytest.approx(BY_HAND["rmsle"], rel=1e-5)


LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 0.0]])
CLASSES = torch.tensor([0, 0, 1, 0])


def classes_loss(weights: object) -> Loss:
    """Cross-entropy of three classes, of which the rows above train."""
    module = ServedClassifier(torch.nn.Identity(), torch.nn.Identity())
    settings = Training(class_weights=weights)  # type: ignore[arg-type]
    return objective(module, settings, ("a", "b", "c"), Rows((), CLASSES))


def test_without_weights_cross_entropy_is_torchs() -> None:
    """Softmax is applied once, by the loss."""
    expected = functional.cross_entropy(LOGITS, CLASSES)
    assert classes_loss("none")(LOGITS, CLASSES).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(("choice", "weights"), [("balanced", [1 / 3, 1.0, 4.0]), ({"b": 5}, [1.0, 5.0, 1.0])])
def test_class_weights_weigh_the_rows(choice: object, weights: list[float]) -> None:
    """On all training rows it is torch's weighted mean, whatever the weights' scale; on a part, a mean over rows."""
    expected = functional.cross_entropy(LOGITS, CLASSES, weight=torch.tensor(weights))
    loss = classes_loss(choice)
    assert loss(LOGITS, CLASSES).item() == pytest.approx(expected.item(), rel=1e-5)
    parts = [loss(LOGITS[part], CLASSES[part]).item() * size for part, size in ((slice(1), 1), (slice(1, 4), 3))]
    assert sum(parts) / 4 == pytest.approx(expected.item(), rel=1e-5)


def test_balanced_classes_count_the_same_together() -> None:
    """The rows of each class weigh as much as those of any other."""
    weights = losses.class_weights("balanced", ("a", "b"), torch.tensor([0, 0, 0, 1]))
    assert weights is not None
    assert weights.tolist() == pytest.approx([2 / 3, 2.0])


def recipe(folder: Path, training: str, target: str = "price") -> Recipe:
    """A recipe on a table whose third price is -3 and whose kinds are a and b."""
    rows = "".join(f"{n},{-3 if n == 2 else n + 0.5},{'ab'[n % 2]}\n" for n in range(20))
    (folder / "houses.csv").write_text("x,price,kind\n" + rows)
    text = f'name = "n"\n[data]\npath = "houses.csv"\ntarget = "{target}"\n[training]\n{training}'
    (folder / "houses.toml").write_text(text)
    return load(folder / "houses.toml")


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ('loss = "rmsle"', "the loss 'rmsle' takes values above -1 only"),
        ('target_transform = "log"', "target_transform = 'log' takes values above 0 only"),
        ('target_transform = "log1p"', "target_transform = 'log1p' takes values above -1 only"),
    ],
)
def test_a_target_out_of_range_is_named(tmp_path: Path, training: str, sentence: str) -> None:
    """The error names file, row, target, value and what asks for more."""
    given = recipe(tmp_path, training)
    with pytest.raises(DataError) as problem:
        resolve(given, table_of(given))
    assert str(problem.value) == f"houses.csv, row 3: the target 'price' is -3; {sentence}."


@pytest.mark.parametrize(
    ("training", "target", "sentence"),
    [
        ('class_weights = "balanced"', "price", "class_weights is for a classification; 'price' is a quantity."),
        ('target_transform = "log"', "kind", "target_transform is for a quantity; 'kind' holds classes."),
        ("class_weights = {c = 2.0}", "kind", "class_weights names 'c', which is none of the classes: 'a', 'b'."),
        ("momentum = 0.5", "price", "momentum is for the optimizer 'sgd', not for 'adamw'."),
        ('loss = "rmsle"', "kind", "The loss 'rmsle' is not for classification"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, training: str, target: str, sentence: str) -> None:
    """A key for the other task, for another optimiser or for a class that is not there is an error."""
    given = recipe(tmp_path, training, target)
    with pytest.raises(RecipeError) as problem:
        resolve(given, table_of(given))
    assert sentence in str(problem.value)


def test_defaults_that_hang_on_the_optimizer_are_written_out(tmp_path: Path) -> None:
    """The recipe as run tells momentum and weight decay."""
    given = recipe(tmp_path, 'optimizer = "sgd"')
    assert resolve(given, table_of(given)).training.momentum == 0.9
    given = recipe(tmp_path, "")
    resolved = resolve(given, table_of(given)).training
    assert (resolved.momentum, resolved.weight_decay) == (None, 0.01)
