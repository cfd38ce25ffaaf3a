"""What the training of a served module minimises."""

from __future__ import annotations

from collections.abc import Sequence

from model.networks.served import Served, ServedRegressor
from model.recipe.sections import Training
from model.training import losses
from model.training.losses import IN_OWN_UNIT, LOSSES, Loss
from model.training.rows import Rows


def objective(module: Served, settings: Training, classes: Sequence[str], train: Rows) -> Loss:
    """The recipe's loss, in the target's own unit or with the weights of the classes, as it asks for.

    Args:
        module: untrained.
        settings: the loss and the weights.
        classes: their names, in order; none for a quantity.
        train: the training rows.
    """
    if isinstance(module, ServedRegressor):
        name = settings.loss or losses.default("regression")
        loss = LOSSES["regression"][name]
        return losses.in_unit(loss, module.scale) if name in IN_OWN_UNIT else loss
    loss = LOSSES["classification"][settings.loss or losses.default("classification")]
    weights = losses.class_weights(settings.class_weights, classes, train.target)
    return loss if weights is None else losses.weighted(loss, weights)
