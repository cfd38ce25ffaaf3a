"""Texts as words and as sequences: what each kind makes of code points, Korean included."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from model.networks.attention import Attention, positions
from model.networks.characters import pooled
from model.networks.recurrent import Recurrent
from model.networks.words import Words
from mulgam.encoding.text import code_points

LENGTH = 40
KINDS: dict[str, Callable[[], nn.Module]] = {
    "words": lambda: Words(512, 8),
    "gru": lambda: Recurrent(nn.GRU),
    "lstm": lambda: Recurrent(nn.LSTM),
    "attention": lambda: Attention(LENGTH),
}


def points(*texts: str, length: int = LENGTH) -> torch.Tensor:
    """Texts as the graph's input."""
    return torch.from_numpy(np.stack([code_points(text, length) for text in texts]))


@pytest.fixture(params=KINDS)
def module(request: pytest.FixtureRequest) -> nn.Module:
    """One of each kind, untrained and seeded."""
    torch.manual_seed(0)
    return KINDS[request.param]().eval()


@torch.no_grad()
def test_an_answer_depends_on_its_own_text_alone(module: nn.Module) -> None:
    """Neither neighbours in the batch nor padding after the end change it; an empty text gives zeros."""
    texts = ["물감을 섞다", "", "a b", "Mix the paints, then look. " * 2]
    together = module(points(*texts))
    for text, row in zip(texts, together, strict=True):
        torch.testing.assert_close(module(points(text))[0], row, atol=1e-6, rtol=1e-5)
    assert not together[1].any()
    assert together[0].any()
    torch.testing.assert_close(module(points("물감을 섞다", length=12))[0], together[0], atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_case_does_not_matter_and_scripts_do(module: nn.Module) -> None:
    """Upper and lower case are one, and Korean words are told apart."""
    one, lower, korean, other = module(points("Red Paint", "red paint", "붉은 물감", "푸른 물감"))
    assert torch.equal(one, lower)
    assert not torch.allclose(korean, other)


@torch.no_grad()
def test_torchscript_compiles_it(module: nn.Module) -> None:
    """Its compiled form answers as it does, in batches of any size."""
    program = torch.jit.script(module)
    for texts in (["섞다"], ["", "a b c"], ["x" * LENGTH] * 7):
        torch.testing.assert_close(program(points(*texts)), module(points(*texts)), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_words_have_no_order_and_sequences_have() -> None:
    """A bag of words is the same whatever the order and the signs between; a sequence is not."""
    for name, make in KINDS.items():
        torch.manual_seed(0)
        one, swapped = make().eval()(points("thick paint, thin paper", "thin  paper… thick paint"))
        assert torch.allclose(one, swapped, atol=1e-6) == (name == "words")


@torch.no_grad()
def test_words_are_stretches_of_letters_and_digits() -> None:
    """The columns of a text are the sum of its words' embeddings over the root of their number."""
    torch.manual_seed(0)
    module = Words(512, 8).eval()
    paint, two, both = module(points("물감", "x2", "--물감, X2!"))
    torch.testing.assert_close(both, (paint + two) / 2**0.5)
    assert not module(points("… --- !?"))[0].any()
    long, longer = module(points("a" * 20, "a" * 30))
    assert torch.equal(long, longer)


def test_steps_after_the_end_are_not_pooled() -> None:
    """The largest value is looked for among known steps, also where all of them are below 0."""
    steps = torch.tensor([[[-3.0], [-2.0], [5.0]], [[1.0], [2.0], [3.0]]])
    known = torch.tensor([[True, True, False], [False, False, False]])
    assert pooled(steps, known).tolist() == [[-2.0], [0.0]]


def test_every_place_has_its_own_encoding() -> None:
    """Sines and cosines of the paper: bounded, and different at each step."""
    encoded = positions(171)
    assert encoded.abs().max() <= 1.0
    assert encoded[0, :4].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert torch.pdist(encoded).min() > 0.1
