"""A study: trials one after the other, each told to a file at once, so that a later call goes on from there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import TrialState

from model.data.graph_inputs import encoded
from model.data.table import Table
from model.errors import DivergedError, ModelError
from model.fitting import divided, fitted
from model.networks.served import answers
from model.recipe.sections import Recipe
from model.recipe.writing import dumps
from model.resolving import resolve
from model.scores import evaluation
from model.training.progress import Watcher
from model.tuning import space

# Of the validation rows; both are lower where the model is better. Accuracy is too coarse for small differences.
SCORE = {"regression": "rmse", "classification": "log_loss"}
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# A trial is given up where its validation loss is above the median of the others' in the same epoch.
_TRIALS_BEFORE_PRUNING, _EPOCHS_BEFORE_PRUNING = 4, 5
_FINGERPRINT = "of"


@dataclass(frozen=True)
class Tuned:
    """What came out so far: trials that are done, the first one's score (the recipe's own values), and the best."""

    done: int
    score: str
    before: float
    best: float
    best_trial: int
    recipe: Recipe


def tune(given: Recipe, table: Table, folder: Path, trials: int, say: Callable[[str], None]) -> Tuned:
    """Run trials until the study has so many.

    The same recipe, table and numbers of trials give the same study, interrupted or not.

    Args:
        given: the recipe as it was written.
        table: its rows; the held-out ones are not looked at.
        folder: of the study.
        trials: how many there are to be in all, those of earlier calls included.
        say: gets a line after each trial.

    Raises:
        ModelError: the folder can't be written, or holds the study of another recipe or table.
        DivergedError: not even the recipe's own values train.
        KeyboardInterrupt: what is done is kept.
    """
    recipe = resolve(given, table)
    study = _opened(folder, recipe, table)
    started, before = time.monotonic(), len(_finished(study))
    while (done := len(_finished(study))) < trials:
        # A sampler of its own for each trial: where a study goes on, its random numbers do, too.
        study.sampler = optuna.samplers.TPESampler(seed=(recipe.training.seed * 100_003 + done) % 2**32)
        if done == 0:
            study.enqueue_trial(space.own(recipe), skip_if_exists=False)
        line = _tried(study, study.ask(), recipe, table)
        done += 1
        left = (time.monotonic() - started) / (done - before) * (trials - done)
        say(f"trial {done} of {trials}: {line}; {_best(study)}; about {_shown(left)} left")
    return outcome(study, given, table)


def outcome(study: optuna.Study, given: Recipe, table: Table) -> Tuned:
    """The best of the trials that were trained to their end.

    Raises:
        DivergedError: there is none.
    """
    finished = _finished(study)
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    if not complete:
        raise DivergedError("No trial could be trained to its end; try a lower [training] learning_rate.")
    best = study.best_trial
    assert best.value is not None  # it is complete
    own = finished[0].value
    return Tuned(
        len(finished), SCORE[table.task], float("nan") if own is None else own, best.value,
        _place(finished, best), space.applied(given, best.params),
    )  # fmt: skip


def _opened(folder: Path, recipe: Recipe, table: Table) -> optuna.Study:
    """The study in a folder, new or gone on with; a trial that was under way when it ended is given up."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # What does not change a trial may change between two calls.
    fingerprint = hashlib.sha256(f"{dumps(recipe)}\n{table.sha256}".encode()).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=f"sqlite:///{folder / 'study.db'}", study_name="tuning", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(_TRIALS_BEFORE_PRUNING, _EPOCHS_BEFORE_PRUNING),
        )  # fmt: skip
    except Exception as problem:  # of the system, of SQLite and of what stands between
        raise ModelError(f"The study in {folder} can't be read or written: {_first_line(problem)}.") from problem
    if study.user_attrs.setdefault(_FINGERPRINT, fingerprint) != fingerprint:
        raise ModelError(f"{folder} holds the study of another recipe or table; move it away, or take another --runs.")
    study.set_user_attr(_FINGERPRINT, fingerprint)
    for trial in study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING)):
        if trial.state == TrialState.WAITING:
            study.ask()
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _tried(study: optuna.Study, trial: optuna.trial.Trial, recipe: Recipe, table: Table) -> str:
    """Train one trial and tell the study; a line of what came out."""
    values = space.asked(trial, recipe)

    def watcher(epoch: int, validation_loss: float, best_epoch: int) -> None:
        trial.report(validation_loss, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"given up in epoch {epoch}")

    try:
        score = _score(space.applied(recipe, values), table, watcher)
    except optuna.TrialPruned as problem:
        study.tell(trial, state=TrialState.PRUNED)
        return str(problem)
    except DivergedError:
        study.tell(trial, state=TrialState.PRUNED)
        return "diverged"
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    study.tell(trial, score)
    return f"{SCORE[table.task]} {score:.4g}"


def _score(recipe: Recipe, table: Table, watcher: Watcher) -> float:
    """How well a recipe does on its validation rows."""
    described, parts = divided(recipe, table, recipe.data.split[0])
    module, _ = fitted(recipe, table, described, parts, watcher=watcher)
    predicted = answers(module, encoded(table, described, parts.validation))
    return evaluation.scores_of(table.task)(predicted, table.target[parts.validation])[SCORE[table.task]]


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_FINISHED)


def _best(study: optuna.Study) -> str:
    finished = _finished(study)
    if not any(trial.state == TrialState.COMPLETE for trial in finished):
        return "none is done yet"
    best = study.best_trial
    return f"best {best.value:.4g} in trial {_place(finished, best)}"


def _place(finished: list[optuna.trial.FrozenTrial], trial: optuna.trial.FrozenTrial) -> int:
    """Which of the finished trials it is, counted from 1: interrupted ones took numbers, too."""
    return [one.number for one in finished].index(trial.number) + 1


def _shown(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0].rstrip(".")
