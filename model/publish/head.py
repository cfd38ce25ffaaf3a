"""What stands between a model's own output and the answer that its signature promises."""

from __future__ import annotations

from dataclasses import dataclass

from model.errors import PublishError
from mulgam.signature import Target


@dataclass(frozen=True)
class Head:
    """Steps behind the output, in this order.

    Attributes:
        flat: [N, 1] becomes [N].
        softmax: logits [N, K] become probabilities.
        sigmoid: logits of the second of two classes become its probability.
        both: the second class's probability becomes both classes', [N, 2].
    """

    flat: bool = False
    softmax: bool = False
    sigmoid: bool = False
    both: bool = False


def inferred_target(name: str, shape: tuple[int, ...], has_columns: bool) -> Target:
    """A target for an output whose row has this shape: a quantity where columns give one number, else a tensor."""
    return Target(name) if has_columns and shape in ((), (1,)) else Target(name, shape=shape)


def head(target: Target, shape: tuple[int, ...], logits: bool) -> Head:
    """The steps from an output whose row has this shape to the target.

    Raises:
        PublishError: there is no way from one to the other.
    """
    if target.shape is not None:
        if shape != target.shape:
            raise PublishError(f"The output's row has the shape {list(shape)}, the target {list(target.shape)}.")
        return Head()
    if not target.classes:
        if shape not in ((), (1,)):
            raise PublishError(
                f"The output's row has the shape {list(shape)}: no single number. Say target.classes in the signature"
                " file if they are classes, or target.shape if it is a tensor."
            )
        return Head(flat=True)
    if shape == (len(target.classes),):
        return Head(softmax=logits)
    if shape in ((), (1,)) and len(target.classes) == 2:
        return Head(flat=True, sigmoid=logits, both=True)
    raise PublishError(f"The output's row has the shape {list(shape)}, but there are {len(target.classes)} classes.")
