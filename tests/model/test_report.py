"""The report: what it opens with, that nothing from outside becomes markup, and that it needs nothing else."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from model.data import house_price
from model.data.table import Table, Words
from model.release import environment
from model.release.forms import Form, Proof
from model.release.parity import Comparison
from model.report import confusion, curves, drawing, page
from model.report.blocks import Table as Shown
from model.scores import calibration, evaluation, findings, slices
from model.scores.findings import Findings
from model.scores.importance import Importance, Ranking
from model.scores.slices import Slice, Slices
from model.scores.standing import Standing
from model.training.history import Epoch, History
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs

HOSTILE = "<script>alert(1)</script> \"'&$x^2$"
ROWS = 60


class Parsed(HTMLParser):
    """Collects the text, the tags and all attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes = "", set[str](), set[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def stood(ours: float, theirs: float, classes: bool = False) -> Standing:
    """A standing beside one baseline."""
    if classes:
        return Standing(
            "classification", "random", {"test": ROWS}, {"accuracy": ours}, {"m": {"accuracy": theirs}}, None
        )
    return Standing("regression", "random", {"test": ROWS}, {"rmse": ours}, {"least squares": {"rmse": theirs}}, None)


def told(
    standing: Standing | None = None, *, name: str = "area", classes: tuple[str, ...] = (), unit: str = "억 원",
    recipe: str = 'name = "own"\n', one_scale: bool = False, features: int = 1,
) -> page.Run:  # fmt: skip
    """A run with made-up findings, in which every name that a person chose is `name` or a class."""
    rng = np.random.default_rng(0)
    names = tuple(f"{name}{place or ''}" for place in range(features))
    target = rng.integers(0, len(classes), ROWS) if classes else rng.normal(size=ROWS)
    words = () if one_scale else (Words("city", "category", rng.integers(0, 2, ROWS), (name, "b")),)
    table = Table(
        (*names, *(one.name for one in words)), rng.normal(size=(ROWS, features)), name, target, classes, "0" * 64,
        words, units={name: unit}, left_out={"id": f"because of {name}"}, one_scale=one_scale,
    )  # fmt: skip
    described = tuple(Feature(one, "number", unit) for one in names)
    goal = Target(name, unit, classes=classes) if classes else Target(name, unit)
    signature = Signature(
        "own", table.task, described, goal, graph_inputs(described), graph_outputs(goal), {}, description=name
    )
    ranking = Ranking("log_loss" if classes else "rmse", ROWS, 3, tuple(Importance(one, 0.5, 0.1) for one in names))
    worst = Slices("accuracy" if classes else "rmse", 20, 3, (Slice(name, name, 30, 0.25, 3.0),))
    if classes:
        predicted = rng.dirichlet(np.ones(len(classes)), ROWS)
        found = Findings(target, predicted, ranking, worst, calibration.measure(predicted, target))
    else:
        found = Findings(target, target + rng.normal(size=ROWS), ranking, worst)
    history = History((Epoch(1, 20.0, 3.0), Epoch(2, 1.0, 2.5)), 2)
    made_with = environment.document(table, torch.device("cpu"), 1, 0)
    standing = standing or stood(0.9, 0.8, classes=bool(classes))
    return page.Run(signature, table, [standing], found, history, made_with, recipe)


PROOF = Proof([Comparison("onnx", "1 held-out", 1, 0.0, 1e-5)], [Form("onnx", 20_480, 1e-5, 2e-3, ("rmse", 1.0))])


@pytest.fixture(scope="module")
def hostile() -> str:
    """A page in which everything that a person may have written is markup."""
    run = told(name=HOSTILE, classes=(HOSTILE, "_b", "<b>c</b>"), unit=HOSTILE, recipe=f"# {HOSTILE}\n")
    return page.page(run, PROOF)


def test_the_report_opens_with_the_verdict() -> None:
    """If a baseline wins, the page's first line after its title says so."""
    html = page.page(told(stood(2.0, 1.0)), PROOF)
    assert html.split("</h1>")[1].strip().startswith('<p class="verdict beaten">A baseline wins')


def test_nothing_that_people_wrote_becomes_markup(hostile: str) -> None:
    """Names of columns, words, classes, units and the recipe are text on the page, in tables and in plots."""
    parsed = Parsed(hostile)
    assert {"script", "b", "img"}.isdisjoint(parsed.tags)
    assert not {name for name in parsed.attributes if name.startswith("on")}
    assert parsed.text.count(HOSTILE) >= 10
    assert "$x^2$" in parsed.text  # not taken for TeX
    assert "_b" in hostile.split("ROC and precision-recall")[1].split("<figcaption>")[0]  # not left out of a legend


def test_the_report_needs_nothing_from_elsewhere(hostile: str) -> None:
    """The page loads no file and no address and runs nothing; every plot's references are its own."""
    assert all(word not in hostile for word in ("http:", "https:", "src=", "<link", "@import", "xlink", "<?xml"))
    for svg in re.findall(r"<svg.*?</svg>", hostile, re.DOTALL):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) == set(re.findall(r' id="([^"]+)"', svg))
    ids = re.findall(r' id="([^"]+)"', hostile)
    assert len(ids) == len(set(ids))


