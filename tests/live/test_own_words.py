"""A table of one's own with words in it, trained here and served by each runtime: what was never seen is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from mulgam.registry import Entry
from tests.model.test_own_table import predict as expected
from tests.model.test_own_table import published
from tests.model.test_text import REVIEWS, reviews
from tests.processes import predict, serving

pytestmark = [pytest.mark.live, pytest.mark.beside]

ROWS = [
    ["정말 재미있는 영화", "부산"],
    ["a dull and boring evening", "Atlantis"],
    {"review": "그렇게 나쁘지는 않았다, 정말로 🙂", "place": None},
    ["", "never seen either"],
    ["x" * 5000, "Seoul"],
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """A version of reviews beside a category."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "own.tsv").write_text(reviews(120))
    return published(folder, REVIEWS % 2)


@pytest.mark.parametrize(
    ("backend", "runtime"), [("onnxruntime", "onnx"), ("torchserve", "torchscript"), ("torchserve", "onnx")]
)
def test_unseen_words_and_texts_are_answered_alike(trained: Entry, tmp_path: Path, backend: str, runtime: str) -> None:
    """Unseen and missing categories, Korean, an emoji, an empty and a very long text: ONNX Runtime's own answers."""
    wanted = expected(trained, ROWS)
    with serving(trained.path.parents[1], tmp_path, backend=backend, runtime=runtime) as service:
        answers = predict(service.port, "own", ROWS, "?probabilities=all").json["predictions"]
        alone = predict(service.port, "own", ROWS[1:2], "?probabilities=all").json["predictions"]
    for answer, row in zip([*answers, *alone], [*wanted, wanted[1]], strict=True):
        assert list(answer["probabilities"].values()) == pytest.approx(row.tolist(), abs=1e-4)
