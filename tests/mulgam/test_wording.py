"""Values and names in sentences: bounded, printable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mulgam.wording import shown


@given(st.text())
def test_a_callers_word_is_shown_bounded_and_printable(word: str) -> None:
    """No control character, line break or half surrogate of a caller reaches an error."""
    quoted = shown(word)
    assert quoted.isprintable()
    assert len(quoted) <= 450
    quoted.encode()
