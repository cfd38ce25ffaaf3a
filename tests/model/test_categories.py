"""Categories inside the graph."""

import torch

from model.networks.categories import MASKED, WIDEST, Categories, width
from mulgam.encoding.categories import MISSING, UNSEEN


def test_each_feature_has_embeddings_of_its_own() -> None:
    """A change in one column changes that feature's part of the answer, and no other."""
    module = Categories([5, 40]).eval()
    one, other = module(torch.tensor([[2, 3], [2, 4]]))
    assert torch.equal(one[: width(5)], other[: width(5)])
    assert not torch.equal(one[width(5) :], other[width(5) :])


def test_unseen_and_missing_are_learnt_though_no_row_has_them() -> None:
    """Training takes a small share of the values for unseen or missing, so that both embeddings get a gradient."""
    torch.manual_seed(0)
    module = Categories([4]).train()
    module(torch.full((20_000, 1), 3)).sum().backward()
    drawn = module.embeddings[0].weight.grad[:, 0] / 20_000  # type: ignore[union-attr,index]
    assert abs(float(drawn[UNSEEN]) - MASKED) < MASKED / 2
    assert abs(float(drawn[MISSING]) - MASKED) < MASKED / 2
    assert float(drawn[3]) > 0.97


def test_nothing_is_masked_when_serving() -> None:
    """In evaluation the same number always gives the same columns."""
    module = Categories([4]).eval()
    assert module(torch.full((5000, 1), 3)).unique(dim=0).shape[0] == 1


def test_the_width_grows_slowly() -> None:
    """Few columns for few values, and never more than the bound."""
    assert [width(values) for values in (3, 4, 7, 100, 10_002)] == [3, 3, 5, 21, WIDEST]
