"""Categories and booleans as vocabulary ids: 0 unseen, 1 missing, the known values from 2 on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mulgam.encoding.rows import wrong
from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.wording import kind

UNSEEN, MISSING, FIRST_KNOWN = 0, 1, 2
BOOLEANS = ("false", "true")


class Vocabulary:
    """The ids of one category or boolean.

    Args:
        feature: which.
    """

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._ids = {value: FIRST_KNOWN + position for position, value in enumerate(_known(feature))}

    def id_of(self, value: object, row: int) -> int:
        """The id of one value of an instance; raises InputError WRONG_TYPE, in that row."""
        feature = self._feature
        if value is None and feature.missing:
            return MISSING
        if feature.type == "boolean":
            if not isinstance(value, bool):
                raise wrong("WRONG_TYPE", feature, row, f" must be true or false, not {kind(value)}.")
            return FIRST_KNOWN + value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise wrong("WRONG_TYPE", feature, row, f" must be a string, not {kind(value)}.")
        return self._ids.get(str(value), UNSEEN)

    def id_of_word(self, word: str, row: int) -> int:
        """The id of a value that was sent as a word, an empty one for a missing value; raises InputError WRONG_TYPE."""
        if self._feature.type == "boolean" and word in BOOLEANS:
            return self._ids[word]
        return self.id_of(word or None, row)


def tidy(value: float) -> str:
    """A number as a word, 1 and 1.0 being one: so a category of numbers is called in training and in serving."""
    return str(int(value)) if value.is_integer() else repr(value)


def check_ids(features: Sequence[Feature], name: str, ids: npt.NDArray[np.int64]) -> None:
    """Raise InputError where encoded ids are none, or lack a value that must be there.

    An id past the vocabulary would look up a row that the graph's table does not have.

    Args:
        features: of the columns.
        name: of the graph's input.
        ids: [N, C].
    """
    sizes = np.array([FIRST_KNOWN + len(_known(feature)) for feature in features])
    if ((ids < 0) | (ids >= sizes)).any():
        raise InputError("OUT_OF_RANGE", f"The input {name!r} holds an unknown id.", field=name)
    required = [column for column, feature in enumerate(features) if not feature.missing]
    if (ids[:, required] == MISSING).any():
        raise InputError("OUT_OF_RANGE", f"The input {name!r} lacks a value that must be there.", field=name)


def _known(feature: Feature) -> tuple[str, ...]:
    return BOOLEANS if feature.type == "boolean" else feature.vocabulary
