"""From a recipe to its table: a file, a table by name, or the generator's houses."""

from __future__ import annotations

from model.data import fetched, files, house_price
from model.data.assembly import assemble
from model.data.roles import Roles
from model.data.table import Table
from model.recipe.sections import HOUSE_PRICE, Data, Recipe


def rows(recipe: Recipe) -> Table:
    """The table that a recipe names; raises DataError where it can't be read or learnt from."""
    data = recipe.data
    if data.source == HOUSE_PRICE:
        return house_price.generate()
    if data.source is not None:
        return _fetched(data.source, data)
    assert data.path is not None  # the recipe's own check
    assert data.target is not None
    return files.read(
        recipe.folder / data.path, data.target, ignore=data.ignore, separator=data.separator, task=data.task,
        types=data.types, units=data.units, columns=data.columns,
    )  # fmt: skip


def _fetched(source: str, data: Data) -> Table:
    sheet, target = fetched.read(source, data.target)
    roles = Roles(target, data.task, data.ignore, data.types, data.units)
    roles.check(list(sheet.columns), source)
    for name in data.ignore:
        del sheet.columns[name]
    return assemble(sheet, roles)
