"""What a person meets on a terminal: help that reads alike everywhere, colour where there is one, the nearest word."""

from __future__ import annotations

import importlib
import io
import itertools
import re
import subprocess
import sys

import pytest

from mulgam.__main__ import COMMANDS, GROUPS, main, usage
from mulgam.terminal import Parser, is_coloured, nearest, painted
from tests.processes import ROOT

ESCAPE = "\x1b["


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said about colour, and the terminal is an ordinary one."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is wished for, or away; NO_COLOR has the last word, a set but empty variable says nothing."""
    assert is_coloured(Terminal())
    assert not is_coloured(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not is_coloured(Terminal())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert is_coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "")
    assert is_coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not is_coloured(Terminal())


def test_paint_is_an_escape_and_its_end() -> None:
    """Or nothing."""
    assert painted("x", "red", True) == "\x1b[31mx\x1b[0m"
    assert painted("x", "red", False) == "x"


def test_the_nearest_word() -> None:
    """None where nothing is near."""
    assert nearest("promte", COMMANDS) == "promote"
    assert nearest("zzz", COMMANDS) is None


def parser() -> Parser:
    """A command with everything."""
    made = Parser("mulgam try", "Tries.", [("mulgam try a", "once"), ("mulgam try a b", "")], "exit status: 0 done\n")
    made.add_argument("--count", type=int, default=3, metavar="N", help="how often")
    made.add_argument("--dry", action="store_true", help="only say it")
    made.add_argument("--name", help="of it")
    made.add_registry()
    return made


def test_help_shows_defaults_and_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default only where there is one; examples in columns; no colour in a pipe."""
    text = parser().format_help()
    assert "how often (default: 3)" in text
    assert "only say it\n" in text
    assert "of it\n" in text
    assert "(default: registry)" in text
    assert "examples:\n  $ mulgam try a    # once\n  $ mulgam try a b\n\nexit status: 0 done" in text
    assert ESCAPE not in text
    monkeypatch.setenv("MULGAM_REGISTRY", "/models")
    assert parser().parse_args([]).registry.name == "models"


def test_help_has_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings, options, commands; without it the text is the same."""
    plain = parser().format_help()
    monkeypatch.setattr(sys, "stdout", Terminal())
    coloured = parser().format_help()
    assert painted("options:", "bold", True) in coloured
    assert painted("-h, --help", "green", True) in coloured
    assert painted("mulgam try a b", "cyan", True) in coloured
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


def test_a_misspelt_option_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """With exit status 2."""
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["--cuont", "3"])
    assert caught.value.code == 2
    assert "did you mean --count?" in capsys.readouterr().err


def test_a_misspelt_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Or lists them all."""
    assert main(["promte", "x"]) == 2
    assert "did you mean 'promote'?" in capsys.readouterr().err
    assert main(["zzz"]) == 2
    assert "there are train, " in capsys.readouterr().err


def test_the_usage_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """In groups, with what it does; asked for it is no mistake."""
    text = usage(False)
    assert re.findall(r"^  (\w+) +\S", text, re.MULTILINE) == list(COMMANDS)
    assert re.findall(r"^(\w+):$", text, re.MULTILINE) == list(GROUPS)
    assert ESCAPE not in text
    assert ESCAPE in usage(True)
    assert main(["--help"]) == 0
    assert main([]) == 2
    assert main(["--version"]) == 0
    assert re.search(r"^mulgam \d+\.\d+\.\d+$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_page(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a sentence, an example, its exit statuses, and a word on every option."""
    name, first, _ = COMMANDS[command]
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    monkeypatch.setattr(sys, "argv", ["mulgam", *first, "--help"])
    with pytest.raises(SystemExit) as caught:
        module.main()
    assert caught.value.code == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: mulgam {command} ")
    assert f"examples:\n  $ mulgam {command}" in page
    assert command == "serve" or "exit status: 0" in page  # docs/operations.md has those of a service
    lines = page.partition("\noptions:\n")[2].partition("\n\n")[0].splitlines()
    for line, following in itertools.pairwise([*lines, ""]):
        if line.startswith("  -"):
            assert re.search(r"\S  +\S", line) or following.startswith(" " * 10), f"no word on {line}"


def test_a_command_is_started_by_name() -> None:
    """As a shell does it, plain in a pipe."""
    ended = subprocess.run(
        [sys.executable, "-m", "mulgam", "promote", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert ended.stdout.startswith("usage: mulgam promote ")
    assert ESCAPE not in ended.stdout
    assert ended.stderr == ""
