"""Several processes train one model: two with gloo on the CPU, beside one alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests.model.shared_training import SETTINGS, outcome
from tests.processes import ROOT


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a module in two processes."""
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", *command],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip


def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """Weights, losses and the epoch of stopping are those of one process, in both; the first alone prints.

    Of what joins them no thread is left: it would abort a process, now and then, while that ends.
    """
    ended = torchrun("tests.model.shared_training", str(tmp_path), "train")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "process 0 of 2\n"
    first, second = (json.loads((tmp_path / f"{number}.json").read_text()) for number in (0, 1))
    assert first == second
    assert first["threads"] == []
    for name in SETTINGS:
        alone = outcome(name)
        assert len(first[name]["losses"]) == len(alone["losses"])
        assert first[name]["losses"] == pytest.approx(alone["losses"], rel=1e-4)
        assert first[name]["weights"] == pytest.approx(alone["weights"], rel=1e-3, abs=1e-5)


def test_where_one_process_ends_the_others_do(tmp_path: Path) -> None:
    """A process that fails takes the training along, in seconds."""
    ended = torchrun("tests.model.shared_training", str(tmp_path), "fail")
    assert ended.returncode != 0
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.slow
def test_the_command_publishes_once(tmp_path: Path) -> None:
    """torchrun around the command: one version, one log, one progress line, and no word from the second process."""
    (tmp_path / "tiny.csv").write_text("a,b,y\n" + "".join(f"{n / 2},{n % 5},{2 * n + n % 3}\n" for n in range(60)))
    (tmp_path / "tiny.toml").write_text(
        'name = "tiny"\n[data]\npath = "tiny.csv"\ntarget = "y"\nsplit = ["random", "half"]\n[training]\nepochs = 3\n'
    )
    places = ["--registry", str(tmp_path / "registry"), "--runs", str(tmp_path / "runs")]
    ended = torchrun("model", str(tmp_path / "tiny.toml"), *places)
    assert ended.returncode == 0, ended.stderr
    assert Registry(tmp_path / "registry").versions("tiny") == [1]
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert ended.stdout.count("published ") == 1
    assert ended.stderr.count("epoch 1 of") == 2  # a line for each division of the rows
    (tmp_path / "tiny.csv").unlink()
    ended = torchrun("model", str(tmp_path / "tiny.toml"), *places)
    assert ended.returncode == 1
    assert ended.stderr.count("mulgam train: ") == 1
