"""Runs that are ended and gone on with: the same weights, the log, and what is refused."""

import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from model.__main__ import main
from model.errors import ModelError, ResumeError
from model.networks.network import mlp
from model.recipe.sections import Training
from model.training import checkpoint, run_folder
from model.training.history import History
from model.training.loop import fit
from model.training.losses import LOSSES
from model.training.progress import Watcher
from model.training.rows import Rows
from model.training.run_folder import LOG, RunFolder
from mulgam.registry import Registry
from tests.builders import publish_linear
from tests.processes import ROOT, wait_until

RECIPE, DATA = 'name = "tiny"\n[training]\nseed = 3\n', "0" * 64
SETTINGS = Training(epochs=12, batch_size=16, patience=12, learning_rate=0.05, device="cpu", seed=3)


def rows(count: int, seed: int) -> Rows:
    """Two columns whose product is to be learnt."""
    columns = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return Rows((columns,), columns[:, 0] * columns[:, 1])


TRAIN, VALIDATION = rows(72, 1), rows(32, 2)


def events(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def new(parent: Path) -> RunFolder:
    """A run's new folder."""
    return RunFolder.create(parent, "tiny", RECIPE, DATA)


def trained(
    settings: Training, folder: RunFolder | None = None, watcher: Watcher | None = None
) -> tuple[nn.Module, History]:
    """A small network with dropout after training, and how that went."""
    torch.manual_seed(settings.seed)
    network = mlp(2, [8], 1, dropout=0.3)
    torch.seed()  # whatever state a new process is in
    return network, fit(network, TRAIN, VALIDATION, LOSSES["regression"]["rmse"], settings, watcher, folder)


def stop_after(epochs: int) -> Watcher:
    """Ends a training from outside after some epochs."""

    def watch(epoch: int, validation_loss: float, best_epoch: int) -> None:
        if epoch == epochs:
            raise KeyboardInterrupt

    return watch


@pytest.fixture
def each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch."""
    monkeypatch.setattr(checkpoint, "_SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 1e9)


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize("ended", [(1,), (5,), (3, 4, 11), (12,)])
@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        replace(SETTINGS, optimizer="sgd", schedule="step", warmup=2, clip=1.0),
        replace(SETTINGS, optimizer="adam", schedule="cosine", precision="bfloat16", patience=3),
        replace(SETTINGS, schedule="one_cycle"),
    ],
    ids=["adamw", "sgd", "adam", "one_cycle"],
)
def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path, settings: Training, ended: tuple[int, ...]) -> None:
    """Ended once or often, after any epoch, a run has the weights and the history of one that was left alone."""
    network, history = trained(settings)
    with new(tmp_path) as folder:
        for epochs in ended:
            if epochs <= len(history.epochs):
                with pytest.raises(KeyboardInterrupt):
                    trained(settings, folder, stop_after(epochs))
        resumed, again = trained(settings, folder)
    assert again == history
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in network.state_dict().items())


def test_checkpoints_take_little_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of milliseconds are not saved one by one: the first, and the last with the best weights."""
    saved: list[int] = []
    save = RunFolder.save

    def counted(folder: RunFolder, state: dict[str, Any]) -> None:
        saved.append(len(state["epochs"]))
        save(folder, state)

    monkeypatch.setattr(RunFolder, "save", counted)
    with new(tmp_path) as folder:
        network, _ = trained(SETTINGS, folder)
        state = folder.saved()
    assert saved == [1, 12]
    assert state is not None
    assert all(torch.equal(state["best_weights"][name], value) for name, value in network.state_dict().items())


def test_the_log_has_a_line_for_everything(tmp_path: Path) -> None:
    """It begins with the recipe and the table's sha256, has a line for each epoch, and ends with the outcome."""
    with pytest.raises(KeyboardInterrupt), new(tmp_path) as folder:
        trained(SETTINGS, folder, stop_after(2))
    with RunFolder.resumed(tmp_path, "tiny", RECIPE, DATA) as folder:
        trained(SETTINGS, folder)
        folder.log(run_folder.PUBLISHED, version=3, digest="d")
    lines = events(folder.path)
    assert lines[0] == {"event": "started", "recipe": {"name": "tiny", "training": {"seed": 3}}, "data_sha256": DATA}
    assert [line["event"] for line in lines[1:5]] == ["epoch", "epoch", "interrupted", "resumed"]
    assert set(lines[1]) == {"event", "epoch", "train_loss", "validation_loss", "best_epoch", "seconds"}
    assert lines[4] == {"event": "resumed", "after_epoch": 1}
    assert [line["epoch"] for line in lines[5:-1]] == list(range(2, 13))
    assert lines[-1] == {"event": "published", "version": 3, "digest": "d"}
    assert run_folder.published(tmp_path, "tiny") == 3


def test_an_error_is_the_logs_last_line(tmp_path: Path) -> None:
    """A run that fails says so in its log, and can be gone on with."""
    with pytest.raises(ModelError), new(tmp_path) as folder:
        raise ModelError("no luck")
    assert events(folder.path)[-1] == {"event": "failed", "error": "no luck"}
    assert run_folder.published(tmp_path, "tiny") is None


def test_half_a_line_is_taken_away(tmp_path: Path) -> None:
    """What a full disk left of a line does not spoil the lines after it."""
    with new(tmp_path) as folder:
        trained(SETTINGS, folder)
    with (folder.path / LOG).open("a") as file:
        file.write('{"event": "epo')
    with RunFolder.resumed(tmp_path, "tiny", RECIPE, DATA):
        pass
    assert [line["event"] for line in events(folder.path)[-2:]] == ["epoch", "resumed"]


def test_runs_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    """Two runs of one model within a second do not share a folder."""
    with new(tmp_path) as one, new(tmp_path) as other:
        assert one.path != other.path
        assert run_folder.newest(tmp_path, "tiny") == other.path
    assert run_folder.newest(tmp_path, "tin") is None


def test_a_runs_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """Where a file is in the way, the error names the place."""
    (tmp_path / "runs").write_text("")
    with pytest.raises(ModelError, match="runs"):
        new(tmp_path / "runs")


@pytest.mark.parametrize(
    ("recipe", "data", "sentence"),
    [
        (RECIPE.replace("3", "4"), DATA, "[training] seed was 3 and is now 4."),
        (RECIPE + "[network]\nhidden = []\n", DATA, "network was None and is now {'hidden': []}."),
        (RECIPE, "1" * 64, "its table had another content (sha256)."),
    ],
)
def test_another_recipe_or_table_is_not_gone_on_with(tmp_path: Path, recipe: str, data: str, sentence: str) -> None:
    """The refusal tells what differs, in one sentence."""
    with new(tmp_path) as folder:
        trained(SETTINGS, folder)
    with pytest.raises(ResumeError) as problem:
        RunFolder.resumed(tmp_path, "tiny", recipe, data)
    assert str(problem.value).startswith(f"The run {folder.path} can't be resumed: ")
    assert sentence in str(problem.value)


def test_a_run_that_goes_on_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """While a process works on a run, no other one takes it up."""
    with new(tmp_path) as folder:
        trained(SETTINGS, folder)
        with pytest.raises(ResumeError, match=r"is going on in another process\.$"):
            RunFolder.resumed(tmp_path, "tiny", RECIPE, DATA)


def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    """A checkpoint that is no checkpoint is named, with the way out."""
    with new(tmp_path) as folder:
        trained(SETTINGS, folder)
    (folder.path / run_folder.CHECKPOINT).write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(ResumeError, match="can't be read; leave --resume out"):
        RunFolder.resumed(tmp_path, "tiny", RECIPE, DATA)


HINT = " The same command with --resume goes on from its last checkpoint."


class FullDisk(io.BytesIO):
    """A file on a disk that is full."""

    def write(self, content: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that can't be written is one sentence; the one before it is still there, and nothing half."""
    with new(tmp_path) as folder:
        trained(SETTINGS, folder)
        before = (folder.path / run_folder.CHECKPOINT).read_bytes()
        opened = Path.open

        def full(path: Path, mode: str = "r", *further: Any, **named: Any) -> Any:
            return FullDisk() if path.suffix == ".new" else opened(path, mode, *further, **named)

        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(ModelError, match=r"checkpoint\.pt can't be written: No space left on device\.$") as problem:
            folder.save({"epochs": []})
        folder.__exit__(ModelError, problem.value, None)
    assert problem.value.__notes__ == [HINT.strip()]
    assert (folder.path / run_folder.CHECKPOINT).read_bytes() == before


TINY = """\
name = "tiny"
[data]
path = "tiny.csv"
target = "y"
[network]
hidden = [4]
dropout = 0.2
[training]
epochs = 400
patience = 400
batch_size = 16
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table and a recipe."""
    (tmp_path / "tiny.csv").write_text("a,b,y\n" + "".join(f"{n / 2},{n % 5},{2 * n + n % 3}\n" for n in range(60)))
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def arguments(folder: Path, registry: str, *further: str) -> list[str]:
    """The command line."""
    return [str(folder / "tiny.toml"), "--registry", str(folder / registry), "--runs", str(folder / registry / "runs"),
            *further]  # fmt: skip


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command as a process of its own, which ends with the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*given: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "model", *given], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def trained_epochs(folder: Path, registry: str) -> int:
    """How many lines of epochs the run's log has, once its checkpoint is there."""
    path = run_folder.newest(folder / registry / "runs", "tiny")
    if path is None or not (path / run_folder.CHECKPOINT).exists():
        return 0
    return (path / LOG).read_text().count('"event": "epoch"')


def model_files(folder: Path, registry: str) -> dict[str, bytes]:
    """What a version computes with and scored."""
    entry = Registry(folder / registry).entry("tiny", 1)
    return {name: (entry.path / name).read_bytes() for name in ("model.onnx", "golden.json", "metrics.json")}


@pytest.mark.timeout(300)  # three runs, on a machine that others may use as well
def test_a_killed_run_is_gone_on_with(
    folder: Path, started: Callable[..., subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in mid-run; --resume then publishes the very model of a run that nobody killed; after it, nothing."""
    process = started(*arguments(folder, "killed"))
    wait_until(lambda: trained_epochs(folder, "killed") >= 20, 60, "20 epochs")
    process.kill()
    process.wait()
    assert Registry(folder / "killed").models() == []
    assert main(arguments(folder, "killed", "--resume")) == 0
    assert "  resuming " in capsys.readouterr().out
    assert main(arguments(folder, "whole", "--resume")) == 0
    assert "training from the start" in capsys.readouterr().out
    assert model_files(folder, "killed") == model_files(folder, "whole")
    assert main(arguments(folder, "killed", "--resume")) == 0
    assert capsys.readouterr().out == (
        "Nothing to resume: the last run of 'tiny' was published as version 1; without --resume a new one begins.\n\n"
    )
    assert Registry(folder / "killed").versions("tiny") == [1]


@pytest.mark.slow
def test_an_interrupted_run_tells_how_to_go_on(folder: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    """Ctrl-C once there is a checkpoint: one sentence, the way to go on, exit code 130, no version, no traceback."""
    (folder / "tiny.toml").write_text(TINY.replace("400", "1000000"))
    process = started(*arguments(folder, "registry"))
    wait_until(lambda: trained_epochs(folder, "registry") >= 1, 60, "an epoch")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == (
        "mulgam train: interrupted; the run under way published nothing. The same command with --resume goes on from"
        " its last checkpoint."
    )
    assert "Traceback" not in errors
    assert Registry(folder / "registry").models() == []


@pytest.mark.slow
def test_ctrl_c_while_torch_is_loaded_is_one_sentence(
    folder: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """The first seconds, before anything was begun, end as quietly."""
    process = started(*arguments(folder, "registry"))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nterrupted; " in errors
    assert errors.strip().count("\n") == 0
    assert output == ""


def test_a_disk_that_fills_up_is_one_sentence(folder: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    """Where the log can grow no more the run ends with exit code 1, publishes nothing and hurts no version."""
    entry = publish_linear(folder / "registry", "tiny")
    process = started(
        *arguments(folder, "registry"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, resource.RLIM_INFINITY)),
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith("mulgam train: ")
    last = errors.splitlines()[-1].partition(" can't be written: File too large.")[2]
    path = run_folder.newest(folder / "registry" / "runs", "tiny")
    assert path is not None
    assert last == (HINT if (path / run_folder.CHECKPOINT).exists() else "")
    assert "Traceback" not in errors
    assert Registry(folder / "registry").versions("tiny") == [1]
    assert Registry(folder / "registry").entry("tiny", 1).digest == entry.digest
