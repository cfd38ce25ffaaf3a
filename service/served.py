"""What this process serves: one verified version of each model, with what a request needs of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mulgam.encoding import Encoder, shown
from mulgam.errors import RegistryError
from mulgam.registry import ONNX, VARIANTS, Entry, Registry
from mulgam.signature import PRECISION, Signature, Tolerance
from service.errors import ApiError


@dataclass(frozen=True)
class Served:
    """One model as it is served: its verified version, the runtime that computes it, and in which precision."""

    entry: Entry
    runtime: str
    precision: str = PRECISION
    encoder: Encoder = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", Encoder(self.entry.signature))

    @property
    def name(self) -> str:
        """The model's name."""
        return self.entry.model

    @property
    def version(self) -> int:
        """The version's number."""
        return self.entry.version

    @property
    def digest(self) -> str:
        """The version's digest, which every answer of the backend must carry."""
        return self.entry.digest

    @property
    def signature(self) -> Signature:
        """The version's signature."""
        return self.entry.signature

    @property
    def tolerance(self) -> Tolerance:
        """How far an answer of this runtime, in this precision, may lie from a stored one."""
        return self.signature.tolerance_of(self.runtime, self.precision)

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The held-out scores with their baselines, as training wrote them."""
        scores: dict[str, Any] = json.loads((self.entry.path / "metrics.json").read_text(encoding="utf-8"))
        return scores

    @cached_property
    def baseline(self) -> dict[str, Any]:
        """Histograms of training, which drift is measured against."""
        baseline: dict[str, Any] = json.loads((self.entry.path / "baseline.json").read_text(encoding="utf-8"))
        return baseline


def check_has_onnx(entry: Entry, precision: str = PRECISION) -> None:
    """Raise RegistryError for a version without ONNX in this precision: nothing computes it in the gateway."""
    if "onnx" not in entry.runtimes:
        raise RegistryError(
            f"Version {entry.version} of {entry.model!r} has TorchScript only; serve it with BACKEND=torchserve."
        )
    if not onnx_path(entry, precision).is_file():
        raise RegistryError(
            f"Version {entry.version} of {entry.model!r} has no {precision} form, which MULGAM_PRECISION asks for;"
            f' train it with [release] variants = ["{precision}"].'
        )


def onnx_path(entry: Entry, precision: str) -> Path:
    """The version's ONNX file in a precision, whether it is there or not."""
    return entry.path / (ONNX if precision == PRECISION else VARIANTS[precision])


class Catalogue:
    """The served models by name."""

    def __init__(self, served: Iterable[Served]) -> None:
        self._served: Mapping[str, Served] = {one.name: one for one in served}

    def __iter__(self) -> Any:
        return iter(self._served.values())

    def __len__(self) -> int:
        return len(self._served)

    def __contains__(self, model: str) -> bool:
        return model in self._served

    def serves(self, served: Served) -> bool:
        """Whether this very version is the one that is served."""
        return self._served.get(served.name) is served

    def find(self, model: str, version: str | None = None) -> Served:
        """The served version of a model.

        Raises:
            ApiError: 404, there is no such model, or this version of it is not served.
        """
        served = self._served.get(model)
        if served is None:
            names = ", ".join(sorted(self._served)) or "none"
            raise ApiError(404, "UNKNOWN_MODEL", f"There is no model {shown(model)} here; served are: {names}.")
        if version is not None and version != str(served.version):
            raise ApiError(
                404,
                "UNKNOWN_VERSION",
                f"Version {shown(version)} of {model!r} is not served; version {served.version} is.",
            )
        return served


def load(registry: Registry, versions: Mapping[str, int], runtime: str, precision: str = PRECISION) -> Catalogue:
    """Verify these versions and make them ready for requests, by `runtime` where they have the model in its form.

    Raises:
        RegistryError: one of them is missing or not what was published.
    """
    entries = (registry.entry(model, version) for model, version in versions.items())
    return Catalogue(Served(entry, entry.runtime(runtime), precision) for entry in entries)