def test_the_plots_take_the_pages_colours(hostile: str) -> None:
    """A plot has no colour of its own, so that it can be read in the dark and on paper."""
    for svg in re.findall(r"<svg.*?</svg>", hostile, re.DOTALL):
        assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
        assert "var(--ink)" in svg
    assert "prefers-color-scheme: dark" in hostile
    assert "@media print" in hostile


def test_equal_runs_make_equal_pages() -> None:
    """No date and no random id is in a plot."""
    assert page.page(told(), PROOF) == page.page(told(), PROOF)


def test_a_regression_is_told_in_its_unit() -> None:
    """The plots and the sentence on residuals name the target's unit."""
    html = page.page(told(), PROOF)
    assert all(f"{axis} [억 원]</text>" in html for axis in ("true area", "predicted area", "residual"))
    assert '<th scope="col">unit</th>' in html
    assert '<th scope="col">unit</th>' not in page.page(told(unit=""), PROOF)
    assert "Half of the held-out predictions lie within" in html
    assert "Confusion" not in html


def test_groups_of_rows_are_told_or_a_sentence_why_not() -> None:
    """Ends of a group are written as scores are; where no group has rows enough, that is said."""
    run = told()
    few = replace(run.findings, slices=Slices("rmse", 20, 0, ()))
    assert "each would need 20 at least." in page.page(replace(run, findings=few), PROOF)
    target = np.arange(200) * 2500.0
    table = replace(run.table, target=target, numeric=np.zeros((200, 1), np.float32), words=(), features=("area",))
    found = slices.find(table, np.arange(200), target + np.arange(200))
    assert "373,125 – 497,500" in {one.values for one in found.worst}


def test_on_a_phone_wide_rows_are_stacked_with_titles(hostile: str) -> None:
    """Numbers of such a table carry their column's title, which is shown where the head is not."""
    data = page.page(told(), PROOF).split("<h2>Data</h2>")[1]
    assert '<table class="stack">' in data
    assert '<td data-title="missing" class="n">0</td>' in data
    assert "data-title" not in hostile.split("<h2>Confusion matrix</h2>")[1].split("</table>")[0]


def test_sizes_and_latencies_are_told_of_every_form() -> None:
    """Each form has a line with its size, what one row and 64 rows took, and its score."""
    html = page.page(told(), PROOF)
    assert all(f'class="n">{cell}</td>' in html for cell in ("20.5 kB", "10 µs", "2.00 ms"))


