"""The encoder of one model: its instances, or parts of them that were sent otherwise, to the graph's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam.encoding.categories import Vocabulary
from mulgam.encoding.largest import FLOAT32_MAX
from mulgam.encoding.numbers import PlainNumbers, number
from mulgam.encoding.rows import Rows
from mulgam.encoding.tensor import tensor
from mulgam.encoding.text import text_points
from mulgam.errors import InputError
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Signature
from mulgam.tensors import Arrays
from mulgam.wording import shown


class Encoder:
    """Encodes the instances of one model.

    Examples:
        >>> from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
        >>> rooms, price = (Feature("rooms", "number"),), Target("price")
        >>> house = Signature("house", "regression", rooms, price, graph_inputs(rooms), graph_outputs(price), {})
        >>> Encoder(house).encode([[3], {"rooms": None}])["numeric"].tolist()
        [[3.0], [nan]]
    """

    def __init__(self, signature: Signature) -> None:
        self._features = features = signature.features
        self._rows = Rows(features)
        positions = {feature.name: position for position, feature in enumerate(features)}
        self._numbers = [positions[feature.name] for feature in signature.numbers]
        self._categories = [(positions[one.name], Vocabulary(one)) for one in signature.categories]
        self._text = None if signature.text is None else positions[signature.text.name]
        self._tensors = [positions[feature.name] for feature in signature.tensors]
        self._plain = PlainNumbers(features) if len(self._numbers) == len(features) else None

    def encode(self, instances: object) -> Arrays:
        """Instances (a list; each a list in feature order, an object, or the bare value of a text or one tensor).

        Returns:
            `numeric` float32 [N, F], `categories` int64 [N, C], `text` int32 [N, L]: those the model has; or its own
            tensors [N, …].

        Raises:
            InputError: with the code and the place of the first mistake.
        """
        rows = self._rows.ordered(instances)
        if self._plain is not None:
            return {NUMERIC: self._plain.encode(rows)}
        features = self._features
        arrays: Arrays = {
            features[p].name: np.stack([tensor(features[p], row[p], n) for n, row in enumerate(rows)])
            for p in self._tensors
        }
        if self._numbers:
            arrays[NUMERIC] = np.array(
                [[number(features[p], row[p], n) for p in self._numbers] for n, row in enumerate(rows)],
                dtype=np.float32,
            )
        if self._categories:
            arrays[CATEGORIES] = np.array(
                [[vocabulary.id_of(row[p], n) for p, vocabulary in self._categories] for n, row in enumerate(rows)],
                dtype=np.int64,
            )
        if self._text is not None:
            p = self._text
            arrays[TEXT] = np.stack([text_points(features[p], row[p], n) for n, row in enumerate(rows)])
        return arrays

    @property
    def takes_matrices(self) -> bool:
        """Whether every feature is a number."""
        return self._plain is not None

    def encode_matrix(self, matrix: npt.NDArray[np.float64]) -> Arrays | None:
        """What `encode` makes of rows that are lists of numbers.

        Args:
            matrix: finite, float64 [N, F'], for a model that takes matrices.

        Returns:
            None where they do not fit the model: `encode` says why.
        """
        if matrix.shape[1] != len(self._features) or np.abs(matrix).max() > FLOAT32_MAX:
            return None
        return {NUMERIC: matrix.astype(np.float32)}

    def encode_words(self, name: str, words: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A graph input that was sent as words instead of encoded.

        Args:
            name: `categories` (words [N, C]; empty: missing) or `text` (words [N] or [N, 1]).
            words: strings.

        Raises:
            InputError: WRONG_SHAPE, WRONG_TYPE or BAD_UTF8.
        """
        features = self._features
        if name == TEXT and self._text is not None and words.size == len(words) > 0:
            text = features[self._text]
            return np.stack([text_points(text, word, n) for n, word in enumerate(words.ravel().tolist())])
        if name != CATEGORIES or words.ndim != 2 or words.shape[1] != len(self._categories):
            raise InputError("WRONG_SHAPE", f"The input {shown(name)} can't be sent as words of this shape.", name)
        return np.array(
            [
                [vocabulary.id_of_word(word, n) for (_, vocabulary), word in zip(self._categories, row, strict=True)]
                for n, row in enumerate(words.tolist())
            ],
            dtype=np.int64,
        )
