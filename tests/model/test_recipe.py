"""Recipes: strict, defaulted, and written back as they ran."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data.sources import rows
from model.errors import RecipeError
from model.networks import network, target_scale
from model.networks.network import ACTIVATIONS
from model.recipe import sections
from model.recipe.reading import load, parse
from model.recipe.sections import DEFAULTS, KINDS_OF_NETWORK, TYPES, Data, Network, Recipe, Training
from model.recipe.writing import dumps
from model.resolving import resolve
from model.training import losses, optimizers

FOUR_LINES = """\
name = "california"
[data]
path = "housing.csv"
target = "median_house_value"
"""


def test_four_lines_are_a_recipe() -> None:
    """Name, path and target suffice; the rest is defaults."""
    recipe = parse(FOUR_LINES)
    assert recipe == Recipe("california", Data("housing.csv", "median_house_value"), "", Network(), Training())


def test_the_default_recipes_read() -> None:
    """Both recipes that ship are valid and carry the names of the default models."""
    assert [load(path).name for path in DEFAULTS] == ["house-price", "digits"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (FOUR_LINES + "tagret = 1", "[data] tagret is unknown; did you mean 'target'?"),
        (
            FOUR_LINES + "[training]\nlearning_rte = 1",
            "[training] learning_rte is unknown; did you mean 'learning_rate'?",
        ),
        (FOUR_LINES + "[netwrok]", "netwrok is unknown; did you mean 'network'?"),
        (FOUR_LINES + "[network]\nepochs = 3", "[network] epochs is unknown; it belongs in [training]."),
        (
            FOUR_LINES + "[network]\nzzz = 3",
            "[network] zzz is unknown; known are kind, hidden, activation, dropout, ensemble.",
        ),
        (FOUR_LINES + "types = {a = 'word'}", "each type one of number, category, boolean, text, not"),
        (FOUR_LINES + "types = ['a']", '[data] types must be a table of column = "type"'),
        (FOUR_LINES + "types = {median_house_value = 'number'}", "types names the target 'median_house_value'."),
        (FOUR_LINES + "types = {a = 'text'}\nignore = ['a']", "[data] ignore and types both name 'a'."),
        (
            FOUR_LINES + "[training]\nepochs = '3'",
            '[training] epochs must be a whole number from 1 to 1000000, not "3".',
        ),
        (
            FOUR_LINES + "[training]\nepochs = true",
            "[training] epochs must be a whole number from 1 to 1000000, not true.",
        ),
        (FOUR_LINES + "[training]\nlearning_rate = nan", "[training] learning_rate must be a number"),
        (FOUR_LINES + "[network]\ndropout = 1.0", "[network] dropout must be a number from 0 to below 1, not 1.0."),
        (FOUR_LINES + "[network]\nhidden = [0]", "[network] hidden must be a list, each item a whole number from 1"),
        (FOUR_LINES + "[network]\nactivation = 'rely'", "(did you mean 'relu'?), not \"rely\"."),
        (FOUR_LINES + "separator = ';;'", "[data] separator must be one character in quotes"),
        (FOUR_LINES + "split = []", "[data] split must be a list"),
        (FOUR_LINES + "source = 'sklearn:digits'", "must name its table in [data]: either path and target, or source"),
        (FOUR_LINES + "ignore = ['median_house_value']", "[data] ignore names the target 'median_house_value'."),
        (FOUR_LINES + "units = {x = 3}", '[data] units must be a table of column = "unit"'),
        (FOUR_LINES + "units = {x = 'm'}\nignore = ['x']", "[data] ignore and units both name 'x'."),
        ("name = 'a'", "must name its table in [data]"),
        ("name = 'a'\ndata = 3", "data must be a table, written [data]."),
        ("name = 'a'\n[data]\npath = 'x.csv'", "[data] target is missing"),
        ("name = 'a'\n[data]\nsource = 'sklearn:digit'", "did you mean 'sklearn:digits'?"),
        ("name = 'a'\n[data]\nsource = 'sklearn:digits'\ntarget = 'x'", "[data] target goes with path"),
        ("[data]\npath = 'x.csv'\ntarget = 'y'", "has no name"),
        ("name = '../x'\n[data]", "name must be letters, digits, '-' and '_'"),
        ("name = ", "is not valid TOML"),
    ],
)
def test_a_slip_is_one_sentence_that_names_it(text: str, sentence: str) -> None:
    """Every mistake names the file, the place and what was expected, nearest known name included."""
    with pytest.raises(RecipeError) as problem:
        parse(text, "my.toml")
    assert str(problem.value).startswith("my.toml")
    assert sentence in str(problem.value)


def test_a_missing_recipe_is_one_sentence(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(RecipeError, match=r"absent\.toml can't be read: No such file"):
        load(tmp_path / "absent.toml")


def test_a_recipe_in_another_encoding_is_one_sentence(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused as such."""
    (tmp_path / "latin.toml").write_bytes('name = "é"'.encode("latin-1"))
    with pytest.raises(RecipeError, match="not text in UTF-8"):
        load(tmp_path / "latin.toml")


