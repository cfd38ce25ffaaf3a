"""Set up `.venv` on this machine: `make setup` calls it with the system's Python (standard library only).

torch is installed by a pip call of its own. Without a GPU it comes from PyTorch's CPU index, because the
build that pip finds elsewhere may bring several gigabytes of CUDA libraries that such a machine cannot use.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONSTRAINTS = pathlib.Path(__file__).with_name("constraints.txt")
PIP = "pip==26.3"
TORCH = "torch==2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
COMMAND = """\
#!/bin/sh
# Written by make setup: `mulgam COMMAND ...` from any folder, by the repository's modules, whatever lies in that one.
export PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1
exec {python} -m mulgam "$@"
"""
GROUPS = ("train", "handler", "service", "test", "check")


def has_gpu() -> bool:
    """Whether an NVIDIA driver answers with at least one GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return listed.returncode == 0 and "GPU 0" in listed.stdout


def pip(python: pathlib.Path, *arguments: str) -> bool:
    """Run pip in the environment; True where it succeeded."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def install_torch(python: pathlib.Path, gpu: bool, index: str) -> bool:
    """Install torch: the CPU build where there is no GPU and such a build can be had."""
    pinned = ("--constraint", str(CONSTRAINTS), TORCH)
    if gpu:
        print("setup: torch with CUDA (a GPU was found)", flush=True)
        return pip(python, *pinned)
    print("setup: torch, CPU build", flush=True)
    # Without its dependencies: those come from wherever pip is configured to look, in the next call.
    if pip(python, "--no-deps", "--index-url", index, "--retries", "0", "--timeout", "10", TORCH):
        return True
    print(
        f"setup: no torch from {index}; taking it from where pip is configured to look."
        " If that is the default build, it brings several GB of CUDA libraries that this machine does not need.",
        flush=True,
    )
    return pip(python, *pinned)


def make_environment(target: pathlib.Path) -> pathlib.Path:
    """Create the virtual environment if it is not there; the path of its Python."""
    python = target / "bin" / "python"
    if not python.exists():
        print(f"setup: virtual environment in {target.name}/", flush=True)
        venv.create(target, with_pip=True)
    return python


def write_command(python: pathlib.Path) -> None:
    """Put the command `mulgam` beside the environment's Python."""
    command = python.with_name("mulgam")
    words = {"root": shlex.quote(str(ROOT)), "python": shlex.quote(str(python.absolute()))}
    command.write_text(COMMAND.format(**words), encoding="utf-8")
    command.chmod(0o755)


def arguments() -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / ".venv", help="where (default: .venv)")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="which builds (default: auto)")
    parser.add_argument(
        "--torch-index",
        default=os.environ.get("TORCH_INDEX") or TORCH_CPU_INDEX,
        help="package index with CPU builds of torch (default: %(default)s)",
    )
    return parser.parse_args()


def main() -> int:
    """0 when everything is installed; 1 with a sentence that says what failed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs on whatever Python the machine has
        print(f"setup: Mulgam needs Python 3.11 or newer, this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    given = arguments()
    gpu = has_gpu() if given.device == "auto" else given.device == "gpu"
    python = make_environment(given.venv)
    groups = [part for name in (*GROUPS, "gpu" if gpu else "cpu") for part in ("--group", name)]
    steps: dict[str, Callable[[], bool]] = {
        PIP: lambda: pip(python, PIP),
        TORCH: lambda: install_torch(python, gpu, given.torch_index),
        "the libraries of pyproject.toml": lambda: pip(python, "--constraint", str(CONSTRAINTS), TORCH, *groups),
    }
    for what, step in steps.items():
        if not step():
            print(f"setup: pip could not install {what}; its message stands above.", file=sys.stderr)
            return 1
    write_command(python)
    print(f"setup: done ({'GPU' if gpu else 'CPU'} builds)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
