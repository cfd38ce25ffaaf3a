"""Many requests, one run, many answers; the runtime is a function of the test."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from handler.batch import Served
from handler.exchange import Answer, Request
from mulgam import tensors as v2
from mulgam.tensors import Arrays
from tests.builders import linear_signature
from tests.handler.unpacked import request

Numbers = npt.NDArray[np.float32]


class FunctionRuntime:
    """A runtime that computes a Python function and counts its runs."""

    name = "torchscript"
    device = "cpu"

    def __init__(self, function: Callable[[Numbers], Any]) -> None:
        self._function = function
        self.runs: list[int] = []

    def run(self, inputs: Arrays) -> Numbers:
        self.runs.append(len(inputs["numeric"]))
        output: Numbers = self._function(inputs["numeric"])
        return output


def served(function: Callable[[Numbers], Any]) -> tuple[Served, FunctionRuntime]:
    """A model that computes a function."""
    runtime = FunctionRuntime(function)
    return Served(linear_signature(), "d" * 64, runtime), runtime


def row_sums(numeric: Numbers) -> Numbers:
    """A model for which every row's answer is known."""
    sums: Numbers = numeric.sum(axis=1)
    return sums


def test_what_nobody_waits_for_is_not_computed() -> None:
    """A request past its deadline is passed over, its neighbours are not; a deadline that is none does no harm."""
    model, runtime = served(row_sums)
    now = time.monotonic()
    deadlines = [str(now - 1), str(now + 60), "soon", None]
    answers = model.answer([replace(request([1, 2, 3]), deadline=deadline) for deadline in deadlines])
    assert [code(answers[0]), *map(output, answers[1:])] == [(400, "TOO_LATE"), [6], [6], [6]]
    assert runtime.runs == [3]
    model.answer([replace(request([1, 2, 3]), deadline=deadlines[0])])
    assert runtime.runs == [3]


def output(answer: Answer) -> list[float]:
    """The predicted numbers of a good answer."""
    assert answer.status == 200, answer.body
    decoded = v2.decode("outputs", answer.body, answer.headers["Inference-Header-Content-Length"])
    values: list[float] = decoded.tensors["prediction"].tolist()
    return values


def code(answer: Answer) -> tuple[int, str]:
    """Status and code of a refused or failed one."""
    return answer.status, json.loads(answer.body)["code"]


def test_one_run_serves_all_and_each_gets_its_own_rows() -> None:
    """Requests of different sizes are computed together and get their rows back, in order."""
    model, runtime = served(row_sums)
    answers = model.answer(
        [request([1, 0, 0], [2, 0, 0]), request([3, 0, 0]), request([4, 0, 0], [5, 0, 0], [6, 0, 0])]
    )
    assert [output(answer) for answer in answers] == [[1, 2], [3], [4, 5, 6]]
    assert runtime.runs == [6]


def test_bad_requests_are_answered_without_hurting_the_rest() -> None:
    """Each bad one gets its own code, the good ones their predictions, still in one run."""
    model, runtime = served(row_sums)
    answers = model.answer(
        [request([1, 2]), request([1, 1, 1]), Request(b"garbage", None), Request(None, None), request([2, 2, 2])]
    )
    assert [output(answers[1]), output(answers[4])] == [[3], [6]]
    assert [code(answers[n]) for n in (0, 2, 3)] == [
        (400, "WRONG_SHAPE"), (400, "BAD_JSON"), (415, "UNSUPPORTED_MEDIA_TYPE"),
    ]  # fmt: skip
    assert runtime.runs == [2]


def test_nothing_good_means_no_run() -> None:
    """A batch of bad requests alone never reaches the model; neither does an empty one."""
    model, runtime = served(row_sums)
    assert [answer.status for answer in model.answer([request([1]), Request(b"", None)])] == [400, 400]
    assert model.answer([]) == []
    assert runtime.runs == []


def test_only_the_request_that_breaks_the_model_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A run that raises is repeated one by one; the culprit's 500 says nothing of the inside."""

    def fragile(numeric: Numbers) -> Numbers:
        if (numeric == 666).any():
            raise RuntimeError("secret: /srv/models/a.py line 3")
        return row_sums(numeric)

    model, runtime = served(fragile)
    answers = model.answer([request([1, 0, 0]), request([666, 0, 0]), request([2, 0, 0])])
    assert [output(answers[0]), output(answers[2])] == [[1], [2]]
    assert code(answers[1]) == (500, "MODEL_FAILED")
    assert b"secret" not in answers[1].body
    assert "secret" in caplog.text
    assert runtime.runs == [3, 1, 1, 1]


def test_a_single_request_that_fails_is_not_run_twice() -> None:
    """There is nobody to save in a batch of one."""

    def broken(numeric: Numbers) -> Numbers:
        raise ValueError("no")

    model, runtime = served(broken)
    assert code(model.answer([request([1, 2, 3])])[0]) == (500, "MODEL_FAILED")
    assert runtime.runs == [1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_non_finite_output_fails_its_own_request(value: float) -> None:
    """NaN or infinity never leaves the handler as an answer, and only that row's request pays."""

    def sometimes(numeric: Numbers) -> Numbers:
        return np.where(numeric[:, 0] == 666, np.float32(value), row_sums(numeric))

    model, _ = served(sometimes)
    answers = model.answer([request([1, 0, 0]), request([2, 0, 0], [666, 0, 0]), request([3, 0, 0])])
    assert [output(answers[0]), output(answers[2])] == [[1], [3]]
    assert code(answers[1]) == (500, "NON_FINITE_OUTPUT")


@pytest.mark.parametrize(
    "function",
    [lambda x: x[:-1, 0], lambda x: x, lambda x: x.sum(axis=1, dtype=np.float64), lambda x: np.float32(1)],
    ids=["a row too few", "two dimensions", "float64", "a scalar"],
)
def test_an_output_of_another_shape_or_type_is_no_answer(function: Callable[[Numbers], Any]) -> None:
    """Rows can't be given back to their requests from such an output, so none is."""
    model, _ = served(function)
    assert {code(answer) for answer in model.answer([request([1, 2, 3]), request([4, 5, 6])])} == {
        (500, "MODEL_FAILED")
    }


def test_the_answer_names_digest_runtime_and_device() -> None:
    """What the gateway compares with what it expects."""
    model, _ = served(row_sums)
    (answer,) = model.answer([request([1, 2, 3])])
    message = v2.decode("outputs", answer.body, answer.headers["Inference-Header-Content-Length"])
    assert message.parameters == {"digest": "d" * 64, "runtime": "torchscript", "device": "cpu"}