def test_what_reproduces_a_run_is_told() -> None:
    """The data's checksum, the versions, the seed and the recipe as run."""
    text = Parsed(page.page(told(recipe='name = "own" # <mine>\n'), PROOF)).text
    assert all(word in text for word in ("0" * 64, f"torch {torch.__version__}", "seed 0", 'name = "own" # <mine>'))


def test_of_a_square_image_the_pixels_are_a_map() -> None:
    """Columns that share one scale and make a square are drawn as one; others are a table."""
    square = page.page(told(one_scale=True, classes=("a", "b"), features=16), PROOF)
    assert "The 4 × 4 pixels" in square
    assert "The 4 × 4 pixels" not in page.page(told(one_scale=True, classes=("a", "b"), features=15), PROOF)


def test_a_page_stays_small() -> None:
    """Hundreds of features and of classes, and as many points as are drawn, make less than 500 kB."""
    many = told(classes=tuple(f"class {n}" for n in range(60)), features=300)
    assert len(page.page(many, PROOF).encode()) < 500_000
    run = told(features=300)
    rng = np.random.default_rng(0)
    long = replace(run.findings, target=rng.normal(size=50_000), predicted=rng.normal(size=50_000))
    assert len(page.page(replace(run, findings=long), PROOF).encode()) < 500_000


def test_the_confusion_matrix_counts_every_row() -> None:
    """A row of the matrix is a true class, a column what it was taken for; recall and precision stand at its edges."""
    target = np.array([0, 0, 0, 1, 1, 2])
    taken = np.array([0, 0, 1, 1, 1, 0])
    found = replace(told(classes=("a", "b", "c")).findings, target=target, predicted=np.eye(3)[taken])
    (matrix,) = confusion.section(found, ("a", "b", "c")).blocks
    assert isinstance(matrix, Shown)
    assert [[cell.text for cell in row] for row in matrix.cells] == [
        ["a", "2", "1", "", "0.667"], ["b", "", "2", "", "1.000"], ["c", "1", "", "", "0.000"],
        ["precision", "0.667", "0.667", "0.000", ""],
    ]  # fmt: skip


def test_held_out_rows_of_one_class_have_no_curve() -> None:
    """Where a class is absent, a sentence says why there is no curve."""
    found = replace(told(classes=("a", "b")).findings, target=np.zeros(ROWS, dtype=np.int64))
    section = curves.section(found, ("a", "b"))
    assert "there is no curve" in section.blocks[0].text  # type: ignore[union-attr]


def test_a_label_is_drawn_as_it_is_written() -> None:
    """Neither digits nor ids nor colours within a label are changed by what tidies the drawing."""
    label = '0.00012345 id="x" #010203 font: 3px Arial; 훈련'
    svg = drawing.draw("label", label, lambda axes: axes.set_xlabel(label))
    assert label in Parsed(svg).text
    assert json.dumps(label)[1:-1] not in svg.split(">")[0]  # escaped in the attribute


def test_the_findings_of_a_run_make_a_page() -> None:
    """What `findings.find` gives of a real table is what the page takes."""
    table = house_price.generate(200)
    run = told()
    described = tuple(Feature(name, "number", missing=False) for name in table.features)
    signature = replace(run.signature, features=described, inputs=graph_inputs(described))
    inputs = {"numeric": table.numeric.astype(np.float32)}
    assert table.noise_free is not None

    def predict(given: dict[str, np.ndarray]) -> np.ndarray:
        return house_price.price(given["numeric"].astype(np.float64))

    found = findings.find(table, signature, np.arange(200), inputs, predict, seed=0)
    assert found.ranking.ranked[0].feature == "area"
    scores = evaluation.regression(predict(inputs), table.target)
    standing = Standing("regression", "random", {"test": 200}, scores, {"mean": {"rmse": 9.0}}, None)
    html = page.page(replace(run, signature=signature, table=table, findings=found, standings=[standing]), PROOF)
    assert "The rows are synthetic." in html
