"""The network: a stem for each graph input, and a multilayer perceptron on what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}


def mlp(inputs: int, hidden: Sequence[int], outputs: int, activation: str = "relu", dropout: float = 0.0) -> nn.Module:
    """Linear layers with an activation and dropout after each hidden one.

    **Shape**
        - input: [N, inputs]
        - output: [N, outputs], without activation: a standardised quantity, or logits

    Args:
        inputs: number of columns.
        hidden: sizes of the hidden layers; none makes a linear model.
        outputs: 1, or the number of classes.
        activation: a key of `ACTIVATIONS`.
        dropout: share of hidden values set to 0 in training.

    Examples:
        >>> mlp(3, [8], 1)
        Sequential(
          (0): Linear(in_features=3, out_features=8, bias=True)
          (1): ReLU()
          (2): Linear(in_features=8, out_features=1, bias=True)
        )
    """
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(inputs, size), ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = size
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class BesideLinear(nn.Module):
    """A linear model and a deeper one, added: what a sum of single words says is learnt at once, the rest beside it.

    Source: Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems" (arXiv 1606.07792).

    **Shape**
        - input: [N, inputs]
        - output: [N, outputs]

    Args:
        inputs: number of columns.
        outputs: 1, or the number of classes.
        deep: inputs → outputs.
    """

    def __init__(self, inputs: int, outputs: int, deep: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.deep = deep

    def forward(self, columns: Tensor) -> Tensor:
        """The sum of both."""
        answer: Tensor = self.linear(columns) + self.deep(columns)
        return answer


class Network(nn.Module):
    """Turns each input into columns by a stem of its own, and takes all columns through one body.

    **Shape**
        - inputs: up to three tensors [N, …], in the order of the stems
        - output: that of the body

    Args:
        stems: input → columns [N, C], one for each input.
        body: all columns, side by side → output.
    """

    def __init__(self, stems: Sequence[nn.Module], body: nn.Module) -> None:
        super().__init__()
        self.stems = nn.ModuleList(stems)
        self.body = body

    # Optional arguments instead of *inputs: TorchScript knows no variable number of them.
    def forward(self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None) -> Tensor:
        """The body's answer."""
        inputs = [first]
        if second is not None:
            inputs.append(second)
        if third is not None:
            inputs.append(third)
        columns = []
        for position, stem in enumerate(self.stems):
            columns.append(stem(inputs[position]))
        output: Tensor = self.body(torch.cat(columns, dim=1))
        return output
