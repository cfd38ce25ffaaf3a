"""`docs/examples/`: each program runs against a real service, tries again when it is asked to, and tells what is wrong.

A language whose runtime is not there is skipped, with its name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import builders
from tests.mulgam.client.scripted import http, scripted
from tests.processes import ROOT, serving

pytestmark = [pytest.mark.live, pytest.mark.beside]

EXAMPLES = ROOT / "docs" / "examples"
# Language, as docs/client.md fences it → (what runs it, its file).
PROGRAMS = {
    "sh": (["sh"], "predict.sh"),
    "python": ([sys.executable, "-m", "docs.examples.predict"], "predict.py"),
    "javascript": (["node"], "predict.mjs"),
    "go": (["go", "run"], "predict.go"),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service whose `house-price` are the lecture notes' weights."""
    folder = tmp_path_factory.mktemp("examples")
    builders.publish_linear(folder / "registry", "house-price")
    with serving(folder / "registry", folder, backend="onnxruntime") as service:
        yield f"http://127.0.0.1:{service.port}"


@pytest.fixture(params=PROGRAMS)
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """What runs an example."""
    words, file = PROGRAMS[request.param]
    if shutil.which(words[0]) is None or (request.param == "sh" and shutil.which("curl") is None):
        pytest.skip(f"there is no {words[0] if request.param != 'sh' else 'curl'}")
    if request.param == "go":  # built once, for it keeps what it builds; to a folder of the tests
        program = Path(str(request.config.cache.mkdir("go-example"))) / "predict"  # type: ignore[union-attr]
        newer = program.exists() and program.stat().st_mtime > (EXAMPLES / file).stat().st_mtime
        if not newer:
            subprocess.run(["go", "build", "-o", str(program), str(EXAMPLES / file)], check=True, timeout=170)
        return [str(program)]
    return words if request.param == "python" else [*words, str(EXAMPLES / file)]


def run(command: list[str], url: str) -> subprocess.CompletedProcess[str]:
    """The example, asking the service at `url`."""
    return subprocess.run([*command, url], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_it_prints_the_predictions(command: list[str], url: str) -> None:
    """Of both rows."""
    ended = run(command, url)
    assert ended.returncode == 0, ended.stderr
    assert re.findall(r"\d\.\d", ended.stdout) == ["5.3", "6.2"]


def test_it_waits_and_tries_again(command: list[str]) -> None:
    """Where the service is busy: after the seconds that it asks for."""
    busy = http(503, {"error": "Busy.", "code": "OVERLOADED"}, Retry_After="1")
    good = http(200, {"model": "house-price", "version": 1, "predictions": [5.3, 6.2]})
    with scripted(lambda number, _: busy if number == 1 else good) as service:
        ended = run(command, service.url)
    assert ended.returncode == 0, ended.stderr
    assert "6.2" in ended.stdout
    assert len(service.requests) == 2


def test_it_says_what_is_wrong(command: list[str]) -> None:
    """With the service's own sentence, and as a failure."""
    refusal = http(400, {"error": "instances[0] lacks the feature 'floor'.", "code": "MISSING_FIELD"})
    with scripted(lambda *_: refusal) as service:
        ended = run(command, service.url)
    assert ended.returncode != 0
    assert "lacks the feature 'floor'" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(service.requests) == 1
