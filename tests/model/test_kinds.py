"""Every kind of network down the road of training: published, alike in both runtimes, finite for any finite number."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from model.data.description import features
from model.data.files import read
from model.data.graph_inputs import encoded
from model.data.split import split
from model.data.table import Table, Words
from model.errors import RecipeError
from model.fitting import fitted
from model.networks.building import TEXT_STEMS, build
from model.recipe.reading import parse
from model.recipe.sections import KINDS_OF_NETWORK, KINDS_OF_TEXT, Data, Network, Recipe, Training
from model.release.promise import signature
from model.release.release import release
from model.resolving import resolve
from mulgam.registry import Entry, Registry
from tests.builders import DOCUMENTS
from tests.model.test_own_table import FOUR_LINES, csv, predict, table
from tests.model.test_table import written
from tests.model.test_text import REVIEWS, reviews

LARGEST = float(np.finfo(np.float32).max)
KINDS_OF_NUMBERS = tuple(kind for kind in KINDS_OF_NETWORK if kind not in KINDS_OF_TEXT)


def strokes(rows: int) -> str:
    """4 × 4 pixels, a few of them missing, of a stroke across or down in some place, as a person's file."""
    rng = np.random.default_rng(3)
    lines = [",".join(f"pixel_{place}" for place in range(16)) + ",stroke"]
    for number in range(rows):
        image = rng.integers(0, 60, (4, 4))
        across, place = bool(rng.integers(2)), rng.integers(4)
        image[(place, slice(None)) if across else (slice(None), place)] += 190
        cells = [str(pixel) for pixel in image.flat]
        cells[5] = "" if number % 20 == 0 else cells[5]
        lines.append(",".join([*cells, "across" if across else "down"]))
    return "\n".join(lines) + "\n"


def released(folder: Path, name: str, text: str, recipe: str) -> tuple[Entry, float]:
    """What a recipe makes of a file behind the gates of the release, and the training's last validation loss."""
    (folder / name).write_text(text)
    asked = parse(recipe)
    rows = read(folder / name, asked.data.target or "")
    asked = resolve(asked, rows)
    parts = split(rows, "random", 0)
    described = features(rows, parts.train)
    module, history = fitted(asked, rows, described, parts)
    held_out = encoded(rows, described, parts.test)
    entry = release(module, signature(asked, rows, described, parts.train), held_out, Registry(folder), DOCUMENTS)
    return entry, history.epochs[-1].validation_loss


def test_a_persons_own_pixels_become_a_cnn(tmp_path: Path) -> None:
    """A file of square images with gaps trains, and is alike in both runtimes; strokes are told apart anywhere."""
    recipe = FOUR_LINES.replace('"value"', '"stroke"') + '[network]\nkind = "cnn"\n[training]\nepochs = 8\n'
    _, loss = released(tmp_path, "own.csv", strokes(400), recipe + "batch_size = 32\n")
    assert loss < 0.1


def test_a_periodic_ensemble_passes_every_gate(tmp_path: Path) -> None:
    """An ensemble on periodic embeddings trains a quantity, and answers a row alone as among others."""
    recipe = FOUR_LINES + '[network]\nkind = "periodic"\nensemble = 8\n[training]\nepochs = 15\n'
    entry, loss = released(tmp_path, "own.csv", csv(*table(1000)), recipe)
    assert loss < 0.1
    rows: list[object] = [[1e4, 0.5, 0], [9e3, None, 3], [2e4, 0.1, 4]]
    alone = [predict(entry, [row])[0] for row in rows]
    np.testing.assert_allclose(predict(entry, rows), alone, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "further"), [("words", "ensemble = 4"), ("gru", ""), ("lstm", ""), ("attention", "")])
