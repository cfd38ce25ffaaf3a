"""`make test` and `make test-all` run every test, each in one part."""

from __future__ import annotations

import pytest

from tests.__main__ import command, parts


@pytest.mark.parametrize("has_slow", [False, True])
@pytest.mark.parametrize(
    "marks", [set(), {"live"}, {"slow"}, {"live", "slow"}, {"live", "beside"}, {"live", "beside", "slow"}]
)
def test_every_test_is_in_one_part(marks: set[str], has_slow: bool) -> None:
    """Of whatever marks; the slow ones only where they are asked for."""
    names = {name: name in marks for name in ("live", "slow", "beside")}
    chosen = [expression for _, expression, _ in parts(has_slow) if eval(expression, {}, names)]
    assert len(chosen) == (1 if has_slow or "slow" not in marks else 0)


def test_services_are_not_timed_side_by_side() -> None:
    """Only tests that time no service share the cores."""
    assert "-n" not in command("live", False)
    assert "-n" in command("not live", True)
