"""Labelled texts down the road of training: alone, beside other columns, Korean, for classes and for quantities."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from model.__main__ import main
from model.data.description import LONGEST_TEXT, features
from model.data.files import read
from model.data.split import split
from model.data.table import Table, Text
from model.errors import RecipeError
from model.recipe.reading import parse
from model.recipe.sections import FOLDER
from model.resolving import resolve
from mulgam.registry import Entry, Registry
from tests.model.test_own_table import predict, published, scores
from tests.model.test_table import written
from tests.processes import ROOT

SMS = ROOT.parent / "shared" / "data" / "sms_spam.tsv"
SMS_SHA256 = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"  # pragma: allowlist secret

GOOD = ("정말 재미있는 영화", "a wonderful evening out", "최고의 연기였다", "great fun for all of us")
BAD = ("지루하고 재미없는 영화", "a dull and boring evening", "연기가 너무 별로였다", "hardly any fun for us")
REVIEWS = 'name = "own"\n[data]\npath = "own.tsv"\ntarget = "liked"\n[training]\nbatch_size = 16\nepochs = %d\n'


def reviews(rows: int, price: bool = False) -> str:
    """A TSV of made-up reviews in two languages, each with a number of its own so that no two are the same."""
    rng = np.random.default_rng(1)
    lines = ["review\tplace\tliked" + ("\tprice" if price else "")]
    for number in range(rows):
        good = bool(rng.integers(2))
        words = rng.choice(GOOD if good else BAD, 2)
        place = rng.choice(["Seoul", "부산", ""])
        cells = [f'{words[0]}, {words[1]} "{number}', place, "yes" if good else "no"]
        lines.append(
            "\t".join([*cells, *([f"{10 * good + (place == 'Seoul') + rng.normal() / 9:.3f}"] if price else [])])
        )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def liked(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """The version that reviews beside a category make."""
    folder = tmp_path_factory.mktemp("reviews")
    (folder / "own.tsv").write_text(reviews(300))
    return published(folder, REVIEWS % 8)


def test_texts_beside_a_category_become_classes(liked: Entry) -> None:
    """The kind of network is chosen by the table; Korean and English reviews are told apart, also unseen ones."""
    assert [feature.type for feature in liked.signature.features] == ["text", "category"]
    assert 'kind = "ngram"' in (liked.path / "recipe.toml").read_text()
    found = scores(liked)
    assert list(found)[:4] == ["network", "majority class", "naive Bayes", "logistic regression"]
    assert "gradient boosting" in found
    assert found["network"]["accuracy"] >= 0.95
    answer = predict(liked, [["정말 재미있는 연기", "부산"], {"review": "DULL and boring", "place": None}])
    assert answer.argmax(axis=1).tolist() == [1, 0]


def test_texts_pass_the_same_gates(liked: Entry) -> None:
    """Parity held for texts of any length; drift is measured against the lengths of texts."""
    metrics = json.loads((liked.path / "metrics.json").read_text())
    assert {"texts of any length", "unseen categories"} <= {one["rows"] for one in metrics["parity"]}
    lengths = json.loads((liked.path / "baseline.json").read_text())["features"]["review"]
    assert sum(lengths["counts"]) == metrics["rows"]["train"]


@pytest.mark.slow
def test_texts_and_numbers_become_a_quantity(tmp_path: Path) -> None:
    """A text, a category and a numeric target make a regression; a very long text is cut and trains as well."""
    text = reviews(240, price=True) + "x" * 1_000_000 + "\tSeoul\tno\t3\n"
    (tmp_path / "own.tsv").write_text(text)
    entry = published(tmp_path, REVIEWS.replace("liked", "price") % 12)
    assert entry.signature.features[0].length is not None
    assert entry.signature.features[0].length <= LONGEST_TEXT
    found = scores(entry)
    assert found["network"]["rmse"] < 0.5 * found["mean"]["rmse"]


def test_equal_texts_stay_on_one_side_of_the_split() -> None:
    """No text is both learnt from and tested on, and every row is still in one part."""
    texts = Text("t", tuple(f"text {n % 40}" for n in range(100)))
    table = Table(("t",), np.empty((100, 0)), "y", np.arange(100) % 2, ("a", "b"), "", text=texts)
    parts = split(table, "random", 0)
    sides = [{texts.values[row] for row in part} for part in (parts.train, parts.validation, parts.test)]
    assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist()) == list(range(100))


def test_the_kind_has_to_fit_the_table(tmp_path: Path) -> None:
    """`ngram` without a text, or another kind with one, is an error that says what the table has."""
    table = read(written(tmp_path, reviews(30), "own.tsv"), "liked")
    recipe = 'name = "a"\n[data]\npath = "own.tsv"\ntarget = "liked"\n[network]\nkind = "%s"\n'
    with pytest.raises(RecipeError, match="kind 'plain' does not fit: the table has the text column 'review'"):
        resolve(parse(recipe % "plain"), table)
    numbers = read(written(tmp_path, "a,b\n" + "".join(f"{n / 2},{n}\n" for n in range(12))), "b")
    with pytest.raises(RecipeError, match="kind 'ngram' does not fit: the table has no text column"):
        resolve(parse(recipe % "ngram"), numbers)


def test_the_nativelikeness_recipe_publishes(tmp_path: Path) -> None:
    """The recipe that ships trains from its sample."""
    arguments = ["--registry", str(tmp_path / "registry"), "--runs", str(tmp_path / "runs")]
    assert main([str(FOLDER / "nativelikeness.toml"), *arguments]) == 0
    assert Registry(tmp_path / "registry").entry("nativelikeness", 1).signature.target.classes == ("learner", "native")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not SMS.exists(), reason="../shared/data/sms_spam.tsv is not there")
def test_sms_spam_is_within_a_hundredth_of_logistic_regression(tmp_path: Path) -> None:
    """F1 and accuracy on held-out messages, beside logistic regression on character n-grams."""
    assert hashlib.sha256(SMS.read_bytes()).hexdigest() == SMS_SHA256
    recipe = f'name = "own"\n[data]\npath = "{SMS}"\ncolumns = ["label", "text"]\ntarget = "label"\n'
    entry = published(tmp_path, recipe)
    found = scores(entry)
    assert found["network"]["accuracy"] >= found["logistic regression"]["accuracy"] - 0.01
    table = read(SMS, "label", columns=["label", "text"])
    assert len(table) == 5574
    test = split(table, "random", 0).test
    assert features(table, split(table, "random", 0).train) == entry.signature.features
    assert table.text is not None
    answer = predict(entry, [table.text.values[row] for row in test])
    assert f1_score(table.target[test], answer.argmax(axis=1)) >= 0.93