def test_a_loss_of_the_other_task_is_refused() -> None:
    """Cross-entropy for a regression is an error that lists what fits."""
    recipe = parse('name = "a"\n[data]\nsource = "mulgam:house-price"\n[training]\nloss = "cross_entropy"')
    with pytest.raises(RecipeError, match=r"not for regression.*mse, mae, rmse, rmsle, huber"):
        resolve(recipe, rows(recipe))


def test_a_published_recipe_holds_no_folder_of_somebodys_disk() -> None:
    """The path is written as the file's name alone."""
    recipe = parse('name = "a"\n[data]\npath = "/home/someone/private/x.csv"\ntarget = "y"')
    assert 'path = "x.csv"' in dumps(recipe)
    assert "someone" not in dumps(recipe)


WORDS = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() and text.strip() and "/" not in text)
RECIPES = st.builds(
    Recipe,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
    description=WORDS,
    data=st.builds(
        Data,
        path=WORDS.filter(lambda path: Path(path).name == path),
        target=WORDS.map(lambda word: "t" + word),
        task=st.sampled_from([None, "regression", "classification"]),
        columns=st.lists(WORDS, max_size=3).map(tuple),
        types=st.dictionaries(WORDS.map(lambda word: "y" + word), st.sampled_from(TYPES), max_size=3),
        units=st.dictionaries(WORDS.map(lambda word: "u" + word), WORDS, max_size=3),
        ignore=st.lists(WORDS.map(lambda word: "i" + word), max_size=3).map(tuple),
        separator=st.sampled_from([None, ";", "\t", "|"]),
        split=st.sampled_from([("random",), ("half",), ("random", "half")]),
    ),
    network=st.builds(
        Network,
        kind=st.sampled_from(KINDS_OF_NETWORK),
        hidden=st.lists(st.integers(1, 4096), max_size=4).map(tuple),
        activation=st.sampled_from(sorted(ACTIVATIONS)),
        dropout=st.floats(0, 0.99),
    ),
    training=st.builds(
        Training,
        loss=st.sampled_from([None, "mse", "cross_entropy"]),
        class_weights=st.sampled_from(["none", "balanced"]) | st.dictionaries(WORDS, st.floats(0.1, 10), max_size=3),
        target_transform=st.sampled_from(sections.TARGET_TRANSFORMS),
        learning_rate=st.floats(1e-9, 10),
        momentum=st.none() | st.floats(0, 0.99),
        weight_decay=st.none() | st.floats(0, 10),
        schedule=st.sampled_from(sections.SCHEDULES),
        warmup=st.integers(0, 100),
        clip=st.floats(0, 10),
        precision=st.sampled_from(sections.PRECISIONS),
        epochs=st.integers(1, 1_000_000),
        seed=st.integers(0, 2**32 - 1),
    ),
)


@given(RECIPES)
def test_what_is_written_reads_back_equal(recipe: Recipe) -> None:
    """A recipe as run, written and read again, is the same recipe."""
    assert parse(dumps(recipe)) == recipe


@given(st.text() | st.text(alphabet='name=[]data"\n.{}', max_size=40))
def test_any_text_is_a_recipe_or_an_error_of_ours(text: str) -> None:
    """No text makes the reader fail in another way."""
    try:
        recipe = parse(text)
    except RecipeError:
        return
    assert tomllib.loads(text)["name"] == recipe.name


def test_every_name_a_recipe_may_give_is_one_that_there_is() -> None:
    """The sections list names, so that reading a recipe loads no torch; here they meet what they name."""
    assert set(sections.ACTIVATIONS) == set(network.ACTIVATIONS)
    assert set(sections.OPTIMIZERS) == set(optimizers.OPTIMIZERS)
    assert set(sections.SCHEDULES) == set(optimizers.SCHEDULES)
    assert set(sections.TARGET_TRANSFORMS) == set(target_scale.TRANSFORMS)
    assert set(sections.LOSSES) == {name for of_task in losses.LOSSES.values() for name in of_task}
