"""Numbers outside of the range that training had, for a service that refuses them (`MULGAM_OUT_OF_RANGE`).

Only numbers have such a range. A missing value is the signature's to allow, and an unseen word is one that training has
learnt to answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mulgam.errors import InputError
from mulgam.signature import NUMERIC, Feature, Signature
from mulgam.tensors import Arrays

# Features of a model that have series of their own.
MOST_FEATURES = 256


@dataclass(frozen=True)
class Outside:
    """The numbers of a request, float32 [N, F], and which of them are outside: at least one."""

    features: tuple[Feature, ...]
    values: npt.NDArray[np.float32]
    beyond: npt.NDArray[np.bool_]

    @property
    def rows(self) -> npt.NDArray[np.bool_]:
        """The rows that have such a number, [N]."""
        return np.asarray(self.beyond.any(axis=1))

    def counts(self) -> dict[str, int]:
        """feature -> how many of its values are outside, where any are."""
        found = self.beyond.sum(axis=0)[:MOST_FEATURES].tolist()
        return {feature.name: count for feature, count in zip(self.features, found, strict=False) if count}

    def problem(self, row: int, where: str) -> InputError:
        """What is wrong with a row; `where` comes before the feature's name."""
        column = int(self.beyond[row].argmax())
        feature = self.features[column]
        unit = f" {feature.unit}" if feature.unit else ""
        name = f"{where}{feature.name}"
        sentence = (
            f"{name} is {_plain(self.values[row, column])}; training had {_span(feature)}{unit}, and numbers outside of"
            " that are refused here."
        )
        return InputError("OUTSIDE_TRAINING", sentence, field=name)

    def first(self, rows: str) -> InputError:
        """What is wrong with the first such row of a request that calls its rows so."""
        row = int(self.rows.argmax())
        return self.problem(row, f"{rows}[{row}].")


class Ranges:
    """The ranges of one model's numbers, inclusive, compared as the model sees them: as 32-bit floats.

    Args:
        signature: of the model.
    """

    def __init__(self, signature: Signature) -> None:
        self._features = signature.numbers
        low = [-np.inf if feature.minimum is None else feature.minimum for feature in self._features]
        high = [np.inf if feature.maximum is None else feature.maximum for feature in self._features]
        self._low, self._high = np.array(low, np.float32), np.array(high, np.float32)

    def outside(self, tensors: Arrays) -> Outside | None:
        """The numbers among encoded rows that are outside; None where none is. A missing one is not."""
        values = tensors.get(NUMERIC)
        if values is None or not self._features:
            return None
        beyond = (values < self._low) | (values > self._high)
        return Outside(self._features, values, beyond) if beyond.any() else None


def _span(feature: Feature) -> str:
    if feature.minimum is None:
        return f"at most {_plain(feature.maximum)}"
    if feature.maximum is None:
        return f"at least {_plain(feature.minimum)}"
    return f"{_plain(feature.minimum)} to {_plain(feature.maximum)}"


def _plain(value: float | None) -> str:
    """As short as a 32-bit float is: 6.2, not 6.199999809265137."""
    return str(np.float32(value)).removesuffix(".0")
