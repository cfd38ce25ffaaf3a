"""The tables that are learnt from: each a recipe of its name and data alone, and how its rows are divided and scored.

All are written anew into a folder that goes with the run; `most` rows are kept in a quick run.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.data.split import Split, split
from model.data.table import Table
from tests.bench.training import nativelikeness, shared

Cells = Sequence[Sequence[Any]]
_PRICE = "price"


@dataclass(frozen=True)
class Dataset:
    """One table.

    Attributes:
        name: in commands and results.
        title: on the page.
        data: what stands in the recipe's section [data].
        cells: the file's rows, its header line first; None: the recipe names a built-in source.
        primary: the score that the page compares.
        divide: the rows, by a seed.
        about: what a reader needs to know.
    """

    name: str
    title: str
    data: str
    cells: Callable[[], Cells] | None
    primary: str
    about: str
    divide: Callable[[Table, int], Split] = lambda table, seed: split(table, "random", seed)

    @property
    def less_is_better(self) -> bool:
        """Whether the primary score is an error."""
        return self.primary == "rmse"

    def write(self, folder: Path, most: int | None) -> None:
        """The file that the recipe names."""
        if self.cells is None:
            return
        head, *rows = self.cells()
        if most is not None and len(rows) > most:
            rows = [rows[place] for place in self._some(len(rows), most)]
        with (folder / f"{self.name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_MINIMAL).writerows([head, *rows])

    def _some(self, rows: int, most: int) -> Iterable[int]:
        if self.divide is nativelikeness.divide:
            return range(most)  # pairs stay together
        return map(int, np.sort(np.random.default_rng(0).permutation(rows)[:most]))

    def recipe(self, network: str, training: str) -> str:
        """The recipe with what a contestant adds to it, as TOML."""
        return f'name = "{self.name}"\n[data]\n{self.data}\n[network]\n{network}\n[training]\n{training}\n'


def _california() -> Cells:
    """The eight features of scikit-learn's `fetch_california_housing`, rebuilt from the raw columns; price in 100k$."""
    lines = shared.lines(shared.CALIFORNIA)[1:]
    raw = np.array([line.split(",")[:9] for line in lines])
    longitude, latitude, age, rooms, bedrooms, people, households, income, price = np.where(
        raw == "", "nan", raw
    ).T.astype(float)
    bedrooms = np.where(np.isnan(bedrooms), np.nanmedian(bedrooms), bedrooms)
    columns = {
        "income": income, "age": age, "rooms": rooms / households, "bedrooms": bedrooms / households,
        "people": people, "occupancy": people / households, "latitude": latitude, "longitude": longitude,
        _PRICE: price / 1e5,
    }  # fmt: skip
    return [list(columns), *np.column_stack(list(columns.values())).tolist()]


def _california_raw() -> Cells:
    return [line.split(",") for line in shared.lines(shared.CALIFORNIA)]


def _sms() -> Cells:
    return [["label", "text"], *(line.split("\t", 1) for line in shared.lines(shared.SMS))]


def _nsmc() -> Cells:
    rows = (line.split("\t") for line in shared.lines(shared.NSMC)[1:])
    return [["text", "label"], *([text, {"1": "good", "0": "bad"}[label]] for _, text, label in rows)]


def _file(name: str, target: str, more: str = "") -> str:
    return f'path = "{name}.csv"\ntarget = "{target}"' + (f"\n{more}" if more else "")


def _bundled(name: str, primary: str) -> Dataset:
    title = name.replace("_", " ")
    return Dataset(name, title, f'source = "sklearn:{name}"', None, primary, "bundled with scikit-learn")


_TEXT = 'types = {text = "text"}'
ALL = (
    Dataset("california", "California housing", _file("california", _PRICE), _california, "rmse",
            "20,640 districts, 1990; the eight features of scikit-learn's version, price in 100,000 $"),
    Dataset("california-raw", "California, raw columns", _file("california-raw", "median_house_value"),
            _california_raw, "rmse", "the file as it is: a category, 207 missing values, price in $"),
    _bundled("diabetes", "rmse"),
    _bundled("breast_cancer", "accuracy"),
    _bundled("wine", "accuracy"),
    _bundled("iris", "accuracy"),
    _bundled("digits", "accuracy"),
    Dataset("sms", "SMS spam", _file("sms", "label", _TEXT), _sms, "f1",
            "5,574 English messages, 13 % spam; copies of a message stay on one side of the split"),
    Dataset("nsmc", "NSMC", _file("nsmc", "label", _TEXT), _nsmc, "accuracy",
            "25,000 Korean film reviews (half of its test part, divided anew)"),
    Dataset("nativelikeness", "nativelikeness", _file("nativelikeness", "label", _TEXT), nativelikeness.cells,
            "accuracy", "JFLEG: a learner's sentence and one of its corrections, both on one side of the split",
            nativelikeness.divide),
)  # fmt: skip
TEXTS = ("sms", "nsmc", "nativelikeness")
