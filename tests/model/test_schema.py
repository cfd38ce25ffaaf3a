"""The schema of a file and its profile: types inferred, idle columns left out, both said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.data import profile
from model.data.columns import WordBuilder, WordColumn
from model.data.description import MOST_CATEGORIES, features
from model.data.files import read
from model.data.schema import column_type
from model.data.split import split
from model.data.table import Table
from model.errors import DataError
from model.recipe.reading import parse
from model.report.summary import opening
from tests.model.test_table import written

WORDS = ("Mapo", "Gangnam", "Jongno", "마포")


def mixed(rows: int = 40) -> str:
    """A file with a column of every kind, and of every kind that says nothing."""
    lines = ["id,area,district,lift,fixed,empty,key,gap,price"]
    for n in range(rows):
        cells = [100 + n * 7, n * 1.25, WORDS[n % 4] if n % 9 else "", ("True", "false")[n % 2], "x", "NA",
                 f"K-{n:04}", "yes" if n % 3 else "", n * 2.5 + n % 7]  # fmt: skip
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def table(folder: Path, text: str | None = None, **given: object) -> Table:
    """The table in a file with this text."""
    return read(written(folder, mixed() if text is None else text), "price", **given)  # type: ignore[arg-type]


def words(values: list[str]) -> WordColumn:
    """A column of words."""
    builder = WordBuilder()
    builder.add(values)
    return builder.column()


def test_every_column_gets_its_type(tmp_path: Path) -> None:
    """Numbers, words and true/false are told apart, in the file's order; gaps are missing values."""
    found = table(tmp_path)
    assert found.features == ("area", "district", "lift", "gap")
    assert found.numbers == ("area",)
    assert [(column.name, column.type) for column in found.words] == [
        ("district", "category"), ("lift", "boolean"), ("gap", "category"),
    ]  # fmt: skip
    assert found.words[0].codes[0] == -1
    assert found.words[1].codes[:2].tolist() == [1, 0]


def test_columns_that_say_nothing_are_left_out_and_said(tmp_path: Path) -> None:
    """Constant, empty and row-naming columns are left out, each with its reason; a constant with gaps is not."""
    left_out = table(tmp_path).left_out
    assert set(left_out) == {"id", "fixed", "empty", "key"}
    assert left_out["id"] == "it numbers the rows"
    assert left_out["fixed"] == "'x' in every row"
    assert left_out["empty"] == "no value in any row"
    assert "nearly every row has a word of its own (40 in 40)" in left_out["key"]


def test_a_recipe_overrides_what_was_inferred(tmp_path: Path) -> None:
    """A type keeps a column that would be left out, and makes categories of numbers; `ignore` leaves one out."""
    found = table(tmp_path, types={"id": "category", "gap": "boolean", "fixed": "category"}, ignore=["area"])
    assert found.numbers == ()
    assert [column.name for column in found.words] == ["id", "district", "lift", "fixed", "gap"]
    assert found.words[0].levels[0] == "100"
    assert "id" not in found.left_out


@pytest.mark.parametrize(
    ("types", "sentence"),
    [
        ({"district": "number"}, "row 2 (line 3), column 'district': 'Gangnam' is not a number"),
        ({"district": "boolean"}, "column 'district': 'Gangnam' is neither true nor false."),
        ({"empty": "category"}, "column 'empty' holds no value at all; put it in [data] ignore."),
        ({"distrikt": "category"}, "has no column 'distrikt' to give a type to; did you mean 'district'?"),
    ],
)
def test_a_type_that_does_not_fit_is_one_sentence(tmp_path: Path, types: dict[str, str], sentence: str) -> None:
    """The error names the cell that is at odds with the type, or the column."""
    with pytest.raises(DataError) as problem:
        table(tmp_path, types=types)
    assert sentence in str(problem.value)


