"""What the pages name exists: targets, commands, options, modules, settings, recipe keys, series, files."""

from __future__ import annotations

import ast
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from model.recipe.sections import SECTIONS
from mulgam.__main__ import COMMANDS
from service.settings import described
from tests import pages
from tests.processes import ROOT
from tests.test_docs import series, series_of_others

# The changelog tells what once was.
TEXTS = {
    pages.name(page): page.read_text(encoding="utf-8") for page in pages.files("*.md") if page.name != "CHANGELOG.md"
}
# Names that begin like a setting, and are those of Kubernetes for a Service called mulgam.
NOT_SETTINGS = {"MULGAM_SERVICE_HOST"}
ROOMS = ("tests", "docs", "service", "model", "mulgam", "handler", "deploy")


def code(text: str) -> Iterator[str]:
    """What stands as code in a page: inline, and line by line in the blocks of a shell."""
    for block in pages.blocks(text, "console"):
        yield from block.code.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@cache
def options(module: str) -> frozenset[str]:
    """The options of a command's parser, read from the code of its module or package."""
    path = ROOT.joinpath(*module.split("."))
    sources = [*path.glob("*.py")] if path.is_dir() else [path.with_suffix(".py")]
    sources.append(ROOT / "mulgam" / "terminal.py")  # what several commands have
    found = {"--help"}
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                words = [one.value for one in node.args if isinstance(one, ast.Constant)]
                found.update(word for word in words if isinstance(word, str) and word.startswith("--"))
    return frozenset(found)


def is_module(name: str) -> bool:
    """Whether `python -m name` finds something: of this repository by its file, of others by its first part."""
    path = ROOT.joinpath(*name.split("."))
    if (ROOT / name.split(".")[0]).is_dir():
        return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
    return importlib.util.find_spec(name.split(".")[0]) is not None


_MAKE = re.compile(r"(?:^|[\s&|;])make ([a-z][a-z-]*)((?: +[A-Z_]+=\S*)*)")
_MULGAM = re.compile(r"(?:^(?:\$ )?(?:[A-Z_]+=\S+ +)*(?:\S*/)?|-m |[;&|] *)mulgam ([a-z]+)([^|;&]*)")
_MODULE = re.compile(r"python -m ([\w.]+)([^|;&]*)")


def stale(text: str) -> Iterator[str]:
    """The commands of a page that would fail."""
    for line in code(text):
        yield from _stale_targets(line)
        if (found := _MULGAM.search(line)) and found[1] not in COMMANDS:
            yield f"mulgam {found[1]}: there is no such command"
        elif found:
            yield from _stale_options(COMMANDS[found[1]][0], found[2])
        elif found := _MODULE.search(line):
            if is_module(found[1]):
                yield from _stale_options(found[1], found[2])
            else:
                yield f"python -m {found[1]}: there is no such module"


def _stale_targets(line: str) -> Iterator[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z_]+) \?=", makefile, re.MULTILINE))
    for target, rest in _MAKE.findall(line):
        if target not in targets:
            yield f"make {target}: there is no such target"
        for variable in re.findall(r"([A-Z_]+)=", rest):
            if variable not in variables:
                yield f"make {target} {variable}=…: the Makefile has no such variable"


def _stale_options(module: str, words: str) -> Iterator[str]:
    """Of a module of this repository; those of others are theirs."""
    if (ROOT / module.split(".")[0]).is_dir():
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", words):
            if option not in options(module):
                yield f"{module}: there is no option {option}"


@pytest.mark.parametrize("page", TEXTS)
def test_commands_exist(page: str) -> None:
    """Targets and variables of make, commands and options of mulgam, modules."""
    assert list(stale(TEXTS[page])) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("make trian", "no such target"),
        ("make train RECIPES=a.toml", "no such variable"),
        ("mulgam demote house-price", "no such command"),
        (".venv/bin/python -m mulgam demote house-price", "no such command"),
        ("mulgam predict m a b --kep id", "no option --kep"),
        ("python -m mulgam canary m 2 --shares 1", "no option --shares"),
        ("python -m model my.toml --resme", "no option --resme"),
        ("python -m tests.nothing", "no such module"),
    ],
)
def test_a_stale_command_is_noticed(line: str, problem: str) -> None:
    """Inline and in a block alike."""
    for text in (f"prose `{line}` prose", f"```console\n$ {line}\n```\n"):
        (told,) = stale(text)
        assert problem in told


def test_settings_exist() -> None:
    """Every `MULGAM_…` of every page."""
    known = {name for name, *_ in described()} | NOT_SETTINGS
    named = {(page, name) for page, text in TEXTS.items() for name in re.findall(r"\bMULGAM_[A-Z][A-Z_]*[A-Z]\b", text)}
    assert {(page, name) for page, name in named if name not in known} == set()


def unknown_keys(text: str) -> Iterator[str]:
    """Keys of recipes that a page names, as `[section] key` or in a block of TOML, and that no recipe has."""
    known = {name: {one.name for one in fields(section)} for name, section in SECTIONS.items()}
    for section, key in re.findall(r"`\[(\w+)\] (\w+)", text):
        if key not in known.get(section, ()):
            yield f"[{section}] {key}"
    for block in pages.blocks(text, "toml"):
        document = tomllib.loads(block.code)
        for section in known.keys() & document.keys():
            yield from (f"[{section}] {key}" for key in document[section] if key not in known[section])


@pytest.mark.parametrize("page", TEXTS)
def test_recipe_keys_exist(page: str) -> None:
    """In prose and in blocks."""
    assert list(unknown_keys(TEXTS[page])) == []


def test_an_unknown_key_is_noticed() -> None:
    """A slip, a key of another section."""
    assert list(unknown_keys("`[training] epoch` and `[data] hidden = 3`")) == ["[training] epoch", "[data] hidden"]
    assert list(unknown_keys('```toml\nname = "m"\n[data]\npaht = "x"\n```\n')) == ["[data] paht"]


def test_series_exist() -> None:
    """Every `mulgam_…` of every page is a series, or the beginning of several (`mulgam_feature_*`)."""
    known = set(series()).union(*series().values(), series_of_others())
    for page, text in TEXTS.items():
        for name, rest in re.findall(r"\b(mulgam_[a-z_]*[a-z])(_\*|\.py)?", text):
            found = any(one.startswith(name) for one in known) if rest == "_*" else name in known
            assert found or rest == ".py", f"{page}: {name}"


def missing_files(page: Path, text: str) -> Iterator[str]:
    """Paths of the rooms that a page names as code, and that are not there."""
    for span in re.findall(r"`([^`\n]+)`", text):
        for path in re.findall(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})/[\w./-]*(?![\w*{{<…])", span):
            if not (ROOT / path).exists() and not (page.parent / path).exists():
                yield path


@pytest.mark.parametrize("page", TEXTS)
def test_files_exist(page: str) -> None:
    """What moves takes its mentions along."""
    assert list(missing_files(ROOT / page, TEXTS[page])) == []


def test_a_missing_file_is_noticed() -> None:
    """Alone and in a command."""
    assert list(missing_files(ROOT / "README.md", "`service/nothing.py` and `pytest tests/live/no.py -x`")) == [
        "service/nothing.py", "tests/live/no.py",
    ]  # fmt: skip
