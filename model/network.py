"""The network: a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

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
