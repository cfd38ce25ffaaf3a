"""Golden requests: instances with the answers that a version must give, stored beside it.

They are made from the signature (never rows of anyone's data) and replayed when serving starts and by
readiness: a service is ready when the real backend still gives these answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam import strict
from mulgam.errors import RegistryError
from mulgam.signature import Tolerance

FORMAT = 1


@dataclass(frozen=True)
class Golden:
    """One request: `instances` as a caller would send them, `answer` float32 [N] or [N, K]."""

    instances: list[Any]
    answer: npt.NDArray[np.float32]

    def mismatch(self, got: npt.NDArray[Any], tolerance: Tolerance) -> str | None:
        """None where `got` is the stored answer within the tolerance, else a sentence."""
        if got.shape != self.answer.shape:
            return f"the answer has the shape {list(got.shape)}, expected {list(self.answer.shape)}"
        expected = self.answer.astype(np.float64)
        allowed = tolerance.relative * np.maximum(np.abs(expected), tolerance.floor)
        apart = np.abs(got.astype(np.float64) - expected)
        if np.isfinite(got).all() and (apart <= allowed).all():
            return None
        return f"the answer lies {np.nanmax(apart):.3g} from the stored one, allowed are {allowed.min():.3g}"


def dumps(requests: list[Golden]) -> str:
    """The document as stored in `golden.json`."""
    stored = [{"instances": golden.instances, "answer": golden.answer.tolist()} for golden in requests]
    return json.dumps({"format": FORMAT, "requests": stored}, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def load(path: Path) -> list[Golden]:
    """Read a `golden.json`; raises RegistryError where it is not one."""
    read = strict.fields(strict.read_document(path), str(path), required={"format": int, "requests": list}, optional={})
    if read["format"] != FORMAT or not read["requests"]:
        raise RegistryError(f"{path} has format {read['format']!r} or no request; this Mulgam reads format {FORMAT}.")
    requests = []
    for position, item in enumerate(read["requests"]):
        where = f"{path}: requests[{position}]"
        one = strict.fields(item, where, required={"instances": list, "answer": list}, optional={})
        try:
            requests.append(Golden(one["instances"], np.array(one["answer"], dtype=np.float32)))
        except (ValueError, TypeError) as problem:
            raise RegistryError(f"{where}: the answer is not an array of numbers.") from problem
    return requests
