"""What a terminal gets beside plain text: colour where it is one, and help that reads alike in every command.

Colour follows https://no-color.org: none where NO_COLOR is set, always where FORCE_COLOR is, else on a terminal alone.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NoReturn

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
# Of a help page: a heading, an option with its names, a command to type.
_HEADING = re.compile(r"^[a-z][\w ,'-]*:(?= |$)", re.MULTILINE)
_OPTION = re.compile(r"^(  )(-[\w-]+(?:, --[\w-]+)?)", re.MULTILINE)
_COMMAND = re.compile(r"^(  \$ )(.+)$", re.MULTILINE)
_UNKNOWN = re.compile(r"unrecognized arguments: (--[\w-]+)")


def is_coloured(stream: IO[str]) -> bool:
    """Whether what is written there may have colour."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(text: str, style: str, coloured: bool) -> str:
    """The text in a style (bold, dim, red, green, yellow, cyan), or as it is."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured else text


def stop_printing() -> None:
    """Whoever read standard output has enough (`… | head`); Python would complain of it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What somebody who wrote `word` most likely meant."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return found[0] if found else None


class Parser(argparse.ArgumentParser):
    """A command's arguments: defaults stand in the help, examples below it, and a misspelt option names the nearest.

    Args:
        prog: the command as it is typed.
        description: what it does, in a sentence.
        examples: commands to type, each with what it does, or "".
        notes: further lines of the help, such as its exit status.
    """

    def __init__(
        self,
        prog: str,
        description: str | None = None,
        examples: Iterable[tuple[str, str]] = (),
        notes: str = "",
        **others: Any,
    ) -> None:
        epilog = "\n\n".join(part for part in (_examples(list(examples)), notes.rstrip()) if part)
        others = {"formatter_class": _Formatter, "epilog": epilog or None, **others}
        super().__init__(prog, description=description, **others)

    def add_registry(self, what: str = "where the versions are") -> None:
        """The option --registry, which a service's own variable presets."""
        default = Path(os.environ.get("MULGAM_REGISTRY") or "registry")
        self.add_argument("--registry", type=Path, default=default, metavar="DIR", help=what)

    def add_signing(self) -> None:
        """The option --sign-with, of what publishes."""
        self.add_argument(
            "--sign-with", type=Path, metavar="FILE", help="the secret key that signs what is published (mulgam keygen)"
        )

    def format_help(self) -> str:
        """The help page, in colour where standard output is a terminal."""
        text = super().format_help()
        if not is_coloured(sys.stdout):
            return text
        text = _HEADING.sub(lambda found: painted(found[0], "bold", True), text)
        text = _COMMAND.sub(lambda found: found[1] + painted(found[2], "cyan", True), text)
        return _OPTION.sub(lambda found: found[1] + painted(found[2], "green", True), text)

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one sentence, which names the nearest option."""
        found = _UNKNOWN.match(message)
        near = nearest(found[1], self._option_string_actions) if found else None
        super().error(f"{message}; did you mean {near}?" if near else message)


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Lines as they are written; a default behind each option that has one worth telling."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default in (None, "", [], ()) or isinstance(action.default, bool):
            return action.help or ""
        return super()._get_help_string(action) or ""


def _examples(examples: list[tuple[str, str]]) -> str:
    width = max((len(command) for command, _ in examples), default=0)
    lines = [f"  $ {command:{width}}  # {what}" if what else f"  $ {command}" for command, what in examples]
    return "\n".join(["examples:", *lines]) if lines else ""
