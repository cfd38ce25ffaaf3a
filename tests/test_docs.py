"""The pages tell the truth: settings, codes, paths and series are those of the code, and links lead somewhere."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from docs.tables import END, FOLDER, TABLES, rendered
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.metrics.rendering import render
from service.plane import DataPlane
from service.settings import Settings
from service.supervisor import gpu_metrics, torchserve_metrics
from service.supervisor.admin import create_admin_app
from service.supervisor.overview import Overview
from service.versions.served import Catalogue
from tests.pages import files
from tests.processes import ROOT
from tests.service.test_torchserve_config import properties

DOCS = ROOT / "docs"
_CODE = re.compile(r"[A-Z][A-Z0-9]+(_[A-Z0-9]+)*")
_RAISED = {"InputError", "ApiError", "BackendError"}
# What Flask and our own hooks turn into a code by the status's name.
_BY_STATUS = {400, 404, 405, 500, 501}


def read(name: str) -> str:
    """A page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", TABLES)
def test_a_made_table_is_the_codes(file: str) -> None:
    """Behind? `python -m docs.tables` writes it anew."""
    page = (FOLDER / file).read_text(encoding="utf-8")
    assert page == rendered(page, TABLES[file]), "run: .venv/bin/python -m docs.tables"


def test_a_made_table_is_noticed_to_be_behind() -> None:
    """A page with another default or without a row differs from what would be written."""
    page = (FOLDER / "settings.md").read_text(encoding="utf-8")
    assert rendered(page.replace("`8001`", "`8002`"), TABLES["settings.md"]) == page
    assert page.count("| `MULGAM_") == len(re.findall(r"^\| `MULGAM_[A-Z_]+` \| `[^`]*` \| .+ \|$", page, re.MULTILINE))


def codes_in(source: str) -> Iterator[str]:
    """The codes with which a source raises errors for callers."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in _RAISED:
            continue
        # The code is the first argument of an InputError, the second of the others; it may be chosen by a condition.
        for argument in (*node.args[:2], *(word.value for word in node.keywords if word.arg == "code")):
            for part in ast.walk(argument):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and _CODE.fullmatch(part.value):
                    yield part.value


def test_codes_are_found_wherever_they_are_raised() -> None:
    """By position, by name, by a condition; a word in a sentence is none."""
    source = """
raise InputError("ONE", "NOT a code")
raise ApiError(400, "TWO_2", f"{x}")
return BackendError(502, code="THREE", message="x")
raise InputError("FOUR" if x else "FIVE", "y")
other("SIX")
"""
    assert set(codes_in(source)) == {"ONE", "TWO_2", "THREE", "FOUR", "FIVE"}


def test_every_code_is_listed() -> None:
    """In the table of docs/http.md with its status, and none that nothing raises."""
    listed = {code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", read("http.md"), re.M)}
    raised = {HTTPStatus(status).name for status in _BY_STATUS}
    for room in ("mulgam", "service"):
        for path in (ROOT / room).rglob("*.py"):
            raised |= set(codes_in(path.read_text(encoding="utf-8")))
    assert sorted(raised - set(listed)) == [], "not in docs/http.md"
    assert sorted(set(listed) - raised) == [], "in docs/http.md, but raised nowhere"
    for status in _BY_STATUS:
        assert listed[HTTPStatus(status).name] == status


def test_every_path_is_listed() -> None:
    """With its method, those of the admin listener too."""
    bridge = Bridge()
    plane = DataPlane(Settings(), Catalogue([]), OnnxRuntimeBackend([], "cpu"), Metrics())
    apps = [create_app(plane, bridge), create_admin_app(Overview((), 1.0), Settings())]
    bridge.run(plane.backend.close())
    bridge.close()
    served = {
        f"{method} {re.sub(r'<[a-z]+:', '<', rule.rule)}"
        for app in apps
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    listed = set(re.findall(r"`((?:GET|POST) /\S*)`", read("http.md")))
    assert sorted(served - listed) == [], "not in docs/http.md"
    assert sorted(listed - served) == [], "listed, but not served"


def series() -> dict[str, set[str]]:
    """Every series by the name in the table -> the names that PromQL may use."""
    text = render(Metrics().registry, lambda: {"m": True}).decode()
    found: dict[str, set[str]] = {}
    for name, kind in re.findall(r"^# TYPE (mulgam_\w+) (\w+)$", text, re.M):
        if not name.endswith("_created"):
            suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))
            found[name] = {name + suffix for suffix in suffixes}
    return found


def series_of_others() -> Iterator[str]:
    """The series that the supervisor adds: TorchServe's, and those that its source names of GPUs."""
    yield from (f"mulgam_torchserve_{name}_total" for name, _, _ in torchserve_metrics._COUNTERS.values())
    yield from re.findall(r'"(mulgam_gpu_\w+)"', inspect.getsource(gpu_metrics))


def test_every_series_is_listed() -> None:
    """In the table of docs/operations.md; and every PromQL line there uses series that exist."""
    page = read("operations.md")
    made, _, rest = page.partition(END)
    assert set(re.findall(r"^\| `(mulgam_\w+)` \|", made, re.M)) == set(series())
    others = {
        name for row in re.findall(r"^\| (`mulgam_.+?`) \|", rest, re.M) for name in re.findall(r"mulgam_\w+", row)
    }
    assert others == set(series_of_others())
    queries = re.findall(r"^\| [^|]+ \| `([^`]*mulgam_[^`]*\))` \|$", page, re.M)
    assert len(queries) >= 4
    known = set().union(*series().values())
    for query in queries:
        assert set(re.findall(r"mulgam_\w+", query)) <= known, query


def test_every_property_of_torchserve_is_explained(tmp_path: Path) -> None:
    """docs/torchserve.md names each that is set, and no other."""
    page = read("torchserve.md")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| .* \|$", page, re.M)
    explained = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert explained == set(properties(tmp_path / "ts", device="cpu"))


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    """The relative links of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("page", files("*.md"), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Files and the headings in them."""
    for target in links(page):
        name, _, anchor = target.partition("#")
        file = page if not name else (page.parent / name).resolve()
        assert file.exists(), f"{target}: there is no such file"
        if anchor:
            assert anchor in anchors(file), f"{target}: there is no such heading"


# Where persons' own files lie ("someone" is nobody, /mnt/models is KServe's), and where this copy of the repository is.
_PRIVATE = re.compile(
    r"(?<![\w.~-])(?!/mnt/models\b)(?:/(?:home|Users|root|mnt|media)/(?!someone\b)[A-Za-z0-9_.-]+"
    rf"|{re.escape(str(ROOT))}(?![\w-]))"
)


def test_a_path_of_a_machine_is_noticed() -> None:
    """Where it stands alone, in quotes or after a sign; not as a part of a longer path or of an address."""
    machine = "/".join(("", "home", "ann", "x"))
    assert _PRIVATE.search(f"see {machine}.")
    assert _PRIVATE.search(f'"{machine}"')
    assert _PRIVATE.search(f"cd {ROOT}/docs")
    assert not _PRIVATE.search(f"https://example.org{machine}")
    assert not _PRIVATE.search("the registry's /root of it")


def test_no_file_names_a_path_of_a_machine() -> None:
    """What one machine has, no other has."""
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in _PRIVATE.finditer(text)]
    assert found == []
