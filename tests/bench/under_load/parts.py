"""What is measured, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.errors import BenchError
from tests.bench.under_load.abuse import Abused
from tests.bench.under_load.bench import Part
from tests.bench.under_load.extras import Extras
from tests.bench.under_load.gateways import Gateways
from tests.bench.under_load.rates import Rates
from tests.bench.under_load.upkeep import Upkeep

ALL: tuple[type[Part], ...] = (Rates, Abused, Gateways, Upkeep, Extras)


def chosen(names: str) -> Sequence[Part]:
    """The parts of a list with commas, all for an empty one; raises BenchError for a name that is none's."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {one.name: one for one in ALL}
    for name in wanted:
        if name not in known:
            raise BenchError(f"{name!r} is no part; there are {', '.join(known)}.")
    return [one() for one in ALL if not wanted or one.name in wanted]
