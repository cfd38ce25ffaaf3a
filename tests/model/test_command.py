"""`python -m model` as people run it: exit codes, sentences, runs at once, runs that are ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.__main__ import main
from mulgam.registry import Entry, Registry
from tests.processes import ROOT

ROWS = "".join(f"{n / 2},{n % 5 or ''},{2 * n + n % 3}\n" for n in range(60))
RECIPE = """\
name = "tiny"
[data]
path = "tiny.csv"
target = "y"
[network]
hidden = [4]
[training]
epochs = %d
patience = 1000000
"""
ENDLESS, SHORT = RECIPE % 1_000_000, RECIPE % 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table and two recipes: one that ends soon, one that does not."""
    (tmp_path / "tiny.csv").write_text("a,b,y\n" + ROWS)
    (tmp_path / "short.toml").write_text(SHORT)
    (tmp_path / "endless.toml").write_text(ENDLESS)
    return tmp_path


def arguments(folder: Path, *recipes: str) -> list[str]:
    """The command line for recipes of the folder."""
    paths = [str(folder / recipe) for recipe in recipes]
    return [*paths, "--registry", str(folder / "registry"), "--runs", str(folder / "runs")]


def started(folder: Path, recipe: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "model", *arguments(folder, recipe)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def trained_an_epoch(process: subprocess.Popen[str]) -> None:
    """Returns when the first epoch was told."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("training tiny: epoch 1 of"), line + process.stderr.read()


def refused(capsys: pytest.CaptureFixture[str], given: list[str]) -> str:
    """The one sentence of a command that ends with exit code 1."""
    assert main(given) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("mulgam train: ")
    assert errors.count("\n") == 1
    return errors


def test_a_run_tells_what_it_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the recipe with its defaults, scores beside the baselines, and what was published where."""
    assert main(arguments(folder, "short.toml")) == 0
    output = capsys.readouterr().out
    entry, refusals = Registry(folder / "registry").newest("tiny")
    assert entry is not None
    assert not refusals
    for part in ("learning_rate = 0.002", "60 rows, 2 features, 12 missing values", "network ", "least squares ",
                 "gradient boosting ", f"published {entry.path}, digest {entry.digest[:12]}", "took ",
                 " s, peak memory "):  # fmt: skip
        assert part in output
    assert (folder / "registry" / "tiny" / "1") == entry.path


def sums(entry: Entry) -> list[str]:
    """The checksums of the files that two runs have alike.

    TorchScript's type names count the exports of a process; metrics and report tell of the version before, the report
    of measured times as well.
    """
    lines = (entry.path / "SHA256SUMS").read_text().splitlines()
    return [line for line in lines if not line.endswith(("model.pt", "metrics.json", "report.html"))]


def test_the_second_run_makes_version_two_of_the_same_bytes(folder: Path) -> None:
    """Training again publishes the next version; the same seed and data give the same files, weights included."""
    assert main(arguments(folder, "short.toml", "short.toml")) == 0
    registry = Registry(folder / "registry")
    assert registry.versions("tiny") == [1, 2]
    assert sums(registry.entry("tiny", 1)) == sums(registry.entry("tiny", 2))


def test_a_published_recipe_trains_the_same_model_again(folder: Path) -> None:
    """The recipe of a version, laid beside the table, gives a version with the same files."""
    assert main(arguments(folder, "short.toml")) == 0
    registry = Registry(folder / "registry")
    (folder / "again.toml").write_bytes((registry.entry("tiny", 1).path / "recipe.toml").read_bytes())
    assert main(arguments(folder, "again.toml")) == 0
    assert sums(registry.entry("tiny", 2)) == sums(registry.entry("tiny", 1))


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (SHORT.replace("epochs", "epoch"), "bad.toml: [training] epoch is unknown; did you mean 'epochs'?"),
        (SHORT.replace("tiny.csv", "absent.csv"), "absent.csv can't be read: No such file or directory."),
        (SHORT.replace('"y"', '"z"'), "tiny.csv has no column 'z' to predict"),
        (ENDLESS + 'learning_rate = 1e5\noptimizer = "sgd"', "Training diverged in epoch "),
        (SHORT + 'loss = "cross_entropy"', "The loss 'cross_entropy' is not for regression"),
    ],
)
def test_an_error_is_one_sentence_and_publishes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], recipe: str, sentence: str
) -> None:
    """What is wrong with recipe, table or training ends the command with exit code 1 and no version."""
    (folder / "bad.toml").write_text(recipe)
    assert main(arguments(folder, "bad.toml")) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("mulgam train: ")
    assert sentence in last
    assert Registry(folder / "registry").models() == []


def test_a_slip_in_the_second_recipe_stops_before_the_first_trains(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All recipes are read before any is trained."""
    assert "absent.toml" in refused(capsys, arguments(folder, "short.toml", "absent.toml"))
    assert not (folder / "runs").exists()


def test_a_registry_that_cannot_be_written_is_told_before_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No time is spent on a model that could not be published."""
    (folder / "registry").write_text("a file, not a folder")
    assert "registry can't be written" in refused(capsys, arguments(folder, "short.toml"))
    assert not (folder / "runs").exists()


def test_wrong_usage_is_exit_code_two(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown option, an unknown device, and an unknown device in the environment are wrong usage."""
    for given in (["--no-such-option"], ["--device", "tpu"]):
        with pytest.raises(SystemExit) as ended:
            main(given)
        assert ended.value.code == 2
    monkeypatch.setenv("MULGAM_DEVICE", "tpu")
    assert main(arguments(folder, "short.toml")) == 2
    assert "MULGAM_DEVICE is 'tpu'; it must be one of auto, cpu, gpu." in capsys.readouterr().err


def test_the_device_of_the_command_line_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--device overrides MULGAM_DEVICE, which overrides the recipe; the recipe as run says which it was."""
    monkeypatch.setenv("MULGAM_DEVICE", "gpu")
    assert main([*arguments(folder, "short.toml"), "--device", "cpu"]) == 0
    entry = Registry(folder / "registry").entry("tiny", 1)
    assert 'device = "cpu"' in (entry.path / "recipe.toml").read_text()


def test_help_shows_the_smallest_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    """--help is enough to write a first recipe."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert 'target = "median_house_value"' in text
    assert text.startswith("usage: mulgam train ")


@pytest.mark.slow
def test_two_runs_at_once_publish_two_versions(folder: Path) -> None:
    """Runs that end together neither replace nor hinder one another; equal runs publish equal files."""
    both = [started(folder, "short.toml") for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    registry = Registry(folder / "registry")
    assert registry.versions("tiny") == [1, 2]
    assert sums(registry.entry("tiny", 1)) == sums(registry.entry("tiny", 2))


def test_a_killed_run_leaves_no_version(folder: Path) -> None:
    """kill -9 in the middle of training leaves nothing in the registry but room for the next run's version 1."""
    with started(folder, "endless.toml") as process:
        trained_an_epoch(process)
        process.kill()
        process.communicate()
    registry = Registry(folder / "registry")
    assert registry.models() == []
    assert main(arguments(folder, "short.toml")) == 0
    assert registry.versions("tiny") == [1]
