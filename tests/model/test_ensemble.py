"""The efficient ensemble: members that share weights, learn alone and answer together."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from model.networks.ensemble import AdaptedLinear, Ensemble, of_each_member
from model.networks.network import mlp
from model.training.losses import LOSSES

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32))


def ensemble(outputs: int, hidden: tuple[int, ...] = (8, 5), members: int = 4) -> Ensemble:
    """A seeded one over three columns."""
    torch.manual_seed(0)
    return Ensemble(3, hidden, outputs, members)


def by_hand(module: Ensemble, member: int, rows: torch.Tensor) -> torch.Tensor:
    """One member's answer as a perceptron of its own: W ∘ (r sᵀ) in place of W, as the paper defines it."""
    for layer in module.layers:
        if isinstance(layer, AdaptedLinear):
            weight = layer.weight * layer.inputs[member][:, None] * layer.scale[member]
            rows = rows @ weight + layer.bias[member]
        else:
            rows = layer(rows)
    return rows @ module.heads.weight[member] + module.heads.bias[member]


@pytest.mark.parametrize("hidden", [(8, 5), ()])
def test_members_are_perceptrons_that_share_weights(hidden: tuple[int, ...]) -> None:
    """In training each member answers as the perceptron that its adapters make of the shared weights."""
    module = ensemble(2, hidden)
    for layer in module.layers:
        if isinstance(layer, AdaptedLinear):
            nn.init.normal_(layer.scale)
    answers = module(ROWS)
    assert answers.shape == (6, 4, 2)
    for member in range(4):
        torch.testing.assert_close(answers[:, member], by_hand(module, member, ROWS))
    assert not torch.allclose(answers[:, 0], answers[:, 1])


def test_the_served_quantity_is_the_members_mean() -> None:
    """One output is averaged as it is."""
    module = ensemble(1)
    torch.testing.assert_close(module.eval()(ROWS), module.train()(ROWS).mean(dim=1))


def test_the_served_probabilities_are_the_members_mean() -> None:
    """Softmax of the output gives the mean of the members' probabilities, not those of their mean logits."""
    module = ensemble(3)
    each = module.train()(ROWS).mul_(4.0)
    with torch.no_grad():
        module.heads.weight.mul_(4.0)
        module.heads.bias.mul_(4.0)
    served = torch.softmax(module.eval()(ROWS), dim=1)
    torch.testing.assert_close(served, torch.softmax(each, dim=2).mean(dim=1))
    assert not torch.allclose(served, torch.softmax(each.mean(dim=1), dim=1), atol=1e-3)


def test_each_member_learns_by_itself() -> None:
    """The loss is the mean of the members' losses; of a single answer it is the loss itself."""
    quantity, mse = ensemble(1), LOSSES["regression"]["mse"]
    target = ROWS.sum(dim=1)
    each = quantity(ROWS)
    expected = torch.stack([((each[:, member, 0] - target) ** 2).mean() for member in range(4)]).mean()
    torch.testing.assert_close(of_each_member(mse)(each, target), expected)
    alone = mlp(3, [4], 1)(ROWS)
    torch.testing.assert_close(of_each_member(mse)(alone, target), mse(alone, target))
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    logits = ensemble(3)(ROWS)
    losses = [functional.cross_entropy(logits[:, member], classes) for member in range(4)]
    found = of_each_member(LOSSES["classification"]["cross_entropy"])(logits, classes)
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_an_ensemble_costs_few_weights() -> None:
    """Of 16 members all but adapters and heads is shared: far below 16 perceptrons."""
    count = sum(parameter.numel() for parameter in Ensemble(64, [128, 64], 1, 16).parameters())
    single = sum(parameter.numel() for parameter in mlp(64, [128, 64], 1).parameters())
    assert count < 2 * single


def test_torchscript_compiles_it() -> None:
    """Its compiled form answers as it does, in batches of any size."""
    module = ensemble(2).eval()
    program = torch.jit.script(module)
    for rows in (ROWS, ROWS[:1], ROWS[:2]):
        torch.testing.assert_close(program(rows), module(rows))
