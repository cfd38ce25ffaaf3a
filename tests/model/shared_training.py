"""What test_processes.py runs under torchrun: a training shared by processes, its weights and history in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from model.networks.network import mlp
from model.recipe.sections import Training
from model.training import processes
from model.training.loop import fit
from model.training.losses import LOSSES
from model.training.rows import Rows

# 37 rows in batches of 9: shares of unequal size, and in the end a batch of one row, which one process has alone.
SETTINGS = {
    "adamw": Training(epochs=8, batch_size=9, patience=3, learning_rate=0.05, device="cpu"),
    "sgd": Training(
        optimizer="sgd", schedule="cosine", warmup=2, clip=0.5, loss="rmse", epochs=8, batch_size=9, device="cpu"
    ),
}


def rows(count: int, seed: int) -> Rows:
    """Two columns whose product is to be learnt."""
    columns = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return Rows((columns,), columns[:, 0] * columns[:, 1])


def outcome(name: str) -> dict[str, list[float]]:
    """Weights and validation losses of one training."""
    settings = SETTINGS[name]
    torch.manual_seed(5)
    network = mlp(2, [8], 1)
    history = fit(network, rows(37, 1), rows(21, 2), LOSSES["regression"][settings.loss or "mse"], settings)
    return {
        "weights": torch.cat([parameter.flatten() for parameter in network.parameters()]).tolist(),
        "losses": [epoch.validation_loss for epoch in history.epochs],
    }


def main(folder: Path, what: str) -> int:
    """Train with all settings; `fail`: the second process ends in the middle."""
    with processes.joined():
        print(f"process {processes.number()} of {processes.count()}")
        if what == "fail" and not processes.first():
            return 7
        # Known only as long as the others are there.
        place = folder / f"{processes.number()}.json"
        outcomes = {name: outcome(name) for name in SETTINGS}
    place.write_text(json.dumps({**outcomes, "threads": threads("gloo")}))
    return 0


def threads(word: str) -> list[str]:
    """The names of this process's threads, its libraries' too, that hold a word."""
    names = [(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").iterdir()]
    return [name for name in names if word in name]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
