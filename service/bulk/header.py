"""The columns of a table: those that a model needs, those that are passed through, those of the answer."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from mulgam.errors import InputError
from mulgam.signature import Signature
from mulgam.wording import shown

PREDICTION, LABEL, PROBABILITY, ERROR = "prediction", "label", "probability", "error"


def answer_columns(signature: Signature) -> list[str]:
    """What a row is answered with, but for its `error`."""
    return [LABEL, PROBABILITY] if signature.target.classes else [PREDICTION]


def check_header(header: Sequence[str], signature: Signature, keep: Sequence[str]) -> None:
    """Raise InputError where a table with these columns is not this model's, or has not what is to be kept."""
    features = [feature.name for feature in signature.features]
    if len(set(header)) < len(header):
        doubled = next(name for place, name in enumerate(header) if name in header[:place])
        raise InputError("DUPLICATE_KEY", f"The header names {shown(doubled)} twice.", "header")
    for name in header:
        if name not in features and name not in keep:
            near = difflib.get_close_matches(name, [one for one in features if one not in header], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"keep={name[:40]} would pass it through."
            raise InputError(
                "UNKNOWN_FIELD", f"The header has {shown(name)}, which is no feature of this model; {hint}", "header"
            )
    for name in features:
        if name not in header:
            raise InputError("MISSING_FIELD", f"The header lacks the feature {name!r}.", "header")
    answers = [*answer_columns(signature), ERROR]
    for name in keep:
        if name not in header:
            raise InputError("BAD_PARAMETER", f"keep names {shown(name)}, which the header does not have.", "keep")
        if name in answers:
            raise InputError("BAD_PARAMETER", f"keep names {name!r}, which is a column of the answer.", "keep")
