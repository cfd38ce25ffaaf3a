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
    """The parts of a list with commas, some of them as PART/KIND; all for an empty one.

    Raises:
        BenchError: a name is no part's, or no kind of that part.
    """
    known = {one.name: one for one in ALL}
    wanted: dict[str, set[str]] = {}
    for word in (word.strip() for word in names.split(",")):
        name, _, kind = word.partition("/")
        if word and name not in known:
            raise BenchError(f"{name!r} is no part; there are {', '.join(known)}.")
        if kind and kind not in known[name].kinds:
            raise BenchError(f"{kind!r} is no kind of {name}; there are {', '.join(known[name].kinds) or 'none'}.")
        if word:
            wanted.setdefault(name, set()).update({kind} if kind else known[name].kinds)
    found = [one() for one in ALL if not wanted or one.name in wanted]
    for part in found:
        kinds = wanted.get(part.name, set(part.kinds))
        if kinds != set(part.kinds):
            part.choose(kinds)
    return found
