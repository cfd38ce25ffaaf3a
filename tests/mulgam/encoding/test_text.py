"""Texts: normalised, cut, and taken bare."""

from __future__ import annotations

import unicodedata

from mulgam.encoding.text import code_points
from tests.mulgam.encoding.models import (
    TEXT,
    encode,
)


def test_a_text_model_takes_bare_texts() -> None:
    """With one text as the only feature, an instance may be the text itself, a list or an object."""
    expected = [[104, 105, 0, 0]]
    for instance in ("hi", ["hi"], {"note": "hi"}):
        assert encode(TEXT, instance)["text"].tolist() == expected


def test_a_text_is_normalised_and_cut() -> None:
    """Composed and decomposed Hangul are the same text; only so many code points are kept."""
    decomposed = unicodedata.normalize("NFD", "가나")
    assert len(decomposed) == 4
    assert code_points(decomposed, 3).tolist() == [ord("가"), ord("나"), 0]
    assert code_points("가나다라마", 3).tolist() == [ord("가"), ord("나"), ord("다")]
    assert code_points("😀", 2).tolist() == [0x1F600, 0]
