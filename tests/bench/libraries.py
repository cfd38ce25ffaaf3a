"""What only a benchmark needs, installed when it is first run; `make setup` leaves it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests import groups
from tests.bench.errors import BenchError


@dataclass(frozen=True)
class Libraries:
    """A group of pyproject.toml: the modules that it brings, and what can be run without them."""

    group: str
    modules: tuple[str, ...]
    otherwise: str

    def install(self, say: Callable[[str], None]) -> None:
        """Install the group into this environment; raises BenchError where pip can't."""
        absent = groups.missing(self.modules)
        if not absent:
            return
        say(f"installing what only the benchmark needs ({', '.join(absent)} missing)")
        if not groups.install(self.group) or groups.missing(self.modules):
            raise BenchError(
                f"pip could not install the group {self.group!r} of pyproject.toml (its message stands above);"
                f" without it, {self.otherwise}."
            )


SERVING = Libraries(
    "bench",
    ("gunicorn", "fastapi", "uvicorn", "granian"),
    "choose others: ONLY=mulgam-torchserve,torchserve-1,torchserve-32,torchserve-64,mulgam-embedded,onnxruntime",
)
TRAINING = Libraries(
    "bench-train",
    ("lightgbm", "catboost"),
    "leave its contestants out: ONLY='*/default,*/plain,*/hist-gb*,sms,nsmc,nativelikeness'",
)
