"""`mulgam tune`: better values on validation rows, kept trial by trial, gone on with, written as a recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from model.data import sources
from model.errors import DivergedError
from model.recipe.reading import load
from model.recipe.sections import Recipe
from model.tuning import study
from model.tuning.__main__ import main
from model.tuning.study import tune

ROWS = "".join(f"{n / 2},{n % 5},{2 * n + n % 3}\n" for n in range(200))
RECIPE = """\
name = "tiny"
[data]
path = "tiny.csv"
target = "y"
[network]
hidden = [4]
[training]
epochs = 3
seed = 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table and a recipe."""
    (tmp_path / "tiny.csv").write_text("a,b,y\n" + ROWS)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


def arguments(folder: Path, trials: int, runs: str = "runs") -> list[str]:
    """The command line."""
    return [str(folder / "tiny.toml"), "--trials", str(trials), "--runs", str(folder / runs)]


def trials(folder: Path, runs: str = "runs") -> list[tuple[dict[str, object], float | None]]:
    """Values and score of each finished trial."""
    found = optuna.load_study(study_name="tuning", storage=f"sqlite:///{folder / runs / 'tiny' / 'study.db'}")
    return [(one.params, one.value) for one in found.get_trials(states=study._FINISHED)]


def test_a_study_that_is_gone_on_with_equals_one_in_one_go(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The recipe's own values first; the best is written as a recipe that trains; the line after each trial counts."""
    assert main(arguments(folder, 2)) == 0
    assert main(arguments(folder, 4)) == 0
    output = capsys.readouterr().out
    assert "trial 1 of 2: rmse" in output
    assert "trial 3 of 4: rmse" in output
    assert "trial 1 of 4" not in output
    assert main(arguments(folder, 4, runs="others")) == 0
    found = trials(folder)
    assert found == trials(folder, "others")
    own, _ = found[0]
    assert (own["hidden"], own["learning_rate"], own["kind"]) == ("4", 0.002, "ple")
    best = min((one for one in found if one[1] is not None), key=lambda one: one[1] or 0.0)
    tuned = load(folder / "runs" / "tiny" / "tuned.toml")
    assert (tuned.name, tuned.training.epochs, tuned.training.seed) == ("tiny", 3, 5)
    assert tuned.network.hidden == tuple(int(size) for size in str(best[0]["hidden"]).split())
    assert tuned.training.learning_rate == pytest.approx(best[0]["learning_rate"], rel=1e-2)
    assert (tuned.folder / str(tuned.data.path)).resolve() == (folder / "tiny.csv").resolve()
    assert f"rmse {best[1]:.4g}" in (folder / "runs" / "tiny" / "tuned.toml").read_text().splitlines()[0]


def test_held_out_rows_are_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the study is the same."""
    recipe = load(folder / "tiny.toml")
    table = sources.rows(recipe)
    with_them = tune(recipe, table, folder / "a", 1, lambda _: None)
    divided = study.divided

    def without(recipe: Recipe, table: object, kind: str) -> object:
        described, parts = divided(recipe, table, kind)  # type: ignore[arg-type]
        return described, replace(parts, test=np.array([], dtype=np.int64))

    monkeypatch.setattr(study, "divided", without)
    assert tune(recipe, table, folder / "b", 1, lambda _: None).best == with_them.best


class Fake:
    """Stands for the training of a trial: losses by its number, or an exception."""

    def __init__(self, *outcomes: float | BaseException) -> None:
        self.outcomes = list(outcomes)

    def __call__(self, recipe: Recipe, table: object, watcher: study.Watcher) -> float:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        for epoch in range(1, 21):
            watcher(epoch, outcome, epoch)
        return outcome


def test_a_trial_behind_the_median_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the first few, which show what is usual; one that diverges counts as done, too."""
    monkeypatch.setattr(study, "_score", Fake(1.0, DivergedError("diverged"), 0.9, 0.8, 1.1, 5.0, 0.7))
    assert main(arguments(folder, 7)) == 0
    output = capsys.readouterr().out
    assert "trial 2 of 7: diverged; best 1 in trial 1" in output
    assert "trial 6 of 7: given up in epoch 5; best 0.8 in trial 4" in output
    assert "Best of 7 trials: rmse 0.7 on validation rows (trial 7); the recipe's own values gave 1." in output


def test_ctrl_c_keeps_what_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how to go on, and the same command does so, from the trial that was under way."""
    monkeypatch.setattr(study, "_score", Fake(1.0, KeyboardInterrupt()))
    assert main(arguments(folder, 3)) == 130
    assert "the same command goes on after the trials that are done" in capsys.readouterr().err
    monkeypatch.setattr(study, "_score", Fake(0.5, 0.7))
    assert main(arguments(folder, 3)) == 0
    output = capsys.readouterr().out
    assert "trial 2 of 3: rmse 0.5; best 0.5 in trial 2" in output
    assert "Best of 3 trials: rmse 0.5" in output


def test_the_study_of_another_table_is_not_gone_on_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scores would be compared with those of other rows."""
    monkeypatch.setattr(study, "_score", Fake(1.0))
    assert main(arguments(folder, 1)) == 0
    (folder / "tiny.csv").write_text("a,b,y\n1,2,3\n" + ROWS)
    assert main(arguments(folder, 2)) == 1
    assert "holds the study of another recipe or table" in capsys.readouterr().err


def test_nothing_that_trains_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, and no recipe."""
    monkeypatch.setattr(study, "_score", Fake(DivergedError("diverged")))
    assert main(arguments(folder, 1)) == 1
    assert "No trial could be trained to its end" in capsys.readouterr().err
    assert not (folder / "runs" / "tiny" / "tuned.toml").exists()


def test_a_folder_that_can_not_be_written_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands in its place."""
    (folder / "runs").write_text("")
    assert main(arguments(folder, 1)) == 1
    assert "can't be read or written" in capsys.readouterr().err