def test_every_kind_of_text_passes_every_gate(tmp_path: Path, kind: str, further: str) -> None:
    """Korean and English beside a category are learnt; an answer does not depend on its neighbours in a batch."""
    recipe = REVIEWS % 4 + f'[network]\nkind = "{kind}"\n{further}\n'
    entry, loss = released(tmp_path, "own.tsv", reviews(300), recipe)
    assert loss < 0.3
    rows: list[object] = [["정말 재미있는 연기", "부산"], ["", None], ["DULL and boring", "Seoul"]]
    together = predict(entry, rows)
    assert together.argmax(axis=1)[[0, 2]].tolist() == [1, 0]
    np.testing.assert_allclose(together, [predict(entry, [row])[0] for row in rows], atol=1e-5)


def numbers(count: int, classes: Sequence[str] = ()) -> Table:
    """Numbers of very different size, one of which never varies, beside a category."""
    rng = np.random.default_rng(0)
    numeric = rng.normal(size=(40, count)) * 10.0 ** rng.integers(-30, 30, count)
    numeric[:, 0] = 7.0
    words = (Words("place", "category", rng.integers(0, 2, 40, dtype=np.int32), ("Busan", "Seoul")),)
    target = rng.integers(0, len(classes), 40) if classes else rng.normal(size=40)
    names = tuple(f"n{number}" for number in range(count))
    return Table((*names, "place"), numeric, "y", target, tuple(classes), "", words=words)


@pytest.mark.parametrize("ensemble", [1, 4])
@pytest.mark.parametrize("classes", [(), ("a", "b")])
@pytest.mark.parametrize("kind", KINDS_OF_NUMBERS)
def test_every_finite_number_has_a_finite_answer(kind: str, classes: tuple[str, ...], ensemble: int) -> None:
    """Up to the ends of float32, whatever the training rows were: beyond 10,000 deviations nothing grows any more."""
    rows = numbers(16, classes)
    described = features(rows, np.arange(40))
    recipe = Recipe(
        "a", Data(), network=Network(kind=kind, hidden=(8,), dropout=0.0, ensemble=ensemble), training=Training()
    )
    module = build(recipe, rows, described, np.arange(40)).eval()
    sent = encoded(rows, described, np.arange(40))
    extreme = np.array([LARGEST, -LARGEST, 3e38, -3e38, 1e-45, 0.0, np.nan], dtype=np.float32)
    sent["numeric"] = np.random.default_rng(1).choice(extreme, (40, 16))
    with torch.no_grad():
        answer = module(*(torch.from_numpy(array) for array in sent.values()))
    assert torch.isfinite(answer).all()


@pytest.mark.parametrize("pixels", [9, 15, 17])
def test_a_cnn_takes_a_square_only(tmp_path: Path, pixels: int) -> None:
    """Another number of numeric columns is an error that says how many there are."""
    names = ",".join(f"p{number}" for number in range(pixels))
    lines = "\n".join(",".join(str((row * 7 + place) % 11) for place in range(pixels + 1)) for row in range(30))
    (tmp_path / "own.csv").write_text(f"{names},y\n{lines}\n")
    recipe = parse('name = "a"\n[data]\npath = "own.csv"\ntarget = "y"\n[network]\nkind = "cnn"\n')
    with pytest.raises(RecipeError, match=f"square image of at least 4 × 4; the table has {pixels} of them"):
        resolve(recipe, read(tmp_path / "own.csv", "y", task="regression"))


@pytest.mark.parametrize("kind", KINDS_OF_TEXT)
def test_a_kind_of_text_needs_a_text(tmp_path: Path, kind: str) -> None:
    """Without a text column it is refused, and the kinds that fit are named."""
    recipe = parse(f'name = "a"\n[data]\npath = "own.csv"\ntarget = "b"\n[network]\nkind = "{kind}"\n')
    rows = read(written(tmp_path, "a,b\n" + "".join(f"{n / 2},{n}\n" for n in range(12))), "b")
    with pytest.raises(RecipeError, match="no text column; one of 'ple', 'plain', 'periodic', 'cnn' does"):
        resolve(recipe, rows)


def test_every_kind_of_text_has_a_stem() -> None:
    """The kinds that a recipe may name are those that there are."""
    assert set(TEXT_STEMS) == set(KINDS_OF_TEXT)
