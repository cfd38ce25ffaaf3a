"""Instances as rows: each a list of values in the signature's order, whichever way it was written."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.wording import kind, listed, shown


class Rows:
    """Puts the instances of one model in order.

    Args:
        features: of its signature.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._names = [feature.name for feature in features]
        self._features = {feature.name: feature for feature in features}
        self._is_one_tensor = [feature.type for feature in features] == ["tensor"]
        self._is_one_text = [feature.type for feature in features] == ["text"]

    def ordered(self, instances: object) -> list[Sequence[object]]:
        """Each instance as a list of values in feature order; raises InputError where it can't be one."""
        if not isinstance(instances, list):
            raise InputError(
                "WRONG_SHAPE", f"instances must be a list of rows, not {kind(instances)}.", field="instances"
            )
        if not instances:
            raise InputError("EMPTY_BATCH", "instances is empty; send at least one row.", field="instances")
        width = len(self._names)
        rows: list[Sequence[object]] = []
        for number, instance in enumerate(instances):
            if self._is_one_tensor and not isinstance(instance, dict):
                rows.append([instance])
            elif isinstance(instance, list):
                if len(instance) != width:
                    raise self._wrong_width(number, instances)
                rows.append(instance)
            elif isinstance(instance, dict):
                rows.append(self._by_name(instance, number))
            elif self._is_one_text and isinstance(instance, str):
                rows.append([instance])
            else:
                raise InputError(
                    "WRONG_TYPE",
                    f"instances[{number}] must be a list of {width} values or an object with the features as keys,"
                    f" not {kind(instance)}.",
                    field=f"instances[{number}]",
                )
        return rows

    def _wrong_width(self, number: int, instances: list[Any]) -> InputError:
        width, got = len(self._names), len(instances[number])
        uniform = all(isinstance(row, list) and len(row) == got for row in instances)
        return InputError(
            "WRONG_SHAPE" if uniform else "RAGGED",
            f"instances[{number}] has {got} value{'' if got == 1 else 's'}; the model takes {width}"
            f" ({listed(self._names)}).",
            field=f"instances[{number}]",
        )

    def _by_name(self, instance: dict[str, object], number: int) -> list[object]:
        if len(instance) == len(self._names):
            try:
                return [instance[name] for name in self._names]
            except KeyError:
                pass
        for name in instance:
            if name not in self._features:
                near = difflib.get_close_matches(name, self._names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; it has {listed(self._names)}."
                raise InputError(
                    "UNKNOWN_FIELD",
                    f"instances[{number}] has {shown(name)}, which is no feature of this model{hint}",
                    field=f"instances[{number}]",
                )
        absent = next(name for name in self._names if name not in instance)
        hint = " (null where the value is missing)" if self._features[absent].missing else ""
        raise InputError(
            "MISSING_FIELD",
            f"instances[{number}] lacks the feature {absent!r}; every feature must be there{hint}.",
            field=f"instances[{number}].{absent}",
        )


def place(feature: Feature, row: int) -> str:
    """Where a value stands, as errors say it."""
    return f"instances[{row}].{feature.name}"


def wrong(code: str, feature: Feature, row: int, what: str) -> InputError:
    """A mistake in one value; `what` comes after its place."""
    where = place(feature, row)
    return InputError(code, f"{where}{what}", field=where)
