"""Texts inside the graph: hashed n-grams of code points, Korean included, alike in both exported forms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.networks.network import Network, mlp
from model.networks.ngrams import LONGEST, NGrams
from model.networks.served import ServedClassifier
from model.release.parity import tolerances
from model.release.release import release
from mulgam.encoding.text import code_points
from mulgam.registry import Registry
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from tests.builders import DOCUMENTS

LENGTH = 24
torch.manual_seed(0)
MODULE = NGrams(512, 8).eval()


def points(*texts: str) -> torch.Tensor:
    """Texts as the graph's input."""
    return torch.from_numpy(np.stack([code_points(text, LENGTH) for text in texts]))


def embedded(*texts: str) -> np.ndarray:
    """What the module gives for texts."""
    return np.asarray(MODULE(points(*texts)).detach())


def by_hand(text: str) -> np.ndarray:
    """The same in plain Python, with whole numbers of any size."""
    lowered = "".join(one.lower() if len(one.lower()) == 1 and ord(one) < 0x590 else one for one in text[:LENGTH])
    spaced = f" {lowered} " if lowered else ""
    table = MODULE.bag.embedding.weight.detach().numpy()
    rows = []
    for length in range(1, LONGEST + 1):
        for start in range(len(spaced) - length + 1):
            hashed = 0
            for character in spaced[start : start + length]:
                hashed = (hashed * MODULE.hash.base + ord(character) + 1) % MODULE.hash.prime
            rows.append(table[hashed * MODULE.bag.spread % MODULE.bag.prime % 512])
    return np.sum(rows, axis=0) / len(rows) ** 0.5 if rows else np.zeros(8)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=LENGTH + 3))
def test_the_graph_computes_what_plain_python_does(text: str) -> None:
    """Hashes do not overflow and sums leave nothing out, for any text of any script."""
    (row,) = points(text).tolist()
    encoded = "".join(chr(point) for point in row if point)
    np.testing.assert_allclose(embedded(text)[0], by_hand(encoded), atol=1e-5)


def test_case_does_not_matter_and_order_does() -> None:
    """Upper and lower case are one, also beyond English; the same words in another order are not."""
    one, lower, other, swapped = embedded("Straße É Ж", "STRAßE é ж", "Strasse É Ж", "Ж É Straße")
    np.testing.assert_array_equal(one, lower)
    assert not np.allclose(one, other)
    assert not np.allclose(one, swapped)


def test_an_empty_text_is_nothing() -> None:
    """No character gives zeros, and what stands beside a text in the batch does not change its answer."""
    nothing, alone = embedded("", "물감")
    assert not nothing.any()
    np.testing.assert_allclose(alone, embedded("물감")[0], atol=1e-6)


def test_training_sums_like_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quicker sum of training is the same one, when no n-gram is left out."""
    texts = points("Hello, 세계", "", "x", "y" * 40)
    monkeypatch.setattr(MODULE.bag, "dropped", 0.0)
    quick = MODULE.train()(texts)
    torch.testing.assert_close(quick, MODULE.eval()(texts))


def test_training_leaves_out_ngrams_at_random() -> None:
    """In training the same text gives different columns each time."""
    one, other = MODULE.train()(points("the same text", "the same text"))
    MODULE.eval()
    assert not torch.equal(one, other)


def test_both_exports_answer_alike(tmp_path: Path) -> None:
    """It passes the parity gate for texts from empty to full, Korean included, and TorchScript compiles it."""
    torch.jit.script(MODULE)
    torch.manual_seed(1)
    module = ServedClassifier(torch.nn.Identity(), Network([NGrams(512, 8)], mlp(8, [4], 2)))
    features = (Feature("text", "text", length=LENGTH),)
    target = Target("label", classes=("no", "yes"))
    signature = Signature(
        "m", "classification", features, target, graph_inputs(features), graph_outputs(target), tolerances(1.0)
    )
    held_out = {"text": points("Good morning", "좋은 아침", "").numpy()}
    entry = release(module, signature, held_out, Registry(tmp_path), DOCUMENTS)
    sent = [row for golden in entry.golden for row in golden.instances]
    assert any("물감" in str(row) for row in sent)
