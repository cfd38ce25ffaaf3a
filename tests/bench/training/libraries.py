"""What only this benchmark needs, installed when it is first run; `make setup` leaves it out."""

from __future__ import annotations

from collections.abc import Callable

from tests import groups
from tests.bench.errors import BenchError

MODULES = ("lightgbm", "catboost")


def install(say: Callable[[str], None]) -> None:
    """Install the group into this environment; raises BenchError where pip can't."""
    absent = groups.missing(MODULES)
    if not absent:
        return
    say(f"installing what only the benchmark needs ({', '.join(absent)} missing)")
    if not groups.install("bench-train") or groups.missing(MODULES):
        raise BenchError(
            "pip could not install the group 'bench-train' of pyproject.toml (its message stands above); without it,"
            " leave its contestants out: ONLY='*/default,*/plain,*/hist-gb*,sms,nsmc,nativelikeness'."
        )
