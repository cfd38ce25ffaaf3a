"""Fit the temperature of a trained classifier on its validation rows and fold it into the served module."""

from __future__ import annotations

import torch

from model.networks.served import Served, ServedClassifier
from model.scores import calibration
from model.training.rows import Rows


def fold(module: Served, validation: Rows) -> None:
    """Set the module's temperature in place; no answer changes its most likely class.

    Args:
        module: a classifier, trained, in evaluation mode, on the CPU.
        validation: its rows as the network sees them, with class numbers.
    """
    assert isinstance(module, ServedClassifier)  # the recipe was checked
    with torch.no_grad():
        logits = torch.cat([module.network(*batch.inputs) for batch in validation.batches(4096)])
    module.temperature.fill_(calibration.temperature(logits.numpy(), validation.target.numpy()))


def of(module: Served) -> float:
    """The temperature that a module divides its logits by; 1 for a regression."""
    return float(module.temperature) if isinstance(module, ServedClassifier) else 1.0