def test_mixed_kinds_in_a_column(tmp_path: Path) -> None:
    """A few words among numbers are a mistake, named with the way out; mostly words are categories."""
    rows = "".join(f"{n * 1.5},{'n/k' if n % 4 == 0 else n % 6},{n * 2.5}\n" for n in range(24))
    with pytest.raises(DataError, match=r"'n/k' is not a number.*say so: \[data\] types = \{b = \"category\"\}"):
        table(tmp_path, "a,b,price\n" + rows)
    assert table(tmp_path, "a,b,price\n" + rows, types={"b": "category"}).words[0].levels[-1] == "n/k"
    assert column_type(words(["1", "low", "high", "low"])) == "category"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "-3e4"], "number"),
        (["TRUE", "false", "False"], "boolean"),
        (["0", "1", "1"], "number"),
        (["NEAR BAY", "INLAND", "NEAR BAY"], "category"),
        ([f"review {n} is quite long, I think" for n in range(20)], "text"),
        ([f"정말 재미있는 영화 {n}" for n in range(20)], "text"),
        (["Bachelor of the Arts", "Master of the Arts"] * 20, "category"),
    ],
)
def test_types_by_example(values: list[str], kind: str) -> None:
    """What people would call each column."""
    assert column_type(words(values)) == kind


def test_a_file_without_a_header_line(tmp_path: Path) -> None:
    """`columns` names the columns; then the first line is a row."""
    rows = "".join(f"{n * 1.5},{n * n}\n" for n in range(12))
    found = read(written(tmp_path, rows), "price", columns=["a", "price"])
    assert (len(found), found.features) == (12, ("a",))
    with pytest.raises(DataError, match=r"row 1 \(line 1\) has 2 values; \[data\] columns names 3"):
        read(written(tmp_path, rows), "price", columns=["a", "b", "price"])


def test_quotes_in_a_tsv_are_characters_unless_they_enclose_the_cell(tmp_path: Path) -> None:
    """Texts with a lone quote read as they are; spreadsheets' quoted cells, line ends within included, do as well."""
    said = ('5 " pipe', 'he said "no')
    lone = "a\tsaid\tprice\n" + "".join(f"{n * 1.5}\t{said[n % 2]}\t{n}\n" for n in range(12))
    assert read(written(tmp_path, lone, "t.tsv"), "price").words[0].levels == said
    quoted = lone.replace('5 " pipe', '"5 "" pipe\n6"').replace('he said "no', '"a\tb"')
    assert read(written(tmp_path, quoted, "t.tsv"), "price").words[0].levels == ('5 " pipe\n6', "a\tb")


def test_the_vocabulary_is_bounded(tmp_path: Path) -> None:
    """Ten thousand words are kept; of more the most frequent, and the profile says that the others count as unseen."""
    rows = "".join(f"w{n // 2},{n * 0.5}\n" for n in range(2 * MOST_CATEGORIES))
    found = table(tmp_path, "w,price\n" + rows)
    (feature,) = features(found, np.arange(len(found)))
    assert len(feature.vocabulary) == MOST_CATEGORIES
    assert profile.warnings(found) == []
    more = table(tmp_path, "w,price\n" + rows + "rare,1\nfrequent,2\nfrequent,3\nfrequent,4\n")
    (feature,) = features(more, np.arange(len(more)))
    assert feature.vocabulary[0] == "frequent"
    assert "rare" not in feature.vocabulary
    assert any(
        "10,002 words; all but the 10,000 most frequent count as unseen" in one for one in profile.warnings(more)
    )


def test_only_words_of_the_training_rows_are_known(tmp_path: Path) -> None:
    """A word that only held-out rows have is unseen, as it will be for words to come."""
    found = table(tmp_path, "w,price\n" + "".join(f"{'new' if n > 9 else 'old'},{n}\n" for n in range(12)))
    (feature,) = features(found, np.arange(9))
    assert feature.vocabulary == ("old",)


def test_the_profile_is_printed_before_training(tmp_path: Path) -> None:
    """Each feature's type, gaps, distinct values and range or words; the target's distribution; what was left out."""
    text = opening(parse('name = "own"\n[data]\npath = "own.csv"\ntarget = "price"\n'), table(tmp_path))
    for part in ("40 rows, 4 features, 19 missing values; regression of price", "area      number    40 distinct: 0 … ",
                 "district  category  4 distinct, 5 missing: ", "lift      boolean   2 distinct: false 50%, true 50%",
                 "target price: 0 … ", "warning: 'id' is left out: it numbers the rows"):  # fmt: skip
        assert part in text


TELLS = "tells the target exactly; is it known before the target is?"
ALMOST = TELLS.replace("exactly", "almost exactly")


def told(folder: Path, rows: str, *, classes: bool = False) -> list[str]:
    """What is said of `leak` beside an innocent number."""
    task = "classification" if classes else "regression"
    return profile.warnings(table(folder, "a,leak,price\n" + rows, task=task))


