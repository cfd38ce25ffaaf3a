"""Optimisers and schedules: what a recipe's keys do to the steps."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from model.networks.network import mlp
from model.recipe.sections import Training
from model.training.losses import LOSSES
from model.training.optimizers import learning_rate, optimizer
from model.training.rows import Rows
from model.training.steps import Steps

MSE = LOSSES["regression"]["mse"]
X = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
ROWS = Rows((X,), torch.tensor([10.0, -20.0, 30.0]))
SGD = Training(optimizer="sgd", learning_rate=0.1, epochs=8, batch_size=3)


def rates(settings: Training) -> list[float]:
    """The learning rate at the start of each epoch, of 1 at most."""
    return [learning_rate(replace(settings, learning_rate=1.0), epoch) for epoch in range(settings.epochs)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1.0] * 8),
        ("step", [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]),
        ("cosine", [1.0, 0.9619, 0.8536, 0.6913, 0.5, 0.3087, 0.1464, 0.0381]),
        ("one_cycle", [0.04, 0.3958, 0.9357, 0.9719, 0.8117, 0.5560, 0.2831, 0.0766]),
    ],
)
def test_a_schedule_goes_over_all_epochs(schedule: str, expected: list[float]) -> None:
    """Each schedule gives its share of the learning rate, epoch by epoch."""
    assert rates(replace(SGD, schedule=schedule)) == pytest.approx(expected, abs=1e-4)


def test_one_cycle_is_that_of_torch() -> None:
    """Over many steps its rates are those of `OneCycleLR` but for torch's counting of the first and last one."""
    way = torch.optim.SGD(linear().parameters(), lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(way, 1.0, total_steps=1000, cycle_momentum=False)
    expected = []
    for _ in range(1000):
        expected.append(way.param_groups[0]["lr"])
        way.step()
        cycle.step() if len(expected) < 1000 else None
    settings = replace(SGD, learning_rate=1.0, schedule="one_cycle", epochs=10)
    assert [learning_rate(settings, step / 100) for step in range(1000)] == pytest.approx(expected, abs=0.006)


def test_warmup_rises_step_by_step_before_the_schedule() -> None:
    """In the warm-up the rate rises in a straight line, from above 0; the schedule takes the epochs after it."""
    settings = replace(SGD, learning_rate=1.0, schedule="cosine", warmup=4)
    assert [learning_rate(settings, epoch) for epoch in (0, 1, 2.5, 4, 6)] == pytest.approx([0.01, 0.25, 0.625, 1, 0.5])


def test_a_warmup_longer_than_the_run_is_no_error() -> None:
    """A run of fewer epochs than its warm-up ends while the rate rises."""
    assert rates(replace(SGD, warmup=16))[-1] == pytest.approx(7 / 16)


def linear() -> nn.Linear:
    """A linear model that is always the same."""
    torch.manual_seed(0)
    return mlp(2, [], 1)[0]  # type: ignore[index, no-any-return]


def after_epochs(settings: Training, epochs: int) -> nn.Linear:
    """The linear model after some epochs of one step each."""
    network = linear()
    steps = Steps(network, MSE, optimizer(network, settings), settings)
    for number in range(1, epochs + 1):
        steps.epoch(ROWS.batches(3), 3, number)
    return network


def gradient() -> torch.Tensor:
    """Of the first step, of weights and bias together."""
    network = linear()
    MSE(network(X), ROWS.target).backward()
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None])


def moved(settings: Training, epochs: int = 1) -> torch.Tensor:
    """How far weights and bias moved."""
    pairs = zip(after_epochs(settings, epochs).parameters(), linear().parameters(), strict=True)
    return torch.cat([(after - before).detach().flatten() for after, before in pairs])


def test_a_step_is_the_rate_times_the_gradient() -> None:
    """Without anything else SGD steps down the gradient."""
    assert torch.allclose(moved(SGD), -0.1 * gradient(), atol=1e-6)


def test_clipping_bounds_the_step() -> None:
    """A step of SGD is at most as long as rate × clip, and its direction stays."""
    step = moved(replace(SGD, clip=0.5))
    assert step.norm().item() == pytest.approx(0.05, rel=1e-4)
    assert torch.cosine_similarity(step, -gradient(), dim=0).item() == pytest.approx(1.0, abs=1e-6)


def test_momentum_carries_the_last_step_on() -> None:
    """SGD's default momentum of 0.9 goes farther in two steps than none."""
    plain, by_default = (moved(replace(SGD, learning_rate=0.001, momentum=momentum), 2) for momentum in (0.0, None))
    assert by_default.norm() > 1.3 * plain.norm()


def test_weight_decay_pulls_weights_down() -> None:
    """Decay shrinks AdamW's weights; it is 0.01 by default."""
    settings = replace(SGD, optimizer="adamw", learning_rate=0.01)
    weights = {
        decay: after_epochs(replace(settings, weight_decay=decay), 1).weight.detach() for decay in (0.0, None, 0.01, 1)
    }
    assert torch.equal(weights[None], weights[0.01])
    assert torch.allclose(weights[0.0] - weights[1], 0.01 * linear().weight.detach(), atol=1e-6)


def test_the_last_batch_of_a_schedule_has_its_own_rate() -> None:
    """The rate changes with every step, not only with every epoch."""
    settings = replace(SGD, schedule="cosine", batch_size=1, epochs=1)
    network = linear()
    steps = Steps(network, MSE, optimizer(network, settings), settings)
    steps.epoch(ROWS.batches(1), 3, 1)
    assert steps.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.25)


def test_bfloat16_learns_about_the_same_and_leaves_float32() -> None:
    """Mixed precision steps near float32's, not on it, and weights stay float32."""
    network = after_epochs(replace(SGD, learning_rate=0.01, precision="bfloat16"), 1)
    exact = after_epochs(replace(SGD, learning_rate=0.01), 1)
    assert network.weight.dtype == torch.float32
    assert not torch.equal(network.weight, exact.weight)
    assert torch.allclose(network.weight, exact.weight, atol=0.05)
