"""Which requests a canary gets: the same key always the same version, as many as its share says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.versions.served import Catalogue, LineUp
from service.versions.split import bound, key_of, place


@given(st.text(), st.text())
def test_a_key_has_one_place(model: str, key: str) -> None:
    """Whatever the key holds."""
    assert len(place(model, key)) == 8
    assert place(model, key) == place(model, key)


def test_a_key_lies_where_it_always_lay() -> None:
    """Pinned: after an upgrade, and in every process, a caller keeps its version."""
    assert place("notes", "customer-7").hex() == "79503c59ffe1e978"  # pragma: allowlist secret


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
    got = sum(place("notes", f"user-{number}") < bound(share) for number in range(first, first + count))
    assert abs(got - share * count) < 5 * (count * share * (1 - share)) ** 0.5


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_has_no_smaller_bound(one: float, other: float) -> None:
    """None at all for 0; for 1, everything but the last of 2^64 places."""
    smaller, larger = sorted((one, other))
    assert bound(0) == bytes(8) <= bound(smaller) <= bound(larger) <= bound(1) == bytes([255]) * 8


def test_models_have_canaries_of_their_own() -> None:
    """A caller who tries the new version of one model is not for that the one who tries all of them."""
    keys = [f"user-{number}" for number in range(2000)]
    both = sum(place("notes", key) < bound(0.1) and place("shapes", key) < bound(0.1) for key in keys)
    assert both < 60  # 20 by chance, 200 were they the same


def test_the_callers_key_goes_before_the_requests_id() -> None:
    """An empty header is none."""
    assert key_of({"x-canary-key": "anna"}.get, "5f0c") == "anna"
    assert key_of({"x-canary-key": ""}.get, "5f0c") == "5f0c"
    assert key_of({}.get, "5f0c") == "5f0c"
