"""How a training went, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """Losses of one epoch: of training while it went on, of validation after it."""

    number: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class History:
    """All epochs, and which one's weights were kept (0: none yet)."""

    epochs: tuple[Epoch, ...]
    best: int

    def and_then(self, epoch: Epoch) -> History:
        """With one more epoch, which is the best one if its validation loss is lower than all before."""
        better = not self.best or epoch.validation_loss < self.epochs[self.best - 1].validation_loss
        return History((*self.epochs, epoch), epoch.number if better else self.best)

    def is_over(self, epochs: int, patience: int) -> bool:
        """Whether all epochs are done, or `patience` of them went by without a better one."""
        done = len(self.epochs)
        return done >= epochs or (self.best > 0 and done - self.best >= patience)
