"""An efficient ensemble: many perceptrons that share their weights, told apart by small adapters of their own.

Source: Gorishniy et al. 2024, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling"
(arXiv 2410.24210), which takes the adapters from Wen et al. 2020, "BatchEnsemble" (arXiv 2002.06715).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from model.networks.network import ACTIVATIONS
from model.training.losses import Loss


class Ensemble(nn.Module):
    """The members' answers in training, each of which is learnt by itself; their mean when served.

    **Shape**
        - input: [N, inputs]
        - output in training: [N, members, outputs], without activation
        - output in evaluation: [N, outputs], the mean quantity; or, of several outputs, the logarithm of the mean
          probabilities, which softmax turns into the mean probabilities

    Args:
        inputs: number of columns.
        hidden: sizes of the hidden layers.
        outputs: 1, or the number of classes.
        members: how many perceptrons.
        activation: a key of `ACTIVATIONS`.
        dropout: share of hidden values set to 0 in training.

    Examples:
        >>> Ensemble(3, [8], 1, members=4)(torch.zeros(5, 3)).shape
        torch.Size([5, 4, 1])
        >>> Ensemble(3, [8], 1, members=4).eval()(torch.zeros(5, 3)).shape
        torch.Size([5, 1])
    """

    def __init__(
        self, inputs: int, hidden: Sequence[int], outputs: int, members: int, activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        for size in hidden:
            layers += [AdaptedLinear(inputs, size, members, first=not layers), ACTIVATIONS[activation]()]
            layers += [nn.Dropout(dropout)] if dropout else []
            inputs = size
        self.layers = nn.Sequential(*layers)
        self.heads = MemberHeads(inputs, outputs, members)
        self.members, self.classes = members, outputs > 1

    def forward(self, columns: Tensor) -> Tensor:
        """Each member's answer, or the mean of all."""
        answers: Tensor = self.heads(self.layers(columns.unsqueeze(1)))
        if self.training:
            return answers
        if self.classes:
            return torch.logsumexp(torch.log_softmax(answers, dim=2), dim=1) - math.log(self.members)
        return answers.mean(dim=1)


class AdaptedLinear(nn.Module):
    """A linear layer with one weight matrix for all members; each has its own scales of inputs and outputs, and bias.

    **Shape**
        - input: [N, members, inputs], or [N, 1, inputs] where all members see the same
        - output: [N, members, outputs]

    Args:
        inputs: of each member.
        outputs: of each member.
        members: how many.
        first: scale the inputs by random signs, which is what members differ by at first; all else starts at 1.
    """

    def __init__(self, inputs: int, outputs: int, members: int, *, first: bool = False) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        ones = torch.ones(members, inputs)
        self.inputs = nn.Parameter(torch.randint_like(ones, 2) * 2.0 - 1.0 if first else ones)
        self.scale = nn.Parameter(torch.ones(members, outputs))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound).repeat(members, 1))

    def forward(self, columns: Tensor) -> Tensor:
        """The layer's outputs for each member."""
        return torch.matmul(columns * self.inputs, self.weight) * self.scale + self.bias


class MemberHeads(nn.Module):
    """A last linear layer for each member, none of it shared.

    **Shape**
        - input: [N, members, inputs], or [N, 1, inputs] where all members see the same
        - output: [N, members, outputs]
    """

    def __init__(self, inputs: int, outputs: int, members: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, columns: Tensor) -> Tensor:
        """One product for each member: [members, N, inputs] × [members, inputs, outputs]."""
        return torch.matmul(columns.transpose(0, 1), self.weight).transpose(0, 1) + self.bias


def of_each_member(loss: Loss) -> Loss:
    """The mean of the members' losses where an output is [N, members, …], as in training; else the loss itself.

    What a member learns does not depend on the others: the loss of their mean answer would let them rely on it.
    """

    def rows(output: Tensor, target: Tensor) -> Tensor:
        if output.dim() == 2:
            return loss.rows(output, target)
        each = loss.rows(output.flatten(0, 1), target.repeat_interleave(output.size(1)))
        return each.view(output.shape[:2]).mean(dim=1)

    return replace(loss, rows=rows)
