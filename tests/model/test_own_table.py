"""A user's own table down the road of training: four lines, missing values, two tasks."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from model.__main__ import main
from mulgam.encoding.encoder import Encoder
from mulgam.registry import Entry, Registry
from tests.processes import ROOT

CALIFORNIA = ROOT.parent / "shared" / "data" / "california_housing.csv"
CALIFORNIA_SHA256 = "2364609dc48bec7df3ba9dbb7041478e704ecddcee70ef1827ec3fc49d22c0cc"  # pragma: allowlist secret


def published(folder: Path, recipe: str) -> Entry:
    """The version that a recipe in the folder makes."""
    (folder / "own.toml").write_text(recipe)
    registry = folder / "registry"
    assert main([str(folder / "own.toml"), "--registry", str(registry), "--runs", str(folder / "runs")]) == 0
    return Registry(registry).entry("own", 1)


def predict(entry: Entry, instances: list[object]) -> np.ndarray:
    """What the published ONNX model answers to instances as a caller sends them."""
    session = onnxruntime.InferenceSession(entry.path / "model.onnx")
    return np.asarray(session.run(None, dict(Encoder(entry.signature).encode(instances)))[0])


def scores(entry: Entry) -> dict[str, dict[str, float]]:
    """Name -> scores on held-out rows, the network's as `network`."""
    metrics = json.loads((entry.path / "metrics.json").read_text())
    return {"network": metrics["scores"], **metrics["baselines"]}


def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Three features of very different size, a tenth of the second one missing, and a target that bends."""
    rng = np.random.default_rng(5)
    features = np.column_stack([rng.normal(1e4, 3e3, rows), rng.uniform(0, 1, rows), rng.integers(0, 5, rows)])
    target = features[:, 0] * (1 + features[:, 1] ** 2) + 2000 * np.cos(features[:, 2])
    features[rng.random(rows) < 0.1, 1] = np.nan
    return features, target


def csv(features: np.ndarray, target: np.ndarray) -> str:
    """The table as a person's file: an empty cell where a value is missing."""
    lines = (
        ",".join("" if np.isnan(value) else f"{value:.6g}" for value in row) + f",{label}"
        for row, label in zip(features, target, strict=True)
    )
    return "income,share,rooms,value\n" + "\n".join(lines) + "\n"


FOUR_LINES = 'name = "own"\n[data]\npath = "own.csv"\ntarget = "value"\n'


def test_four_lines_train_a_table_with_missing_values(tmp_path: Path) -> None:
    """A numeric table with gaps becomes a model that beats least squares and answers rows with gaps."""
    (tmp_path / "own.csv").write_text(csv(*table(2000)))
    entry = published(tmp_path, FOUR_LINES)
    assert [feature.missing for feature in entry.signature.features] == [False, True, False]
    found = scores(entry)
    assert found["network"]["rmse"] < found["least squares"]["rmse"]
    one, gap = predict(entry, [{"income": 1e4, "share": 0.5, "rooms": 0}, {"income": 1e4, "share": None, "rooms": 0}])
    assert one == pytest.approx(1e4 * 1.25 + 2000, rel=0.1)
    assert np.isfinite(gap)


def test_a_target_of_words_becomes_probabilities(tmp_path: Path) -> None:
    """A classification from the same four lines: classes named in the signature, probabilities that sum to 1."""
    features, target = table(400)
    (tmp_path / "own.csv").write_text(csv(features, np.where(target > 14000, "비쌈", "쌈")))
    entry = published(tmp_path, FOUR_LINES)
    assert entry.signature.target.classes == ("비쌈", "쌈")
    found = scores(entry)
    assert found["network"]["accuracy"] > found["majority class"]["accuracy"] + 0.1
    answer = predict(entry, [[20000, 0.9, 0], [5000, 0.1, 3]])
    assert answer.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert answer.argmax(axis=1).tolist() == [0, 1]


