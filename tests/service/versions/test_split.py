"""Which requests a canary gets: the same key always the same version, as many as its share says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.versions.served import Catalogue, LineUp
from service.versions.split import Share, key_of


@given(st.text(), st.text(), st.floats(0, 1))
def test_a_key_has_one_place(model: str, key: str, share: float) -> None:
    """Whatever the key holds, in every process, and however many were asked for before."""
    one, other = Share(model, share), Share(model, share)
    other.takes("another")
    assert one.takes(key) is one.takes(key) is other.takes(key)


def test_a_key_lies_where_it_always_lay() -> None:
    """Pinned: after an upgrade a caller keeps its version."""
    place = 0x79503C59FFE1E978
    assert Share("notes", (place + 4096) / 2**64).takes("customer-7")
    assert not Share("notes", (place - 4096) / 2**64).takes("customer-7")


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_the_callers_of_a_smaller_one(
    catalogue: Catalogue, key: str, one: float, other: float
) -> None:
    """Whoever got the canary at the smaller share gets it at the larger."""
    default, canary = catalogue
    smaller, larger = (LineUp(default, canary, share).of_key(key) for share in sorted((one, other)))
    assert smaller is default or larger is canary


@given(st.sampled_from((0.05, 0.5, 0.9)), st.integers(0, 10**6))
def test_a_share_is_kept(share: float, first: int) -> None:
    """Of 2,000 keys as callers number them, as many as the share says: within five standard deviations."""
    count = 2000
    takes = Share("notes", share).takes
    got = sum(takes(f"user-{number}") for number in range(first, first + count))
    assert abs(got - share * count) < 5 * (count * share * (1 - share)) ** 0.5


@given(st.text())
def test_the_ends_are_nobody_and_everybody(key: str) -> None:
    """But for the last of 2^64 places."""
    assert not Share("notes", 0).takes(key)
    assert Share("notes", 1).takes(key)


def test_models_have_canaries_of_their_own() -> None:
    """A caller who tries the new version of one model is not for that the one who tries all of them."""
    keys = [f"user-{number}" for number in range(2000)]
    notes, shapes = Share("notes", 0.1), Share("shapes", 0.1)
    both = sum(notes.takes(key) and shapes.takes(key) for key in keys)
    assert both < 60  # 20 by chance, 200 were they the same


def test_the_callers_key_goes_before_the_requests_id() -> None:
    """An empty header is none."""
    assert key_of({"x-canary-key": "anna"}.get, "5f0c") == "anna"
    assert key_of({"x-canary-key": ""}.get, "5f0c") == "5f0c"
    assert key_of({}.get, "5f0c") == "5f0c"
