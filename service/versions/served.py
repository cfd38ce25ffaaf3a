"""What this process serves: the verified versions of each model, with what a request needs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mulgam.encoding.encoder import Encoder
from mulgam.errors import RegistryError
from mulgam.registry import ONNX, VARIANTS, Entry, Registry
from mulgam.signature import PRECISION, Signature, Tolerance
from mulgam.wording import shown
from service.errors import ApiError
from service.versions.ranges import Ranges
from service.versions.split import Share


@dataclass(frozen=True, eq=False)
class Served:
    """One model as it is served: its verified version, the runtime that computes it, and in which precision.

    Compared and hashed by identity: two versions may have the same files, and one that comes back is loaded anew. So
    whatever is kept for a version (queue, breaker, session) ends with that one alone.
    """

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
    def ranges(self) -> Ranges:
        """What training saw of its numbers."""
        return Ranges(self.signature)

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The held-out scores with their baselines, as training wrote them."""
        return self.entry.document("metrics.json")

    @cached_property
    def baseline(self) -> dict[str, Any]:
        """Histograms of training, which drift is measured against."""
        return self.entry.document("baseline.json")


def check_has_onnx(entry: Entry, precision: str = PRECISION) -> None:
    """Raise RegistryError for a version without ONNX in this precision: nothing computes it in the gateway."""
    if "onnx" not in entry.runtimes:
        raise RegistryError(
            f"Version {entry.version} of {entry.model!r} has TorchScript only; serve it with BACKEND=torchserve."
        )
    if not (entry.path / onnx_name(precision)).is_file():
        raise RegistryError(
            f"Version {entry.version} of {entry.model!r} has no {precision} form, which MULGAM_PRECISION asks for;"
            f' train it with [release] variants = ["{precision}"].'
        )


def onnx_name(precision: str) -> str:
    """The name of a version's ONNX file in a precision."""
    return ONNX if precision == PRECISION else VARIANTS[precision]


@dataclass(frozen=True)
class LineUp:
    """One model's versions: the default answers, the canary takes a share of that, the shadow computes unheard."""

    default: Served
    canary: Served | None = None
    share: float = 0.0
    shadow: Served | None = None

    @property
    def versions(self) -> dict[int, Served]:
        """All of them by number."""
        return {one.version: one for one in (self.shadow, self.canary, self.default) if one is not None}

    @cached_property
    def is_for_canary(self) -> Callable[[str], bool]:
        """Whether the requests with a key are for the canary to answer, where there is one."""
        return Share(self.default.name, self.share).takes

    def of_key(self, key: str) -> Served:
        """The version that is to answer the requests with a key."""
        return self.canary if self.canary is not None and self.is_for_canary(key) else self.default


class Catalogue:
    """The served models by name; iterating gives their defaults."""

    def __init__(self, line_ups: Iterable[LineUp]) -> None:
        self.line_ups: Mapping[str, LineUp] = {one.default.name: one for one in line_ups}

    def __iter__(self) -> Iterator[Served]:
        return (one.default for one in self.line_ups.values())

    def __len__(self) -> int:
        return len(self.line_ups)

    def __contains__(self, model: str) -> bool:
        return model in self.line_ups

    @property
    def versions(self) -> list[Served]:
        """Every version, canaries and shadows as well."""
        return [served for one in self.line_ups.values() for served in one.versions.values()]

    @property
    def trials(self) -> list[Served]:
        """Every canary and shadow."""
        pairs = ((one.canary, one.shadow) for one in self.line_ups.values())
        return [served for pair in pairs for served in pair if served is not None]

    def serves(self, served: Served) -> bool:
        """Whether this very version is among those that are served."""
        line_up = self.line_ups.get(served.name)
        return line_up is not None and line_up.versions.get(served.version) is served

    def of_model(self, model: str) -> LineUp:
        """The versions of a model; raises ApiError 404 where there is none of that name."""
        line_up = self.line_ups.get(model)
        if line_up is None:
            names = ", ".join(sorted(self.line_ups)) or "none"
            raise ApiError(404, "UNKNOWN_MODEL", f"There is no model {shown(model)} here; served are: {names}.")
        return line_up

    def find(self, model: str, version: str | None = None) -> Served:
        """A served version of a model; None: its default.

        Raises:
            ApiError: 404, there is no such model, or this version of it is not served.
        """
        line_up = self.of_model(model)
        if version is None:
            return line_up.default
        found = [served for number, served in line_up.versions.items() if str(number) == version]
        if not found:
            numbers = sorted(line_up.versions)
            those = f"version {numbers[0]} is" if len(numbers) == 1 else f"versions {', '.join(map(str, numbers))} are"
            sentence = f"Version {shown(version)} of {model!r} is not served; {those}."
            raise ApiError(404, "UNKNOWN_VERSION", sentence)
        return found[0]


def load(registry: Registry, versions: Mapping[str, int], runtime: str, precision: str = PRECISION) -> Catalogue:
    """Verify these versions and make them ready for requests, by `runtime` where they have the model in its form.

    Raises:
        RegistryError: one of them is missing or not what was published.
    """
    entries = (registry.entry(model, version) for model, version in versions.items())
    return Catalogue(LineUp(Served(entry, entry.runtime(runtime), precision)) for entry in entries)
