"""Who learns from which table."""

from __future__ import annotations

from dataclasses import dataclass

from model.recipe.sections import KINDS_OF_NETWORK
from tests.bench.training import datasets, others, own, text_others
from tests.bench.training.datasets import Dataset
from tests.bench.training.division import Fit

DEFAULT, ENSEMBLE, CNN, HIST_GB, LIGHTGBM, CATBOOST = "default", "ensemble", "cnn", "hist-gb", "lightgbm", "catboost"
HIST_GB_TUNED, NAIVE_BAYES, LOGISTIC = "hist-gb-tuned", "naive-bayes", "logistic-regression"
_OPTIONS_FOR_TEXTS = ("words", "gru", "lstm", "attention")


@dataclass(frozen=True)
class Contestant:
    """One way to a model.

    Attributes:
        name: in commands and results.
        title: on the page.
        about: how it is set.
        fit: a division of a table → a model.
        takes: names of the tables.
        extra: whether it needs a library of the group `bench-train`.
    """

    name: str
    title: str
    about: str
    fit: Fit
    takes: tuple[str, ...]
    extra: bool = False


_TABLES = tuple(one.name for one in datasets.ALL if one.name not in datasets.TEXTS)
_FIRST = ("california",)
_TUNED = "the best of {} settings drawn at random, each stopped early on the validation rows"


def _text_option(kind: str) -> Contestant:
    about = f'the recipe with `[network] kind = "{kind}"`'
    return Contestant(kind, f"Mulgam, {kind}", about, own.mulgam(f'kind = "{kind}"'), ("sms", "nativelikeness"))


ALL = (
    Contestant(DEFAULT, "Mulgam, default", "the recipe of its data alone: every other key as it comes", own.mulgam(),
               (*_TABLES, *datasets.TEXTS)),
    Contestant("plain", "Mulgam, plain MLP", 'the same with `[network] kind = "plain"`',
               own.mulgam('kind = "plain"'), _FIRST),
    *([Contestant(ENSEMBLE, "Mulgam, ensemble", f"the same with `[network] ensemble = {own.MEMBERS}`",
                  own.mulgam(f"ensemble = {own.MEMBERS}"), _TABLES)] if own.has_ensembles() else []),
    Contestant(CNN, "Mulgam, cnn", 'the same with `[network] kind = "cnn"`: the columns are a square image\'s pixels',
               own.mulgam('kind = "cnn"'), ("digits",)),
    Contestant(HIST_GB, "HistGradientBoosting", "scikit-learn's, default settings", others.hist_gb, _TABLES),
    Contestant(HIST_GB_TUNED, "HistGradientBoosting, tuned", _TUNED.format(others.HIST_GB_TRIALS),
               others.hist_gb_tuned, _FIRST),
    Contestant(LIGHTGBM, "LightGBM", "default settings", others.lightgbm, _TABLES, True),
    Contestant("lightgbm-tuned", "LightGBM, tuned", _TUNED.format(others.LIGHTGBM_TRIALS),
               others.lightgbm_tuned, _FIRST, True),
    Contestant(CATBOOST, "CatBoost", "default settings", others.catboost, _TABLES, True),
    Contestant(NAIVE_BAYES, "naive Bayes", "multinomial, on TF-IDF of 1 to 5 characters", text_others.naive_bayes,
               datasets.TEXTS),
    Contestant(LOGISTIC, "logistic regression", "on the same, its regularisation the best of four",
               text_others.logistic_regression, datasets.TEXTS),
    *(_text_option(kind) for kind in _OPTIONS_FOR_TEXTS if kind in KINDS_OF_NETWORK),
)  # fmt: skip
# Whose latency is measured -> keys of the section [network]; the others are told as multiples of the first.
NETWORKS = {
    "plain": 'kind = "plain"',
    DEFAULT: "",
    **({ENSEMBLE: f"ensemble = {own.MEMBERS}"} if own.has_ensembles() else {}),
}
BY_NAME = {one.name: one for one in ALL}


def of(dataset: Dataset) -> list[Contestant]:
    """Who learns from a table, in the order of the page."""
    return [one for one in ALL if dataset.name in one.takes]