@pytest.mark.parametrize(
    ("leak", "sentence"),
    [
        (lambda n, y: y, TELLS),
        (lambda n, y: -3 * y + 1e4, TELLS),
        (lambda n, y: y + 0.1 * (n % 3), ALMOST),
        (lambda n, y: y**3, ALMOST),
        (lambda n, y: y + 10 * (n % 7), None),
        (lambda n, y: n % 2, None),
    ],
)
def test_a_number_that_tells_a_quantity_is_a_warning(
    tmp_path: Path, leak: Callable[[int, float], float], sentence: str | None
) -> None:
    """A copy, a scaled one, one with little noise, and one that rises with the target; others are not."""
    prices = [(n * 37) % 101 * 1.3 for n in range(200)]
    rows = "".join(f"{n % 7},{leak(n, y)!r},{y!r}\n" for n, y in enumerate(prices))
    assert told(tmp_path, rows) == ([] if sentence is None else [f"'leak' {sentence}"])


@pytest.mark.parametrize(
    ("leak", "sentence"),
    [
        (lambda n, y: ("no", "yes", "maybe")[y], TELLS),
        (lambda n, y: 7 - y, TELLS),
        (lambda n, y: 10 * y + n % 9 / 10, TELLS),
        (lambda n, y: ("no", "yes", "maybe")[y if n else 1], ALMOST),
        (lambda n, y: ("no", "yes", "maybe")[y if n % 10 else 1], None),
        (lambda n, y: y + n % 10 / 5, None),
        (lambda n, y: f"w{n // 2}", None),
    ],
)
def test_what_tells_a_class_is_a_warning(
    tmp_path: Path, leak: Callable[[int, int], object], sentence: str | None
) -> None:
    """Words or numbers of each class's own, a score that parts the classes; not words that are too rare to say so."""
    rows = "".join(f"{n % 7},{leak(n, n % 3)},{n % 3}\n" for n in range(600))
    assert told(tmp_path, rows, classes=True) == ([] if sentence is None else [f"'leak' {sentence}"])


def test_a_word_that_goes_with_one_quantity_is_a_warning(tmp_path: Path) -> None:
    """A quantity that was written down as a word."""
    rows = "".join(f"{n % 7},w{n % 11},{n % 11 * 2.5}\n" for n in range(200))
    assert told(tmp_path, rows) == [f"'leak' {TELLS}"]


def test_dates_are_pointed_at(tmp_path: Path) -> None:
    """Dates that repeat are words to the model, and those that do not are left out; both are said."""
    rows = "".join(f"2024-05-{n % 9 + 1:02} 10:00,2024-{n % 12 + 1:02}-{n // 12 + 1:02},{n % 7},{n * 1.5}\n"
                   for n in range(60))  # fmt: skip
    found = profile.warnings(table(tmp_path, "at,day,a,price\n" + rows))
    assert found[0].startswith("'day' is left out: dates, nearly every row one of its own; turn them into numbers")
    assert found[1].startswith("'at' holds dates, each taken for a word; turn them into numbers")


def test_keys_beyond_32_bits_are_told_apart(tmp_path: Path) -> None:
    """Whole numbers that float32 would round to one another still count as different."""
    rows = "".join(f"{10**12 + n},{n % 7},{n * 1.5}\n" for n in range(40))
    assert table(tmp_path, "user_id,a,price\n" + rows).left_out == {"user_id": "it numbers the rows"}


@pytest.mark.parametrize(
    ("rows", "warned"),
    [
        ("1,maybe\n2,maybe\n", "the class 'maybe' has fewer than 3 rows"),
        ("1,maybe\n2,once\n", "the classes 'maybe', 'once' have fewer than 3 rows"),
        ("1,maybe\n2,maybe\n3,maybe\n", None),
    ],
)
def test_a_class_too_rare_to_be_held_out_is_a_warning(tmp_path: Path, rows: str, warned: str | None) -> None:
    """Of one or two rows a random split holds none out; of three it does, and nothing is said."""
    text = "a,price\n" + "".join(f"{n % 7},no\n{n % 5},yes\n" for n in range(40)) + rows
    found = table(tmp_path, text)
    told = [one for one in profile.warnings(found) if "fewer than 3 rows" in one]
    assert [one.partition(":")[0] for one in told] == ([] if warned is None else [warned])
    held_out = found.target[split(found, "random", 0).test]
    assert (found.classes.index("maybe") in held_out) == (warned is None)
