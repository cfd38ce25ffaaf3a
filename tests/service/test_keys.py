"""API keys: what a file of them may hold, when it is read again, and that no key is ever shown."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from service import keys
from service.errors import ApiError
from service.keys import Keys, KeysError
from service.settings import Settings

OLD, NEW = "old-key-0123456789abcdef", "new-key-0123456789abcdef"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one key."""
    path = tmp_path / "keys"
    path.write_text(f"# the gateway's callers\n\n  {OLD}  \n")
    return path


@pytest.fixture(autouse=True)
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the file counts at once."""
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0.0)


def opens(known: Keys, path: str = "/predict/notes", **headers: str) -> bool:
    """Whether a request with these headers passes."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        known.check(path, sent.get)
    except ApiError:
        return False
    return True


def test_a_key_comes_as_a_bearer_token_or_in_a_header_of_its_own(file: Path) -> None:
    """The scheme's case does not matter; another scheme leaves room for X-API-Key."""
    known = Keys(file)
    assert opens(known, authorization=f"Bearer {OLD}")
    assert opens(known, authorization=f"bearer   {OLD} ")
    assert opens(known, x_api_key=OLD)
    assert opens(known, authorization="Basic YTpi", x_api_key=OLD)


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"authorization": OLD}, {"authorization": f"Basic {OLD}"}, {"authorization": "Bearer"},
        {"authorization": "Bearer "}, {"authorization": f"Bearer {OLD[:-1]}"}, {"authorization": f"Bearer {OLD}x"},
        {"authorization": f"Bearer {OLD.upper()}"}, {"authorization": f"Bearer {OLD}\udcff물"}, {"x_api_key": ""},
        {"x_api_key": "# the gateway's callers"}, {"authorization": f"Bearer {NEW}", "x_api_key": OLD},
    ],
)  # fmt: skip
def test_anything_else_is_refused(file: Path, headers: dict[str, str]) -> None:
    """No key, another one, a part of it, a line that is a comment: 401 with what to send."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(ApiError) as caught:
        Keys(file).check("/predict/notes", sent.get)
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}


def test_only_probes_need_no_key(file: Path) -> None:
    """By their exact path: what describes a model is closed, and so is what only looks like a probe."""
    known = Keys(file)
    assert all(opens(known, path) for path in ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready"))
    closed = ("/", "/models", "/metrics", "/nope", "/livez/", "//livez", "/LIVEZ", "/v2", "/v2/models/notes/ready")
    assert not any(opens(known, path) for path in closed)


def test_several_keys_open_while_they_are_rotated(file: Path) -> None:
    """The new one is added, callers move, the old one goes; each step counts without a restart."""
    known = Keys(file)
    assert not opens(known, x_api_key=NEW)
    file.write_text(f"{OLD}\n{NEW}\n")
    assert opens(known, x_api_key=OLD)
    assert opens(known, x_api_key=NEW)
    file.write_text(f"{NEW}\n")
    assert not opens(known, x_api_key=OLD)
    assert opens(known, x_api_key=NEW)


def test_a_mounted_link_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    """Kubernetes changes a Secret by leading a link elsewhere, to a file of the same size."""
    for folder, key in (("a", OLD), ("b", NEW)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "keys").write_text(key)
        os.utime(tmp_path / folder / "keys", (1, 1))
    link = tmp_path / "data"
    link.symlink_to("a")
    known = Keys(link / "keys")
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(link)
    assert opens(known, x_api_key=NEW)
    assert not opens(known, x_api_key=OLD)


@pytest.mark.parametrize("content", [None, "", "# nothing\n", "short\n", f"{NEW}\nnot a key, by its spaces\n"])
def test_the_last_good_keys_stay_while_the_file_is_bad(
    file: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log for a bad file, not one for each request; it heals by itself."""
    known = Keys(file)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert opens(known, x_api_key=OLD)
            assert not opens(known, x_api_key=NEW)
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    file.write_text(NEW)
    assert opens(known, x_api_key=NEW)
    assert not opens(known, x_api_key=OLD)
    assert OLD not in caplog.text
    assert NEW not in caplog.text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no key"),
        ("\n# a comment\n", "holds no key"),
        ("0123456789abcde\n", "Line 1 of "),
        (f"{OLD}\nname:{NEW}\n", "Line 2 of "),
        (f"{OLD}\n{NEW} # new\n", "Line 2 of "),
        ("k" * 513, "Line 1 of "),
        ("#" * (2**20 + 1), "more than 1048576 bytes"),
    ],
)
def test_a_bad_file_is_an_error_that_shows_no_key(tmp_path: Path, content: str, sentence: str) -> None:
    """It names the line, never what stands there."""
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(KeysError) as caught:
        Keys(path)
    assert sentence in str(caught.value)
    assert NEW not in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With the reason; and without a setting there are no keys."""
    with pytest.raises(KeysError, match="can't be read: No such file"):
        Keys(tmp_path / "nope")
    assert keys.from_settings(Settings()) is None


def test_no_key_is_kept(file: Path) -> None:
    """What is in memory are digests: nothing that prints the object shows a key."""
    assert OLD not in repr(vars(Keys(file)))
