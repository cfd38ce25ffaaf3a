"""The largest number that rounds to each floating-point type: from halfway to what would come next on, it is infinite.

So float32's own largest, as short as it is written (3.4028235e38), is one, though the float64 that is read is larger.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mulgam.tensors import DTYPES


def _largest(datatype: str) -> float:
    most = np.finfo(DTYPES[datatype]).max
    step = float(most) - float(np.nextafter(most, most.dtype.type(0)))
    return float(np.nextafter(float(most) + step / 2, 0))


LARGEST: Mapping[str, float] = {datatype: _largest(datatype) for datatype in ("FP16", "FP32", "FP64")}
FLOAT32_MAX = LARGEST["FP32"]
