"""A reader's shell: what a page's console blocks say is typed into bash, in a copy of the repository.

Long-running commands (`make serve`) run beside the others, as in a second terminal: the next one waits until the
service is ready, and a further `make serve` ends the one before, as Ctrl-C would.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT, call, free_port, wait_until

# A service's start: these words, and not a question about them.
_SERVES = re.compile(r"(?:^|\s)(?:make serve|mulgam serve|-m service)(?:\s|$)(?!.*--help)")
# What has a running service go over to other versions.
_SWAPS = re.compile(r"mulgam (?:promote|rollback|canary|shadow)\b")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)")
_HEXADECIMAL = re.compile(r"\b[0-9a-f]{12,}\b")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
# What `make` compares with .venv/.ready: older here, since everything is installed.
_INSTALLED = ("pyproject.toml", "deploy/local/constraints.txt", "deploy/local/install.py")
# Thirty trainings teach nothing that two do not.
_SHORTER = (("TRIALS=30", "TRIALS=2"),)


@dataclass(frozen=True)
class Typed:
    """A command of a console block, and what the page shows of its output."""

    command: str
    shown: str


def typed(code: str) -> Iterator[Typed]:
    """The commands of a block: a line after `$ ` with those that continue it; other lines are output."""
    command: list[str] = []
    shown: list[str] = []
    for line in code.splitlines():
        if command and not shown and _is_open(command):
            command.append(line)
        elif line.startswith("$ "):
            if command:
                yield Typed("\n".join(command), "\n".join(shown))
            command, shown = [line[2:]], []
        else:
            shown.append(line)
    if command:
        yield Typed("\n".join(command), "\n".join(shown))


def _is_open(command: list[str]) -> bool:
    ends = _HEREDOC.findall("\n".join(command))
    return command[-1].endswith("\\") or any(end not in command[1:] for end in ends)


def shows(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed: lines in their order, any numbers, `…` for what is left out."""
    wanted = [line.strip() for line in shown.splitlines() if line.strip() not in ("", "…")]
    there = iter(_plain(line.strip()) for line in printed.splitlines())
    return all(any(_like(line).fullmatch(other) for other in there) for line in wanted)


def _plain(line: str) -> str:
    """A line without what another run prints otherwise: digests, ids, numbers."""
    return _NUMBER.sub("0", _HEXADECIMAL.sub("0", line))


def _like(line: str) -> re.Pattern[str]:
    parts = (re.escape(_plain(part)) for part in line.split("…"))
    return re.compile(".*".join(re.sub(r"(\\ )+", r"\\s+", part) for part in parts))


class Shell:
    """Bash in a folder that looks like a fresh clone, with an empty registry."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.port, self.admin_port = free_port(), free_port()
        self._state = folder.with_name(folder.name + ".env")
        self._log = folder.with_name(folder.name + ".log")
        self._service: subprocess.Popen[bytes] | None = None
        _clone(folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MULGAM_", "MAKE", "MFLAGS"))}
        self._environment = {
            **kept,
            "PATH": f"{folder / '.venv' / 'bin'}:{kept['PATH']}",
            "PORT": str(self.port),
            "ADMIN_PORT": str(self.admin_port),
            **variables,
        }

    def here(self, text: str) -> str:
        """Commands, or code, with this shell's ports."""
        text = re.sub(r"\b(?:127\.0\.0\.1|localhost):8000\b", f"127.0.0.1:{self.port}", text)
        text = re.sub(r"\b(?:127\.0\.0\.1|localhost):8001\b", f"127.0.0.1:{self.admin_port}", text)
        text = re.sub(r"\bPORT=9000\b", f"PORT={self.port}", text)
        text = re.sub(r"\bADMIN_PORT=9001\b", f"ADMIN_PORT={self.admin_port}", text)
        for long, short in _SHORTER:
            text = text.replace(long, short)
        return text

    def run(self, one: Typed, seconds: float = 240) -> str:
        """Run a command to its end, or start it where it serves; what it printed.

        Raises:
            AssertionError: it failed, answered with an error that the page does not show, or printed something else.
        """
        if _SERVES.search(one.command):
            self.serve(one.command)
            return ""
        # Assigned variables and the folder are kept for the next command.
        script = f"[ ! -e '{self._state}' ] || . '{self._state}'; cd \"$PWD\"; set -a\n"
        script += f'curl() {{ command curl -sS "$@"; }}\n{self.here(one.command)}\nstatus=$?\n'
        script += f"unset -f curl; export -p > '{self._state}'; exit $status\n"
        ended = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        told = f"$ {one.command}\n{ended.stdout}"
        assert ended.returncode == 0, f"exit status {ended.returncode}:\n{told}"
        refused = any(line.startswith('{"error":') for line in ended.stdout.splitlines())
        assert not refused or '{"error":' in one.shown, f"an error:\n{told}"
        assert shows(one.shown, ended.stdout), f"the page shows:\n{one.shown}\nand not:\n{told}"
        if _SWAPS.search(one.command) and self.is_serving:
            wait_until(self._follows, 60, f"the service follows serving.json; log:\n{self._output()}")
        return ended.stdout

    def serve(self, command: str = "make serve") -> None:
        """Start a service and wait for it, as long as a first training takes; the one before ends."""
        self.stop()
        with self._log.open("ab") as log:
            self._service = subprocess.Popen(
                ["bash", "-c", self.here(command)], cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until(self._ready, 240, f"ready; log:\n{self._output()}")

    @property
    def is_serving(self) -> bool:
        """Whether a service was started, and runs."""
        return self._service is not None and self._service.poll() is None

    def _ready(self) -> bool:
        assert self.is_serving, self._output()
        with contextlib.suppress(OSError):
            return call(self.admin_port, "GET", "/readyz", timeout=5).status == 200
        return False

    def _follows(self) -> bool:
        """Whether the service runs what is written, canaries too: a reader is slower than it is."""
        written = json.loads((self.folder / "registry" / "serving.json").read_text())
        figures = call(self.admin_port, "GET", "/metrics").body.decode()
        canaries = sum(choice.get("canary") is not None for choice in written["models"].values())
        answering = re.findall(r"^mulgam_canary_share\{.*\} (?!0\.0$)", figures, re.MULTILINE)
        return f"mulgam_serving_generation {written['generation']:.1f}" in figures and len(answering) == canaries

    def _output(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        """End the service by Ctrl-C."""
        if self._service is not None and self._service.poll() is None:
            os.killpg(self._service.pid, signal.SIGINT)
            try:
                self._service.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._service.pid, signal.SIGKILL)
                self._service.wait(10)
        self._service = None


def _clone(folder: Path) -> None:
    """Everything of the repository by links, but for what a run writes (registry, runs, build)."""
    folder.mkdir()
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for top in {line.split("/")[0] for line in tracked.splitlines()} | {".venv"}:
        if top not in ("pyproject.toml", "deploy"):
            (folder / top).symlink_to(ROOT / top)
    for inner in (ROOT / "deploy").iterdir():
        if inner.name != "local":
            (folder / "deploy").mkdir(exist_ok=True)
            (folder / "deploy" / inner.name).symlink_to(inner)
    (folder / "deploy" / "local").mkdir()
    for file in _INSTALLED:
        (folder / file).write_bytes((ROOT / file).read_bytes())
        os.utime(folder / file, (0, 0))
