"""How far two versions lie apart, in terms that mean something to whoever decides on the new one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mulgam.signature import Tolerance
from service.shadow.disagreement import disagreement


def version(classes: tuple[str, ...] = (), relative: float = 1e-5) -> Any:
    """As much of a served version as a comparison looks at; the target deviates by 2."""
    target = SimpleNamespace(classes=classes)
    return SimpleNamespace(signature=SimpleNamespace(target=target), tolerance=Tolerance(relative, 2.0))


def floats(*values: Any) -> Any:
    """A float32 array."""
    return np.array(values, np.float32)


def test_a_quantity_is_compared_in_deviations_of_its_target() -> None:
    """The mean over the rows; they agree where each lies within 1 % of max(|answer|, deviation)."""
    answer = floats(1.0, 100.0)
    assert disagreement(version(), answer, version(), answer) == (0.0, True)
    apart, agrees = disagreement(version(), answer, version(), floats(1.015, 100.9))
    assert (apart, agrees) == (pytest.approx((0.015 + 0.9) / 2 / 2, rel=1e-3), True)
    assert disagreement(version(), answer, version(), floats(1.03, 100.0))[1] is False
    assert disagreement(version(relative=0.05), answer, version(), floats(1.03, 100.0))[1] is True


def test_classes_are_compared_by_name() -> None:
    """The share of rows with another class, though the versions order their classes differently."""
    ours, theirs = version(("cat", "dog")), version(("dog", "cat", "fox"))
    answer = floats([0.9, 0.1], [0.2, 0.8])
    assert disagreement(ours, answer, theirs, floats([0.1, 0.6, 0.3], [0.8, 0.1, 0.1])) == (0.0, True)
    assert disagreement(ours, answer, theirs, floats([0.1, 0.6, 0.3], [0.1, 0.1, 0.8])) == (0.5, False)


@pytest.mark.parametrize(
    ("ours", "answer", "theirs", "other"),
    [
        (version(), floats(1.0), version(("a", "b")), floats([0.5, 0.5])),
        (version(), floats(1.0), version(), floats([1.0, 2.0])),
        (version(("a", "b")), floats([0.5, 0.5]), version(("a", "b")), floats([0.5, 0.5], [0.5, 0.5])),
    ],
)
def test_what_can_not_be_compared_is_an_error(ours: Any, answer: Any, theirs: Any, other: Any) -> None:
    """A price and a class, other shapes."""
    with pytest.raises(ValueError, match="another"):
        disagreement(ours, answer, theirs, other)
