"""Golden requests: stored without loss, compared within the tolerance, refused where they are none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam import golden
from mulgam.errors import RegistryError
from mulgam.golden import Golden
from mulgam.signature import Tolerance

PRICES = Golden([[32, 3, 0.3], {"area": None, "rooms": 3, "distance": 0.5}], np.array([5.3, 60], np.float32))
CLASSES = Golden(["좋은 글"], np.array([[0.25, 0.75]], np.float32))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Instances in any form, answers bit for bit, of one or two dimensions."""
    path = tmp_path / "golden.json"
    path.write_text(golden.dumps([PRICES, CLASSES]), encoding="utf-8")
    read = golden.load(path)
    assert [one.instances for one in read] == [PRICES.instances, CLASSES.instances]
    for one, sent in zip(read, (PRICES, CLASSES), strict=True):
        assert (one.answer.dtype, one.answer.tobytes()) == (np.float32, sent.answer.tobytes())


TOLERANCE = Tolerance(relative=1e-5, floor=2.0)


def test_answers_within_the_tolerance_match() -> None:
    """Relative to the answer, but never below the floor: 5.3 ± 5.3e-5, 0.1 ± 2e-5."""
    answer = Golden([[0], [0]], np.array([5.3, 0.1], np.float32))
    for shift in (np.array([5e-5, -1.9e-5]), np.array([-5e-5, 1.9e-5]), np.zeros(2)):
        assert answer.mismatch((answer.answer + shift).astype(np.float32), TOLERANCE) is None


@pytest.mark.parametrize(
    ("got", "sentence"),
    [
        ([5.3002, 60], "the answer lies 0.0002 from the stored one in row 0, allowed are 5.3e-05"),
        ([5.3, 60.0625], "the answer lies 0.0625 from the stored one in row 1, allowed are 0.0006"),
        ([5.3], r"the answer has the shape \[1\], expected \[2\]"),
        ([[5.3], [60]], r"the answer has the shape \[2, 1\], expected \[2\]"),
        ([np.nan, np.nan], "the answer holds NaN or an infinity"),
        ([np.inf, 60], "the answer holds NaN or an infinity"),
    ],
)
def test_another_answer_is_a_mismatch_with_its_sentence(got: Any, sentence: str) -> None:
    """How far, where, and how far it might be."""
    mismatch = PRICES.mismatch(np.array(got, np.float32), TOLERANCE)
    assert mismatch is not None
    assert re.fullmatch(sentence, mismatch), mismatch


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e-2), st.floats(1e-3, 1e3), st.floats(0, 0.9) | st.floats(1.1, 3))
def test_an_answer_matches_within_the_tolerance_and_not_beyond(
    value: float, relative: float, floor: float, times: float
) -> None:
    """The bound is relative × max(|stored answer|, floor)."""
    stored = Golden([[0]], np.array([value], np.float32))
    exact = float(stored.answer[0])
    got = np.array([exact + times * relative * max(abs(exact), floor)])
    assert (stored.mismatch(got, Tolerance(relative, floor)) is None) == (times < 1)


def request(**changed: Any) -> dict[str, Any]:
    """A good document, its request changed."""
    one = {"instances": [[1, 2]], "answer": [5.3], **changed}
    return {"format": 1, "requests": [{name: value for name, value in one.items() if value is not None}]}


REFUSED: dict[str, tuple[Any, str]] = {
    "format": ({**request(), "format": 2}, "has format 2 or no request"),
    "no request": ({"format": 1, "requests": []}, "or no request"),
    "unknown field": ({**request(), "extra": 1}, "unknown field 'extra'"),
    "no answer": (request(answer=None), r"requests\[0\] lacks the field 'answer'"),
    "answer of words": (request(answer=["5.3"]), "not an array of finite numbers"),
    "answer of booleans": (request(answer=[True]), "not an array of finite numbers"),
    "answer with null": (request(answer=[[0.5, None]]), "not an array of finite numbers"),
    "ragged answer": (request(answer=[[0.5], [0.5, 0.5]]), "the answer is ragged"),
    "answer above float32": (request(answer=[1e39]), "not an array of finite numbers"),
    "more answers than rows": (request(answer=[1, 2]), "2 answers for 1 instances"),
    "nothing asked": (request(instances=[], answer=[]), "not an array|0 answers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_document_that_is_none_is_refused(tmp_path: Path, case: str) -> None:
    """With the place and what is wrong there."""
    document, sentence = REFUSED[case]
    path = tmp_path / "golden.json"
    path.write_text(json.dumps(document))
    with pytest.raises(RegistryError, match=sentence):
        golden.load(path)
