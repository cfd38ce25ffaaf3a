"""`house-v1`: a seeded generator of synthetic houses round the lecture notes' table.

The notes list three houses: floor area [pyeong], rooms, distance to the station [km] and price [억 원]:
(32, 3, 0.3) → 6, (33, 3, 0.5) → 7, (36, 4, 0.5) → 8.5. The generator's noise-free prices for them are
6.5, 6.6 and 8.1, so that each price of the notes lies within 1.3 standard deviations of the noise.
"""

from __future__ import annotations

import hashlib

import numpy as np

from model.data.table import Floats, Table

ROWS = 6000
SEED = 2020
NOISE = 0.06
FEATURES = ("area", "rooms", "distance")
UNITS = {"area": "pyeong", "distance": "km", "price": "억 원"}


def generate(rows: int = ROWS, seed: int = SEED) -> Table:
    """Synthetic houses.

    Returns:
        A table with the features area [pyeong], rooms, distance [km], the target price [억 원], and
        `noise_free`, the price before a multiplicative normal noise of 6 %.
    """
    rng = np.random.default_rng(seed)
    area = np.clip(rng.lognormal(mean=np.log(28.0), sigma=0.35, size=rows), 8.0, 90.0).round(1)
    rooms = np.clip(np.round(area / 10.0 + rng.normal(0.0, 0.6, rows)), 1, 8)
    distance = np.clip(rng.gamma(shape=1.8, scale=0.6, size=rows), 0.05, 8.0).round(2)
    numeric = np.column_stack([area, rooms, distance])
    noise_free = price(numeric)
    prices = noise_free * (1.0 + NOISE * rng.standard_normal(rows))
    sha256 = hashlib.sha256(numeric.tobytes() + prices.tobytes()).hexdigest()
    return Table(
        FEATURES, numeric.astype(np.float32), "price", prices, (), sha256,
        units=UNITS, synthetic=True, noise_free=noise_free,
        description="Synthetic houses (generator house-v1) round the three houses of the lecture notes.",
    )  # fmt: skip


def price(numeric: Floats) -> Floats:
    """The noise-free price [억 원] of houses [N, 3]: area [pyeong], rooms, distance [km].

    0.195 a pyeong, 13 % more for each room above three (less below), falling to about half far from the station.
    """
    area, rooms, distance = numeric.T
    by_distance = 0.55 + 0.5 / (1.0 + (distance / 2.0) ** 2)
    value: Floats = 0.195 * area * np.exp(0.12 * np.tanh(rooms - 3.0)) * by_distance
    return value