def test_nothing_of_the_table_is_published_but_its_statistics(tmp_path: Path) -> None:
    """No row of the user's data is in a published document."""
    features, target = table(300)
    text = csv(features, target)
    (tmp_path / "own.csv").write_text(text)
    entry = published(tmp_path, FOUR_LINES + "[training]\nepochs = 2\n")
    for path in entry.path.glob("*.[jth]*"):
        content = path.read_text()
        assert not any(row in content for row in text.splitlines()[1:])
        assert str(tmp_path) not in content
    environment = json.loads((entry.path / "environment.json").read_text())
    assert environment["data"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def mixed(rows: int) -> str:
    """A file whose target depends on a number, a word that is sometimes missing, and a boolean."""
    rng = np.random.default_rng(3)
    worth = {"Gangnam": 9.0, "마포": 5.0, "Jongno": 2.0, "": 4.0}
    lines = ["area,district,lift,price"]
    for _ in range(rows):
        area, district, lift = rng.uniform(10, 60), str(rng.choice(list(worth))), bool(rng.integers(2))
        gap = "" if rng.random() < 0.05 else f"{area:.2f}"
        lines.append(f"{gap},{district},{str(lift).lower()},{area * 0.1 + worth[district] + 2 * lift:.3f}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """The version that a mixed table makes."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "own.csv").write_text(mixed(800))
    return published(folder, FOUR_LINES.replace("value", "price") + "[training]\nepochs = 60\n")


def test_a_mixed_table_serves_words_as_people_send_them(houses: Entry) -> None:
    """Words, booleans, gaps and unseen words work through to the prediction of the published graph."""
    assert [(feature.type, feature.missing) for feature in houses.signature.features] == [
        ("number", True), ("category", True), ("boolean", False),
    ]  # fmt: skip
    assert set(houses.signature.features[1].vocabulary) == {"Gangnam", "마포", "Jongno"}
    answer = predict(houses, [[30, "Gangnam", True], [30, "마포", False], [30, None, False], [30, "Atlantis", False],
                              {"area": None, "district": None, "lift": True}])  # fmt: skip
    np.testing.assert_allclose(answer[:3], [14, 8, 7], rtol=0.1)
    assert np.isfinite(answer).all()
    assert answer.min() > 2


def test_a_mixed_table_is_gated_and_described_like_any_other(houses: Entry) -> None:
    """Parity held on unseen and missing words; the golden requests have both; baselines saw the words, too."""
    metrics = json.loads((houses.path / "metrics.json").read_text())
    assert {"unseen categories", "missing categories", "missing values"} <= {one["rows"] for one in metrics["parity"]}
    sent = [row for golden in houses.golden for row in golden.instances]
    assert any(isinstance(row, dict) and row["district"] == "unseen" for row in sent)
    assert any(isinstance(row, dict) and row["district"] is None for row in sent)
    found = scores(houses)
    assert found["least squares"]["rmse"] < 0.3 * found["mean"]["rmse"]
    assert found["network"]["rmse"] < 0.3 * found["mean"]["rmse"]
    counts = json.loads((houses.path / "baseline.json").read_text())["features"]
    assert len(counts["district"]["counts"]) == 5
    assert counts["district"]["counts"][0] == 0 < counts["district"]["counts"][1]
    assert sum(counts["lift"]["counts"]) == metrics["rows"]["train"]


def test_the_mixed_graph_is_scripted(houses: Entry) -> None:
    """TorchScript holds the code itself, not a trace of one batch, and takes the inputs one after the other."""
    program = torch.jit.load(houses.path / "model.pt")
    assert "third: Optional[Tensor]" in program.code  # of a trace only the two arguments it saw would be left
    inputs = Encoder(houses.signature).encode([[30, "Gangnam", True]] * 5)
    answer = program(torch.from_numpy(inputs["numeric"]), torch.from_numpy(inputs["categories"]))
    np.testing.assert_allclose(answer.detach().numpy(), predict(houses, [[30, "Gangnam", True]] * 5), rtol=1e-5)


def test_words_alone_and_ten_thousand_of_them(tmp_path: Path) -> None:
    """A table of one column with 10,000 different words trains; each gives a prediction, and so does an unseen one."""
    rows = "".join(f"w{n},{(n % 7) * 3.0 + n % 2}\n" for n in range(10_000)) * 2
    (tmp_path / "own.csv").write_text("word,value\n" + rows)
    entry = published(tmp_path, FOUR_LINES + "[training]\nepochs = 1\n")
    assert [tensor.name for tensor in entry.signature.inputs] == ["categories"]
    assert 9_000 < len(entry.signature.features[0].vocabulary) <= 10_000
    assert np.isfinite(predict(entry, [["w17"], ["none of them"]])).all()


@pytest.mark.skipif(not CALIFORNIA.exists(), reason="../shared/data/california_housing.csv is not there")
def test_california_in_four_lines(tmp_path: Path) -> None:
    """The 1990 census table trains from four lines, its words included, and beats least squares clearly."""
    content = CALIFORNIA.read_bytes()
    assert hashlib.sha256(content).hexdigest() == CALIFORNIA_SHA256
    recipe = f'name = "own"\n[data]\npath = "{CALIFORNIA}"\ntarget = "median_house_value"\n'
    entry = published(tmp_path, recipe + "[training]\nepochs = 12\n")
    assert [feature.name for feature in entry.signature.features if feature.missing] == ["total_bedrooms"]
    assert entry.signature.features[-1].vocabulary[0] == "<1H OCEAN"
    found = scores(entry)
    assert found["network"]["rmse"] < 0.9 * found["least squares"]["rmse"]
    row = {"longitude": -122.2, "latitude": 37.9, "housing_median_age": 40, "total_rooms": 900,
           "total_bedrooms": None, "population": 400, "households": 130, "median_income": 8.0,
           "ocean_proximity": "NEAR BAY"}  # fmt: skip
    assert 200_000 < predict(entry, [row])[0] < 700_000
