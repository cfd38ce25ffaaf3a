"""Golden requests: instances with the answers that a version must give, stored beside it.

They are made from the signature (never rows of anyone's data) and replayed when serving starts and by
readiness: a service is ready when the real backend still gives these answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam import strict
from mulgam.encoding.largest import FLOAT32_MAX
from mulgam.errors import RegistryError
from mulgam.signature import Tolerance

FORMAT = 1


@dataclass(frozen=True)
class Golden:
    """One request: `instances` as a caller would send them, `answer` float32 [N, …]."""

    instances: list[Any]
    answer: npt.NDArray[np.float32]

    def mismatch(self, got: npt.NDArray[Any], tolerance: Tolerance) -> str | None:
        """None where `got` is the stored answer within the tolerance, else a sentence."""
        if got.shape != self.answer.shape:
            return f"the answer has the shape {list(got.shape)}, expected {list(self.answer.shape)}"
        if not np.isfinite(got).all():
            return "the answer holds NaN or an infinity"
        expected = self.answer.astype(np.float64)
        allowed = tolerance.relative * np.maximum(np.abs(expected), tolerance.floor)
        apart = np.abs(got.astype(np.float64) - expected)
        if (apart <= allowed).all():
            return None
        worst = np.unravel_index(np.argmax(apart - allowed), apart.shape)
        return (
            f"the answer lies {apart[worst]:.3g} from the stored one in row {worst[0]},"
            f" allowed are {allowed[worst]:.3g}"
        )


def dumps(requests: list[Golden]) -> str:
    """The document as stored in `golden.json`."""
    stored = [{"instances": golden.instances, "answer": golden.answer.tolist()} for golden in requests]
    return json.dumps({"format": FORMAT, "requests": stored}, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def load(path: Path) -> list[Golden]:
    """Read a `golden.json`; raises RegistryError where it is not one."""
    return parse(strict.read_document(path), str(path))


def parse(document: Mapping[str, Any], path: str = "golden.json") -> list[Golden]:
    """The requests of a parsed `golden.json`; raises RegistryError where it is not one."""
    read = strict.fields(document, path, required={"format": int, "requests": list}, optional={})
    if read["format"] != FORMAT or not read["requests"]:
        raise RegistryError(f"{path} has format {read['format']!r} or no request; this Mulgam reads format {FORMAT}.")
    requests = []
    for position, item in enumerate(read["requests"]):
        where = f"{path}: requests[{position}]"
        one = strict.fields(item, where, required={"instances": list, "answer": list}, optional={})
        requests.append(Golden(one["instances"], _answer(one["answer"], len(one["instances"]), where)))
    return requests


def _answer(stored: list[Any], rows: int, where: str) -> npt.NDArray[np.float32]:
    try:
        wide = np.array(stored)
    except ValueError as problem:
        raise RegistryError(f"{where}: the answer is ragged.") from problem
    # Words, booleans and null make arrays of other kinds.
    if wide.dtype.kind not in "if" or wide.ndim < 1 or not (np.abs(wide) <= FLOAT32_MAX).all():
        raise RegistryError(f"{where}: the answer is not an array of finite numbers.")
    if not len(wide) == rows > 0:
        raise RegistryError(f"{where} has {len(wide)} answers for {rows} instances.")
    return wide.astype(np.float32)
