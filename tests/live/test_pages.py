"""The pages' commands, as a reader types them: all blocks of a page in order, in a shell in a copy of the repository.

A page that talks to a service without starting one finds one running, with the default models. What a reader is
supposed to have (a table, a model of his own) is put there by `GIVEN`.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import builders, pages
from tests.live.shell import Shell, shows, typed
from tests.model.test_publish import PRICE, perceptron, write_onnx
from tests.processes import ROOT

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.beside, pytest.mark.timeout(900)]

# Pages for a fresh clone: their registry is empty, and their service the default one.
FRESH = ("README.md", "docs/tutorial.md", "docs/lecture-notes.md")
PAGES = [
    page
    for page in pages.files("*.md")
    if pages.name(page) not in pages.TRANSLATIONS
    and any(block.is_run for block in pages.blocks(page.read_text(encoding="utf-8"), "console"))
]

# The code of somebody's model.
NETS = """
from torch import nn

def make_net():
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
"""


def housing(folder: Path, name: str = "housing.csv", rows: int = 400) -> None:
    """A table like California housing, with gaps and words."""
    draws = np.random.default_rng(3)
    lines = ["median_income,housing_median_age,ocean_proximity,median_house_value"]
    for _ in range(rows):
        income, age = draws.uniform(1, 10), draws.integers(1, 52)
        shore = draws.choice(["INLAND", "NEAR BAY"])
        value = 20_000 * income + 300 * age + 40_000 * (shore == "NEAR BAY") + draws.normal(0, 3000)
        lines.append(f"{income:.3f},{age if draws.random() > 0.05 else ''},{shore},{value:.0f}")
    (folder / name).write_text("\n".join(lines) + "\n")


def recipe(folder: Path, name: str) -> None:
    """A recipe of that table, named after its file."""
    (folder / name).write_text(
        f'name = "{Path(name).stem}"\n[data]\npath = "housing.csv"\ntarget = "median_house_value"\n'
        "[training]\nepochs = 3\n"
    )


def houses(folder: Path) -> None:
    """A table of requests for `house-price`, with a column beside its features."""
    lines = ["id,area,rooms,distance", *(f"h{number},{30 + number},3,0.3" for number in range(50))]
    (folder / "houses.csv").write_text("\n".join(lines) + "\n")


def versions(folder: Path, name: str, count: int) -> None:
    """That many versions of a model that costs nothing."""
    for version in range(count):
        builders.publish_linear(folder / "registry", name, weights=(0.1 + version / 100, 0.3, 4.0))


def models_of_others(folder: Path) -> None:
    """A model as ONNX, as TorchScript and as code, its signature file, and rows for it."""
    module = perceptron()
    for name in ("price", "detector"):
        write_onnx(folder / f"{name}.onnx", module)
    torch.jit.save(torch.jit.script(module), folder / "price.pt")
    (folder / "price.toml").write_text(PRICE, encoding="utf-8")
    (folder / "rows.csv").write_text("area,rooms,distance\n32,3,0.3\n33,4,0.5\n")
    (folder / "src" / "mycode").mkdir(parents=True)
    (folder / "src" / "mycode" / "__init__.py").touch()
    (folder / "src" / "mycode" / "nets.py").write_text(NETS)


def _registry_page(folder: Path) -> None:
    versions(folder, "house-price", 5)
    models_of_others(folder)


def _recipes_page(folder: Path) -> None:
    housing(folder)
    recipe(folder, "mine.toml")


GIVEN: dict[str, Callable[[Path], None]] = {
    "README.md": housing,
    "docs/bulk.md": houses,
    "docs/operations.md": lambda folder: versions(folder, "house-price", 5),
    "docs/recipes.md": _recipes_page,
    "docs/registry.md": _registry_page,
}


def test_what_is_given_is_given_to_a_page() -> None:
    """A page that moved takes its table along."""
    assert {*GIVEN, *FRESH} <= {pages.name(page) for page in PAGES}


@pytest.fixture
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """A shell for the page."""
    page: str = request.getfixturevalue("page")
    fresh = page in FRESH
    one = Shell(tmp_path / "mulgam", **({} if page == "README.md" else {"BACKEND": "onnxruntime"}))
    if not fresh:
        shutil.copytree(request.getfixturevalue("default_models"), one.folder / "registry")
    GIVEN.get(page, lambda folder: None)(one.folder)
    yield one
    one.stop()


@pytest.mark.parametrize("page", [pages.name(page) for page in PAGES])
def test_a_page_works(page: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom: each command ends well and prints what the page shows; so does each piece of Python."""
    monkeypatch.chdir(shell.folder)
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in pages.fenced((ROOT / page).read_text(encoding="utf-8")):
        if block.file:
            target = shell.folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.code, encoding="utf-8")
        elif block.language == "python" and block.is_run:
            _python(block, shell, namespace, page)
        elif block.language == "console" and block.is_run:
            for one in typed(block.code):
                if re.search(r":800[01]\b", one.command) and not shell.is_serving:
                    shell.serve()
                shell.run(one)


def _python(block: pages.Block, shell: Shell, namespace: dict[str, Any], page: str) -> None:
    if ":8000" in block.code and not shell.is_serving:
        shell.serve()
    code = compile("\n" * (block.line - 1) + shell.here(block.code), page, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)
    assert shows(block.output, printed.getvalue()), f"{page}, line {block.line}: prints\n{printed.getvalue()}"
