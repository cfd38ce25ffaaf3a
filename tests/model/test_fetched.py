"""Tables by name: from scikit-learn's own caches, prepared here, and what is said where there is none."""

import gzip
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
import pytest

from model.__main__ import main
from model.data import sources
from model.data.table import Table
from model.errors import DataError
from model.recipe.reading import load, parse
from model.recipe.sections import FOLDER, SETS, SOURCES
from mulgam.registry import Registry
from tests.model.test_own_table import CALIFORNIA, CALIFORNIA_SHA256, predict, scores


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """scikit-learn's cache, empty, on a machine without a network."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def table(source: str, keys: str = "") -> Table:
    """The table of a source."""
    return sources.rows(parse(f'name = "own"\n[data]\nsource = "{source}"\n{keys}'))


def put_california(cache: Path, rows: np.ndarray) -> None:
    """The file that `fetch_california_housing` keeps: value, income, age, rooms, bedrooms, people, …, place."""
    joblib.dump(rows, cache / "cal_housing_py3.pkz", compress=6)


def block_groups(count: int) -> np.ndarray:
    """Made-up block groups, as StatLib's file has them."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(1, 9, (count, 9))
    rows[:, 0] = 30_000 * rows[:, 1] + rng.normal(0, 1000, count)
    return rows


def put_openml(cache: Path, number: int, columns: Sequence[tuple[str, str]], rows: str, target: str | None) -> None:
    """The files that `fetch_openml` keeps of a set; of each column its name and its ARFF type."""
    attributes = "".join(f"@ATTRIBUTE {name} {kind}\n" for name, kind in columns)
    arff = f"@RELATION made-up\n{attributes}@DATA\n{rows}".encode()
    kinds = {"REAL": "numeric", "STRING": "string"}
    described = {
        "id": str(number), "name": "made-up", "version": "1", "description": "Made up for a test.", "format": "ARFF",
        "status": "active", "url": f"https://www.openml.org/data/v1/download/{number}/made-up.arff",
        "md5_checksum": hashlib.md5(arff).hexdigest(), "file_id": "1",
    }  # fmt: skip
    features = [
        {"index": str(place), "name": name, "data_type": kinds.get(kind, "nominal"), "is_ignore": "false",
         "is_target": str(name == target).lower(), "is_row_identifier": "false",
         "number_of_missing_values": "0"}
        for place, (name, kind) in enumerate(columns)
    ]  # fmt: skip
    api = "api/v1/json/data"
    files = {
        f"{api}/{number}": {"data_set_description": described},
        f"{api}/features/{number}": {"data_features": {"feature": features}},
        f"{api}/qualities/{number}": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(rows.count("\n"))}]}
        },
        f"{api}/list/data_name/made-up/limit/2/status/active/": {
            "data": {"dataset": [{"did": number, "name": "made-up", "version": 1, "status": "active"}]}
        },
    }
    written = {name: json.dumps(content).encode() for name, content in files.items()}
    for name, content in {**written, f"data/v1/download/{number}/made-up.arff": arff}.items():
        path = Path(f"{cache}/openml/openml.org/{name}.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content))


PEOPLE = (("age", "REAL"), ("work", "{Private,State}"), ("hours", "REAL"), ("income", "{'<=50K','>50K'}"))
ROWS = "".join(
    f"{20 + n % 40},{('Private', 'State', '?')[n % 3]},{30 + n % 11},'{'>50K' if n % 40 > 25 else '<=50K'}'\n"
    for n in range(400)
)


def test_california_comes_from_the_cache(cache: Path) -> None:
    """Eight features by scikit-learn's names, the target in units of 100,000 dollars."""
    rows = block_groups(50)
    put_california(cache, rows.copy())
    found = table("sklearn:california_housing")
    assert found.features[:3] == ("MedInc", "HouseAge", "AveRooms")
    assert found.target_name == "MedHouseVal"
    np.testing.assert_allclose(found.target, rows[:, 0] / 1e5)
    np.testing.assert_allclose(found.numeric[:, 2], (rows[:, 3] / rows[:, 6]).astype(np.float32))
    assert found.sha256 == table("sklearn:california_housing").sha256


def test_a_damaged_cache_is_one_sentence(cache: Path) -> None:
    """A file of the cache that ends too early is told of."""
    put_california(cache, block_groups(50))
    kept = cache / "cal_housing_py3.pkz"
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(DataError, match="sklearn:california_housing can't be fetched as a table: "):
        table("sklearn:california_housing")


def test_the_california_recipe_trains_and_serves(cache: Path, tmp_path: Path) -> None:
    """The recipe that ships goes from the cache to a published version that answers by feature name."""
    put_california(cache, block_groups(400))
    recipe = (FOLDER / "california.toml").read_text() + "[training]\nepochs = 20\n"
    (tmp_path / "california.toml").write_text(recipe)
    assert main([str(tmp_path / "california.toml"), "--registry", str(tmp_path / "r"), "--runs", str(tmp_path)]) == 0
    entry = Registry(tmp_path / "r").entry("california", 1)
    assert scores(entry)["network"]["r2"] > 0.5
    assert entry.signature.target.unit == "100,000 $"
    assert {one.name: one.unit for one in entry.signature.features}["HouseAge"] == "years"
    assert "predicted MedHouseVal [100,000 $]</text>" in (entry.path / "report.html").read_text(encoding="utf-8")
    assert np.isfinite(predict(entry, [{feature.name: 3 for feature in entry.signature.features}])).all()


@pytest.mark.skipif(not CALIFORNIA.exists(), reason="../shared/data/california_housing.csv is not there")
def test_the_real_california_has_the_published_columns(cache: Path) -> None:
    """The census table in the cache's form: 20,640 rows, no warning but of the capped values' kind."""
    content = CALIFORNIA.read_bytes()
    assert hashlib.sha256(content).hexdigest() == CALIFORNIA_SHA256
    lines = [line.split(",") for line in content.decode().splitlines()[1:]]
    raw = np.array([[float(cell or "nan") for cell in line[:9]] for line in lines])
    longitude, latitude, age, rooms, bedrooms, people, households, income, value = raw.T
    bedrooms = np.where(np.isnan(bedrooms), np.nanmedian(bedrooms), bedrooms)
    put_california(
        cache, np.column_stack([value, income, age, rooms, bedrooms, people, households, latitude, longitude])
    )
    found = table("sklearn:california_housing")
    assert (len(found), found.left_out) == (20_640, {})
    assert found.target.max() == pytest.approx(5.00001)


def test_openml_columns_have_the_fetchers_types(cache: Path) -> None:
    """Nominal values are categories with gaps, numbers are numbers, and the set names its target."""
    put_openml(cache, 1590, PEOPLE, ROWS, "income")
    for source in ("openml:1590", "openml:made-up"):
        found = table(source)
        assert (found.numbers, found.target_name, found.classes) == (("age", "hours"), "income", ("<=50K", ">50K"))
        assert (found.words[0].levels, found.words[0].codes[:3].tolist()) == (("Private", "State"), [0, 1, -1])


def test_the_adult_recipe_reads(cache: Path) -> None:
    """The recipe that ships leaves the sample's weight out."""
    put_openml(cache, 1590, (("fnlwgt", "REAL"), *PEOPLE), "7," + ROWS.replace("\n", "\n7,")[:-2], "income")
    assert sources.rows(load(FOLDER / "adult.toml")).features == ("age", "work", "hours")


def test_a_recipe_may_choose_another_target_types_and_columns(cache: Path) -> None:
    """`target`, `types`, `ignore` and `task` mean for OpenML what they mean for a file."""
    put_openml(cache, 7, PEOPLE, ROWS, None)
    found = table("openml:7", 'target = "age"\ntypes = {hours = "category"}\nignore = ["work"]\ntask = "regression"')
    assert (found.task, found.features) == ("regression", ("hours", "income"))
    assert found.words[0].levels[0] == "30"


@pytest.mark.parametrize(
    ("columns", "target", "keys", "sentence"),
    [
        (PEOPLE, None, "", "openml:7 names not one column to predict but none; choose one by [data] target."),
        (PEOPLE, "income", 'target = "incme"', "incme"),
        (PEOPLE, "income", 'ignore = ["wrk"]', "openml:7 has no column 'wrk' to ignore; did you mean 'work'?"),
        ((("age", "REAL"), ("work", "STRING"), *PEOPLE[2:]), "income", "", "STRING attributes are not supported"),
    ],
)
def test_a_set_that_makes_no_table_is_one_sentence(
    cache: Path, columns: Sequence[tuple[str, str]], target: str | None, keys: str, sentence: str
) -> None:
    """No target, a slip in a name, columns of free text."""
    put_openml(cache, 7, columns, ROWS, target)
    with pytest.raises(DataError) as problem:
        table("openml:7", keys)
    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "source", ["sklearn:california_housing", "sklearn:covtype", "sklearn:20newsgroups", "openml:1590", "openml:adult"]
)
def test_offline_without_a_cache_is_one_sentence_at_once(cache: Path, source: str) -> None:
    """It names the source and where the cache would be, and no attempt is repeated."""
    started = time.monotonic()
    with pytest.raises(
        DataError, match=f"{source} is not in scikit-learn's cache .*can't be downloaded: .*refused"
    ) as it:
        table(source)
    assert str(cache) in str(it.value)
    assert time.monotonic() - started < 30  # scikit-learn's own retries would not be seen by less on a busy machine


@pytest.mark.parametrize(("name", "shape"), [("iris", (150, 4)), ("wine", (178, 13)), ("digits", (1797, 64))])
def test_bundled_sets_need_no_network(cache: Path, name: str, shape: tuple[int, int]) -> None:
    """Classes go by their names; of pixels all are kept, the empty corners as well."""
    found = table(f"sklearn:{name}")
    assert (found.numeric.shape, found.target_name, found.left_out) == (shape, SETS[name], {})
    assert found.one_scale == (name == "digits")
    assert len(found.classes) == len(set(found.target.tolist()))


def test_every_named_set_is_one_that_scikit_learn_has() -> None:
    """The sections list names, so that reading a recipe loads nothing; here they meet their loaders."""
    from sklearn import datasets

    for name in SETS:
        assert hasattr(datasets, f"load_{name}") or hasattr(datasets, f"fetch_{name}")
        assert f"sklearn:{name}" in SOURCES
